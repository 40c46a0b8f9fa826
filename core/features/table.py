"""Builds the feature table: one row a unit, one column a feature."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray
from polars.io.plugins import register_io_source

from core.config import RunConfig, available_cores
from core.dataset import Dataset
from core.features.definition import FeatureGroup, History
from core.features.engines import Engine, EngineName, opened
from core.features.engines.polars_engine import PolarsEngine, PolarsLog
from core.features.per_unit import with_columns_of
from core.features.registry import GROUPS
from core.schema import CATEGORY, PRODUCT, ROLE, SESSION, TIME, TYPE, UNIT, USER, USER_ID, USER_SESSION

_UNITS_AT_ONCE = 1_000_000
"""Units whose features are computed at a time on Polars: what is on the way to them stays small."""
_UNITS_WRITTEN_AT_ONCE = 2_000_000
"""Units whose features are held at a time when a table is written: 98 columns of 8 bytes are 1.6 GB."""
_UNITS_NAMED_AT_ONCE = 4 * _UNITS_WRITTEN_AT_ONCE
"""Units whose ids are looked up at a time when a table is written: 1 GB."""
_UNITS_FILE, _VALUES_FILE = "units.arrow", "values.arrow"
_EVENT_COLUMNS = (UNIT, USER, PRODUCT, CATEGORY, TYPE, TIME)
Report = Callable[[int, int, str], None]
"""Is told what is done, of how many parts, and a word on what was done last."""


def _unheard(done: int, of: int, text: str) -> None:
    """For those who follow nothing."""


@dataclass(frozen=True)
class FeatureTable:
    """Features beside the units they describe: `units` and `values` have the same rows in the same order (by unit).

    `units` has the columns of Dataset.units(); `values` one Float64 column a feature, null where there is nothing to
    measure (a gap in a session of one event).
    """

    units: pl.DataFrame
    values: pl.DataFrame

    @property
    def names(self) -> list[str]:
        return self.values.columns

    def matrix(self, rows: pl.Series) -> NDArray[np.float64]:
        """The chosen rows (a mask) as (rows, features), C-contiguous; null becomes NaN, which the learners know."""
        return np.ascontiguousarray(self.values.filter(rows).to_numpy(), dtype=np.float64)

    def save(self, folder: Path) -> None:
        """Write both tables into a folder, for `load`."""
        self.units.write_ipc(folder / _UNITS_FILE)
        self.values.write_ipc(folder / _VALUES_FILE)

    @classmethod
    def load(cls, folder: Path) -> FeatureTable:
        """What `save` wrote; nothing of the folder is needed afterwards."""
        return cls(*(pl.read_ipc((folder / name).read_bytes()) for name in (_UNITS_FILE, _VALUES_FILE)))


def build_features(dataset: Dataset, config: RunConfig, report: Report = _unheard) -> FeatureTable:
    """Compute every group of the registry for all units of both files."""
    events, units = events_and_units(dataset, config)
    return FeatureTable(units, compute_features(events, units.lazy(), config.history, report, engine=config.engine))


def session_events(dataset: Dataset, config: RunConfig) -> pl.DataFrame:
    """What every unit did, for what is learned from its products: unit, product, category, type; one row an event."""
    events, _ = events_and_units(dataset, config)
    return events.select(UNIT, PRODUCT, CATEGORY, TYPE).collect()


def events_and_units(dataset: Dataset, config: RunConfig) -> tuple[pl.LazyFrame, pl.DataFrame]:
    """The events of both files and their units; both by unit.

    With `split_composite_sessions` off, the users of a shared session id become one unit a file, that of the user whose
    events begin first in either file (of several, the one with the lowest code).
    """
    # each file's are sorted, and no unit is of both: merged, they need not be sorted again
    events = dataset.events("train").merge_sorted(dataset.events("test"), key=UNIT)
    units = dataset.units().sort(UNIT)
    if not config.split_composite_sessions:
        first = ("start", USER)
        merged = units.with_columns(
            pl.col(UNIT).sort_by(*first).first().over(ROLE, SESSION).alias("_merged"),
            pl.col("start").min().over(ROLE, SESSION),
            # one for both files: the parts of a visit are known by session and user, and neither is the other's past
            pl.col(USER).sort_by(*first).first().over(SESSION),
        )
        owner = merged.select(UNIT, "_merged", pl.col(USER).alias("_user"))
        events = events.join(owner, on=UNIT, how="left").with_columns(
            pl.col("_merged").alias(UNIT), pl.col("_user").alias(USER)
        )
        units = merged.filter(pl.col(UNIT) == pl.col("_merged")).drop("_merged")
    return events, units.collect()


def compute_features(
    events: pl.LazyFrame,
    units: pl.LazyFrame,
    history: History,
    report: Report = _unheard,
    groups: tuple[FeatureGroup, ...] = GROUPS,
    *,
    engine: EngineName = "polars",
) -> pl.DataFrame:
    """Compute the groups; one row a unit in unit order, one Float64 column a feature in registry order."""
    events = events.select(_EVENT_COLUMNS)
    if engine == "polars":
        log = PolarsLog(events, units, history)
        return _in_parts(log, range(log.units.height), groups, report)
    table = units.select(UNIT).sort(UNIT).collect()
    with opened(engine, events, units, history) as one:
        found = _all_computed(one, table, groups, report)
    report(len(groups), len(groups), "")
    return found


def _in_parts(
    log: PolarsLog,
    rows: range,
    groups: tuple[FeatureGroup, ...] = GROUPS,
    report: Report = _unheard,
) -> pl.DataFrame:
    """The features of the groups for the units in some rows of a log."""
    firsts = rows[::_UNITS_AT_ONCE]
    parts, each = [], len(groups)
    for number, first in enumerate(firsts):
        last, done = min(first + _UNITS_AT_ONCE, rows.stop), number * each

        def told(group: int, _: int, text: str, done: int = done) -> None:
            report(done + group, len(firsts) * each, text)

        engine = PolarsEngine(log.part(first, last))
        # Polars leaves a core idle in parts of a group
        parts.append(_all_computed(engine, log.units[first:last].select(UNIT), groups, told, workers=available_cores()))
    report(len(firsts) * each, len(firsts) * each, "")
    return pl.concat(parts)


def _all_computed(
    log: Engine,
    units: pl.DataFrame,
    groups: tuple[FeatureGroup, ...],
    report: Report,
    *,
    workers: int = 1,
) -> pl.DataFrame:
    """The features of the groups for these units, in their order."""
    parts: dict[str, pl.DataFrame] = {}
    # the longest go first, so that no worker is idle in the end
    ahead = sorted(groups, key=lambda group: group.looks_at != "history")
    with ThreadPoolExecutor(workers) as pool:
        tasks = {pool.submit(_computed, log, group, units): group.name for group in ahead}
        for number, task in enumerate(as_completed(tasks)):
            report(number, len(groups), tasks[task].replace("_", " "))
            parts[tasks[task]] = task.result()
    return pl.concat([parts[group.name] for group in groups], how="horizontal")


def write_features(dataset: Dataset, config: RunConfig, path: Path, report: Report = _unheard) -> int:
    """Write the feature table of a dataset to a Parquet file, for a table that need not fit into memory.

    Units are gone through in parts; only what the history is looked up in is held of the whole log.
    Other engines than Polars make the whole table first, and hold it.

    Returns:
        How many units were written. Columns: user_session and user_id as they stand in the files, those of
        Dataset.units(), then the features; equal to build_features but
        for the last bit, as Polars divides a column of one row otherwise than one of many.
    """
    events, units = events_and_units(dataset, config)
    if config.engine != "polars":
        values = compute_features(events, units.lazy(), config.history, report, engine=config.engine)
        with_ids(dataset, units).hstack(values).write_parquet(path)
        return units.height
    log = PolarsLog(events.select(_EVENT_COLUMNS), units.lazy(), config.history)
    firsts = range(0, units.height, _UNITS_WRITTEN_AT_ONCE)

    def tables(*_: object) -> Iterator[pl.DataFrame]:
        named = units.clear()
        for number, first in enumerate(firsts):
            report(number, len(firsts), f"sessions from {first + 1:,}")
            if named.is_empty():  # each look reads all ids of the dataset
                named = with_ids(dataset, units[first : first + _UNITS_NAMED_AT_ONCE])
            rows, named = named[:_UNITS_WRITTEN_AT_ONCE], named[_UNITS_WRITTEN_AT_ONCE:]
            yield rows.hstack(_in_parts(log, range(first, first + rows.height)))

    ids = {USER_SESSION: pl.String(), USER_ID: pl.String()}
    schema = pl.Schema(
        ids | dict(units.schema) | {feature.name: pl.Float64() for group in GROUPS for feature in group.features}
    )
    register_io_source(tables, schema=schema).sink_parquet(path, compression="lz4")
    report(len(firsts), len(firsts), "")
    return units.height


def with_ids(dataset: Dataset, units: pl.DataFrame) -> pl.DataFrame:
    """Units with the ids that their session and user have in the files in front; only theirs are looked up."""
    for id_, code in ((USER_ID, USER), (USER_SESSION, SESSION)):
        wanted = units.lazy().select(code).unique()
        names = dataset.dictionary(id_).select(code, id_).join(wanted, on=code, how="semi").collect(engine="streaming")
        units = units.join(names, on=code, how="left", maintain_order="left").select(id_, pl.exclude(id_))
    return units


def features_of(dataset: Dataset, chosen: pl.Series, report: Report = _unheard) -> pl.DataFrame:
    """The features of the chosen units (ids) as a run computes them by default, by unit, for those who look at a few:
    of five million events the features of twenty thousand sessions take a third of the time.
    """
    config = RunConfig()
    events, units = events_and_units(dataset, config)
    log = PolarsLog(events.select(_EVENT_COLUMNS), units.lazy(), config.history)
    rows = np.flatnonzero(log.units.get_column(UNIT).is_in(chosen.implode()).to_numpy())
    asked = log.units[rows].select(UNIT)
    found = _all_computed(PolarsEngine(log.chosen(rows)), asked, GROUPS, report, workers=available_cores())
    report(len(GROUPS), len(GROUPS), "")
    return found


def _computed(log: Engine, group: FeatureGroup, units: pl.DataFrame) -> pl.DataFrame:
    """The features of a group for these units, in their order, as Float64."""
    placed = with_columns_of(units, log.collect(group))
    # one by one: half the memory
    return pl.DataFrame([placed.drop_in_place(feature.name).cast(pl.Float64) for feature in group.features])
