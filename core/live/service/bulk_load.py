"""Counts the stored events of closed sessions all at once, as a service does when it starts or changes its run.

Closed sessions are only history. Their events are added to those of the model, and sorted with them as in batches.
Open sessions are replayed.

An open session keeps what it looked up when its events arrived. An event of another session that arrived afterwards,
although it happened before the open session began, was not counted. A session with such a late event is replayed, too,
so that a restart changes no estimate.
"""

from __future__ import annotations

import json

import numpy as np
import polars as pl
from numpy.typing import NDArray

from core.live.events import EventCoder
from core.live.parity import FIRST_CODE
from core.live.service.event_store import CLOSED
from core.live.service.served_model import ServedModel
from core.model.history import History
from core.schema import CATEGORY, EVENT_CODE, PRODUCT, SESSION, START, TIME, TYPE, UNIT, USER

_NUMBER, _IS_HISTORY, _SEGMENT = "number", "is_history", "segment"
_IS_LATE, _IS_BULK, _IS_REPLAYED = "is_late", "is_bulk", "is_replayed"
_CLOSE = -1
"""Type of the row that says that a session was closed."""


class BulkLoad:
    """Takes the stored events of a service in parts, and then loads the history of its closed sessions.

    Call `add` for each part, in the order of the store, and then `finish` once.

    Args:
        served: the model, whose scorer has not observed events.
        is_history: which events become history, an expression with the columns `number` and `time`.
    """

    def __init__(self, served: ServedModel, is_history: pl.Expr) -> None:
        self._served, self._is_history = served, is_history
        self._parts: list[pl.DataFrame] = []

    def add(self, table: pl.DataFrame) -> None:
        """Take the next events, as `EventStore.table` returns them."""
        coder = self._served.scorer.coder
        codes = {name: coder.codes.of_all(name, table.get_column(name)) for name in (USER, PRODUCT, CATEGORY)}
        kinds = pl.col("type").replace_strict(EVENT_CODE | {CLOSED: _CLOSE}, return_dtype=pl.Int8)
        schema = self._served.model.history.events.schema
        self._parts.append(
            table.select(
                _NUMBER,
                # 64 bits: two of ten million ids share a hash with a probability of 0.0003%
                pl.col("session").hash().reinterpret(signed=True).alias(SESSION),
                *(pl.Series(name, series) for name, series in codes.items()),
                kinds.alias(TYPE),
                pl.col("time").alias(TIME),
                self._is_history.alias(_IS_HISTORY),
                *_own_cells(coder, table, schema),
            )
        )

    def finish(self) -> list[int]:
        """Load the history of the closed sessions, and return the numbers of the events to replay, in order."""
        if not self._parts:
            return []
        rows = _with_segments(pl.concat(self._parts))
        self._parts = []
        segment_of_row = _segments(rows)[rows.get_column(_SEGMENT)]
        replayed = rows.filter(segment_of_row.get_column(_IS_REPLAYED)).get_column(_NUMBER).sort().to_list()
        closed = rows.filter(segment_of_row.get_column(_IS_BULK), pl.col(TYPE) != _CLOSE)
        del rows, segment_of_row  # with `closed`, a gigabyte for ten million events
        if closed.height:
            model = self._served.model
            if model.mapping.duplicates == "remove":
                closed = closed.unique(pl.exclude(_NUMBER, _IS_HISTORY), maintain_order=True)
            history = _advanced(model.history, closed)
            del closed
            self._served.scorer.replace_history(history)
        return replayed


def _with_segments(rows: pl.DataFrame) -> pl.DataFrame:
    """Sort rows by session, and number the segments: a session that was closed and came back is another one."""
    first = pl.any_horizontal(
        pl.col(SESSION) != pl.col(SESSION).shift(),
        pl.col(USER) != pl.col(USER).shift(),
        pl.col(TYPE).shift() == _CLOSE,
    )
    rows = rows.sort(SESSION, USER, _NUMBER)
    return rows.with_columns((first.fill_null(value=True).cum_sum() - 1).alias(_SEGMENT))


def _segments(rows: pl.DataFrame) -> pl.DataFrame:
    """Return whether the events of a segment are loaded in bulk or replayed; neither if none of them is history.

    Args:
        rows: the output of `_with_segments`.

    Returns:
        One row per segment, in the order of their numbers, with _IS_BULK and _IS_REPLAYED.
    """
    is_closed = pl.col(TYPE).last() == _CLOSE
    is_event = pl.col(TYPE) != _CLOSE
    opened = rows.filter(~is_closed.over(_SEGMENT)).group_by(_SEGMENT).agg(pl.col(_NUMBER, TIME).first())
    rows = rows.with_columns(pl.Series(_IS_LATE, _arrived_late(rows, opened.sort(_NUMBER))))
    segments = rows.group_by(_SEGMENT, maintain_order=True).agg(
        is_closed.alias("closed"),
        pl.col(_IS_HISTORY).filter(is_event).any().alias("any_history"),
        pl.col(_IS_HISTORY).filter(is_event).all().alias("all_history"),
        pl.col(_IS_LATE).filter(is_event).any().alias("any_late"),
    )
    any_history = pl.col("any_history")
    is_bulk = pl.col("closed") & any_history & pl.col("all_history") & ~pl.col("any_late")
    is_replayed = ~pl.col("closed") | (any_history & ~is_bulk)
    return segments.select(is_bulk.alias(_IS_BULK), is_replayed.alias(_IS_REPLAYED))


def _arrived_late(rows: pl.DataFrame, opened: pl.DataFrame) -> NDArray[np.bool_]:
    """Return which rows arrived after the first event of an open session, but happened before it.

    Args:
        opened: number and time of the first event of each open session, by number.
    """
    latest = np.concatenate([[np.iinfo(np.int64).min], np.maximum.accumulate(opened.get_column(TIME).to_numpy())])
    n_before = opened.get_column(_NUMBER).to_numpy().searchsorted(rows.get_column(_NUMBER).to_numpy())
    return np.asarray(rows.get_column(TIME).to_numpy() < latest[n_before])


def _advanced(history: History, rows: pl.DataFrame) -> History:
    """Return a history with the events of closed sessions, sorted by segment. Each segment is a visit of its own."""
    units = rows.group_by(_SEGMENT, maintain_order=True).agg(pl.col(USER).first(), pl.col(TIME).min().alias(START))
    units = units.with_row_index(UNIT).with_columns(pl.col(UNIT).cast(pl.Int64))
    events = rows.join(units.select(_SEGMENT, UNIT), on=_SEGMENT, maintain_order="left")
    return history.with_units(units.select((pl.col(UNIT) + FIRST_CODE).alias(SESSION), USER, START), events)


def _own_cells(coder: EventCoder, table: pl.DataFrame, schema: pl.Schema) -> list[pl.Series]:
    """Return the cells of the own columns of events. Equal values are read once."""
    own = coder.own
    if not own.columns:
        return []
    names = ["own", *own.ids_of_tables]
    distinct = table.select(names).unique()
    cells = [
        own.cells(json.loads(row["own"] or "{}"), row.get(PRODUCT, ""), row.get(USER, ""))
        for row in distinct.iter_rows(named=True)
    ]
    stored = {column.stored: schema[column.stored] for column in own.columns}
    with_cells = distinct.hstack(pl.DataFrame(cells, schema=stored, orient="row"))
    rows = table.select(names).join(with_cells, on=names, how="left", maintain_order="left")
    return rows.select(list(stored)).get_columns()
