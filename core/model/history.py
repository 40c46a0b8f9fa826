"""The history of a model: every event that it knows, from which the history features of new sessions are computed.

It holds events, not counts. Counts at the end of the log could not describe a session that began earlier, or one that
is in several files, and the number of different users of a product cannot be added up from counts. An event takes about
ten bytes on disk.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from core.dataset import Dataset
from core.features.columns import EVENT_ORDER
from core.ingestion import EventLog
from core.own_columns import OwnColumn
from core.schema import (
    CATEGORY,
    CATEGORY_ID,
    PRODUCT,
    PRODUCT_ID,
    ROLE,
    SESSION,
    START,
    TEST_ROLE,
    TIME,
    TRAIN_ROLE,
    TYPE,
    UNIT,
    USER,
    USER_ID,
    USER_SESSION,
)

ID_COLUMNS = {PRODUCT: PRODUCT_ID, CATEGORY: CATEGORY_ID, USER: USER_ID, SESSION: USER_SESSION}
"""Column of a code -> column of its id."""
VALUED = "valued"
"""Position of the unit among the sessions with a known value; -1 if it has none."""
NEW = "new"
"""Whether the unit is one of the file to score."""
_EVENT_COLUMNS = (UNIT, PRODUCT, CATEGORY, TYPE, TIME)
_COPY = "_copy"
_EVENTS_FILE, _UNITS_FILE = "events.parquet", "units.parquet"


@dataclass(frozen=True, eq=False, repr=False)
class History:
    """Events and units. A unit's number is its row in `units`.

    Attributes:
        events: unit, product, category, type, time (epoch seconds) and the own columns of each event, sorted by unit.
        units: role, session, user, start (epoch seconds) and VALUED of each unit. The role is that of the train file
            for training sessions, and that of the test file for all others.
        ids: column of a code -> table of the codes and their ids.
    """

    events: pl.DataFrame
    units: pl.DataFrame
    ids: Mapping[str, pl.DataFrame]

    @classmethod
    def of(cls, dataset: Dataset, training_units: NDArray[np.int64], own: Iterable[OwnColumn] = ()) -> History:
        """Return the history of a dataset. Unit `training_units[i]` is the training session in position i."""
        columns = [*_EVENT_COLUMNS, *(column.stored for column in own)]
        events = dataset.events("train").merge_sorted(dataset.events("test"), key=UNIT).select(columns).collect()
        units = dataset.units().sort(UNIT).select(UNIT, ROLE, SESSION, USER, START).collect()
        positions = np.full(units.height, -1, dtype=np.int32)
        positions[training_units] = np.arange(len(training_units), dtype=np.int32)
        ids = {code: dataset.dictionary(name).select(code, name).collect() for code, name in ID_COLUMNS.items()}
        return cls(events, units.drop(UNIT).with_columns(pl.Series(VALUED, positions)), ids)

    def save(self, folder: Path) -> None:
        """Write the history into a folder."""
        self.events.write_parquet(folder / _EVENTS_FILE, compression="zstd")
        self.units.write_parquet(folder / _UNITS_FILE, compression="zstd")
        for name, table in self.ids.items():
            table.write_parquet(folder / f"{ID_COLUMNS[name]}.parquet", compression="zstd")

    @classmethod
    def load(cls, folder: Path) -> History:
        """Read a history that `save` wrote."""
        events, units = (_read(folder / name) for name in (_EVENTS_FILE, _UNITS_FILE))
        return cls(events, units, {code: _read(folder / f"{name}.parquet") for code, name in ID_COLUMNS.items()})

    @property
    def as_log(self) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Events and units as the feature engines take them, both sorted by unit."""
        events, units = whole_history(self).log
        return events, units.drop(VALUED, NEW)

    def with_new(self, log: EventLog) -> LogWithHistory:
        """Add the events of a new file.

        A session that is in the history already continues: its rows in the history and in the file are those of one
        unit. Rows that are in both count once, so a file may be scored again. A session of several users continues
        with all of them. If a session is in both files of the run, the rows in its test file continue. If rows differ
        only in cells of a table of products or users, those of the new file count.
        """
        new_ids = {name: _with_known_codes(self.ids[name], log, name) for name in ID_COLUMNS}
        translated = {name: ids for name, ids in new_ids.items() if (ids["_own"] != ids[name]).any()}
        events = _translate(log.tables.events("test").select(self.events.columns).collect(), translated)
        units_in_file = log.tables.units().sort(UNIT).select(UNIT, SESSION, USER, START).collect()
        units = _translate(units_in_file, translated).with_columns(pl.lit(TEST_ROLE, pl.Int8).alias(ROLE))
        continued = self._continued(units)
        if continued.height:
            events = self._joined_rows(events, continued, log.from_tables)
            starts = self.units.select(pl.col(START).alias("_start"))[continued["_earlier"]].hstack([continued[UNIT]])
            units = units.join(starts, on=UNIT, how="left", maintain_order="left")
            units = units.with_columns(pl.min_horizontal(START, "_start").alias(START))
        others = self._without(continued["_earlier"].to_numpy())
        all_ids = {
            name: pl.concat([known, new_ids[name].filter("_is_new").select(known.columns)])
            for name, known in self.ids.items()
        }
        no_position = pl.lit(-1, pl.Int32).alias(VALUED)
        all_units = pl.concat([others.units, units.select(ROLE, SESSION, USER, START, no_position)])
        sessions_in_file = log.sessions.select(USER_SESSION).join(all_ids[SESSION], on=USER_SESSION).get_column(SESSION)
        is_new = (pl.col(ROLE) == TEST_ROLE) & pl.col(SESSION).is_in(sessions_in_file.implode())
        return LogWithHistory(
            pl.concat([others.events, events.with_columns(pl.col(UNIT) + others.units.height)]),
            all_units.with_columns(is_new.alias(NEW)),
            all_ids,
        )

    def with_units(self, units: pl.DataFrame, events: pl.DataFrame) -> History:
        """Add units of which no value is known.

        Args:
            units: session, user and start of each unit.
            events: the columns of `events`. A unit's number is its row in the argument `units`, and the events are
                sorted by it.
        """
        added_units = units.with_columns(pl.lit(TEST_ROLE).alias(ROLE), pl.lit(-1).alias(VALUED))
        added_events = events.with_columns(pl.col(UNIT) + self.units.height)
        return History(
            pl.concat([self.events, added_events.select(self.events.columns).cast(self.events.schema)]),
            pl.concat([self.units, added_units.select(self.units.columns).cast(self.units.schema)]),
            self.ids,
        )

    def _without(self, rows: NDArray[np.uint32]) -> History:
        """Return the history without the events of the units in these rows, and without the units themselves.

        Training sessions stay as units without events, because their values still count for their users.
        """
        if not len(rows):
            return self
        emptied = np.zeros(self.units.height, dtype=bool)
        emptied[rows] = True
        kept = ~emptied | (self.units[ROLE] == TRAIN_ROLE).to_numpy()
        new_numbers = np.cumsum(kept) - 1
        events = self.events.filter(pl.Series(~emptied[self.events[UNIT].to_numpy()]))
        events = events.with_columns(pl.Series(UNIT, new_numbers[events[UNIT].to_numpy()]))
        return History(events, self.units.filter(pl.Series(kept)), self.ids)

    def _continued(self, units: pl.DataFrame) -> pl.DataFrame:
        """Return the units of a new file whose session the history has, and their rows in it (`_earlier`)."""
        own_units = self.units.with_row_index("_earlier").select("_earlier", ROLE, SESSION, USER)
        matches = units.select(UNIT, SESSION, USER).join(own_units, on=[SESSION, USER])
        last_role = pl.col(ROLE) == pl.col(ROLE).max().over(UNIT)  # that of the test file, if it is in both
        return matches.filter(last_role).select(UNIT, "_earlier").sort(UNIT)

    def _joined_rows(self, events: pl.DataFrame, continued: pl.DataFrame, from_tables: frozenset[str]) -> pl.DataFrame:
        """Return the events of a new file, with the earlier rows of the sessions that continue, sorted by unit."""
        numbers = continued.with_columns(pl.col("_earlier").cast(pl.Int64))
        earlier = self.events.join(numbers, left_on=UNIT, right_on="_earlier", suffix="_new")
        columns = self.events.columns
        of_log = [name for name in columns if name not in from_tables]
        earlier = earlier.with_columns(pl.col(f"{UNIT}_new").alias(UNIT)).select(columns)
        is_continued = pl.col(UNIT).is_in(continued[UNIT].implode())
        both = [
            rows.with_columns(pl.int_range(pl.len()).over(of_log).alias(_COPY))
            for rows in (earlier, events.filter(is_continued))
        ]
        # Equal rows of one file stay as many as they are.
        joined = pl.concat(both).unique([*of_log, _COPY], keep="last").drop(_COPY)
        return pl.concat([events.filter(~is_continued), joined]).sort(
            UNIT, *EVENT_ORDER, *(name for name in columns if name not in (UNIT, *EVENT_ORDER))
        )


@dataclass(frozen=True, eq=False, repr=False)
class LogWithHistory:
    """The history together with the events of a new file.

    Attributes:
        events: as in `History`.
        units: as in `History`, and NEW.
        ids: as in `History`.
    """

    events: pl.DataFrame
    units: pl.DataFrame
    ids: Mapping[str, pl.DataFrame]

    @property
    def history(self) -> History:
        """The history, advanced by the events of the file."""
        return History(self.events, self.units.drop(NEW), self.ids)

    @cached_property
    def log(self) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Events and units as the feature engines take them, both sorted by unit; units also have VALUED and NEW."""
        units = self.units.with_row_index(UNIT).with_columns(pl.col(UNIT).cast(pl.Int64))
        users = units.get_column(USER).gather(self.events.get_column(UNIT))
        return self.events.with_columns(users), units


def whole_history(history: History) -> LogWithHistory:
    """Return the history alone, without a new file."""
    units = history.units.with_columns(pl.lit(value=False).alias(NEW))
    return LogWithHistory(history.events, units, history.ids)


def _read(path: Path) -> pl.DataFrame:
    return pl.read_parquet(path, memory_map=False, glob=False)


def _with_known_codes(history_ids: pl.DataFrame, log: EventLog, name: str) -> pl.DataFrame:
    """Return the ids of a new file with the codes of the history: code, id, `_own` (code in the file), `_is_new`.

    The codes of both are hashes of the ids. They differ if another version of Polars, or another seed, computed them.
    """
    id_column = ID_COLUMNS[name]
    ids_in_file = log.tables.dictionary(id_column).select(pl.col(name).alias("_own"), id_column).collect()
    joined = ids_in_file.join(history_ids, on=id_column, how="left", maintain_order="left")
    joined = joined.with_columns(pl.col(name).is_null().alias("_is_new"), pl.col(name).fill_null(pl.col("_own")))
    seed = log.seed
    while (
        clashes := joined.filter("_is_new").join(history_ids, on=name, how="semi")
    ).height:  # a new id with an old code
        seed += 1
        is_clash = pl.col(id_column).is_in(clashes[id_column].implode())
        other_code = pl.col(id_column).hash(seed).reinterpret(signed=True)
        joined = joined.with_columns(pl.when(is_clash).then(other_code).otherwise(name).alias(name))
    return joined


def _translate(rows: pl.DataFrame, translated: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """Replace the codes of a new file by those of the history."""
    for name, ids in translated.items():
        if name in rows.columns:
            codes = ids.select(pl.col("_own").alias(name), pl.col(name).alias("_known"))
            rows = rows.join(codes, on=name, how="left", maintain_order="left").with_columns(
                pl.col("_known").alias(name)
            )
            rows = rows.drop("_known")
    return rows
