"""Rows of sessions for the fits of a model: features, events, and the times of their users' sessions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from core.base.progress import Report, no_report
from core.features import describe_prefixes, merge_composite_sessions, open_engine
from core.features.learned.baskets import Baskets, Catalogue
from core.features.learned.user_values import Sessions
from core.model.history import NEW, VALUED, LogWithHistory
from core.model.spec import ModelSpec
from core.schema import CATEGORY, PRODUCT, ROLE, SESSION, START, TRAIN_ROLE, TYPE, UNIT, USER
from core.training import Matrix

_UNITS_AT_ONCE = 250_000
"""Units whose features are computed together: a million would need 1.6 GB more for 5 million events."""
_ROWS_AT_ONCE = 50_000
"""Rows of a matrix: with 118 columns they take 47 MB, so that each core can work on one."""


@dataclass(frozen=True)
class SessionRows:
    """Some units, one row each.

    Attributes:
        units: unit and session of each row.
        X: (rows, features) features of the feature table; NaN where a feature is not defined.
        baskets: the events of the units.
        sessions: users and times of the units. `itself` is the position of the same session among those with a value.
    """

    units: pl.DataFrame
    X: Matrix
    baskets: Baskets
    sessions: Sessions

    def part(self, rows: NDArray[np.int64]) -> SessionRows:
        """Return some of the rows, in ascending order."""
        return SessionRows(self.units[rows], self.X[rows], self.baskets.part(rows), self.sessions.part(rows))


def session_rows(
    log_with_history: LogWithHistory,
    spec: ModelSpec,
    catalogue: Catalogue,
    units: pl.Series | None = None,
    report: Report = no_report,
) -> Iterator[SessionRows]:
    """Compute the rows of units, some at a time, in unit order.

    Args:
        log_with_history: the new events and those that the model knows.
        spec: the features of the model, and how they are computed.
        catalogue: the items and groups of the model.
        units: numbers of the units, ascending; None for those of the new file.
        report: receives the progress of the features.

    Yields:
        The rows of at most `_ROWS_AT_ONCE` units.
    """
    events, all_units = log_with_history.log
    config = spec.config
    if not config.split_composite_sessions:
        lazy_events, lazy_units = merge_composite_sessions(events.lazy(), all_units.lazy())
        events, all_units = lazy_events.sort(UNIT).collect(), lazy_units.collect()
    selected = all_units.filter(NEW) if units is None else all_units.filter(pl.col(UNIT).is_in(units.implode()))
    if selected.is_empty():
        return
    selected = selected.join(_positions(all_units), on=[SESSION, USER], how="left", maintain_order="left")
    own_columns = [column.stored for column in catalogue.own]
    subset, done = selected.get_column(UNIT), 0
    items = events.select(UNIT, PRODUCT, CATEGORY, TYPE, *own_columns)
    if units is not None:  # those of a file are most of the log, so a copy of their events would only take memory
        items = items.filter(pl.col(UNIT).is_in(subset.implode()))
    unit_of_item = items.get_column(UNIT).to_numpy()
    log = events.lazy(), all_units.drop(VALUED, NEW).lazy()
    with open_engine(config.engine, *log, config.history, spec.log_start, own_columns=spec.own) as engine:
        for table in engine.batches(spec.groups, unit_subset=subset, at_once=_UNITS_AT_ONCE, report=report):
            for values in table.iter_slices(_ROWS_AT_ONCE):
                rows = selected[done : done + values.height]
                begin, end = unit_of_item.searchsorted([rows[0, UNIT], rows[-1, UNIT] + 1])
                yield _rows_of(rows, values, items[begin:end], catalogue)
                done += values.height


def _rows_of(units: pl.DataFrame, values: pl.DataFrame, items: pl.DataFrame, catalogue: Catalogue) -> SessionRows:
    """Return the rows of units with these features; `items` has their events, and may have those of others."""
    return SessionRows(
        units.select(UNIT, SESSION),
        np.ascontiguousarray(values.to_numpy(), dtype=np.float64),
        Baskets.of(items, units.get_column(UNIT).to_numpy(), catalogue),
        _sessions(units, values.get_column("duration")),
    )


def prefix_rows(
    log_with_history: LogWithHistory, spec: ModelSpec, catalogue: Catalogue, prefixes: pl.DataFrame
) -> SessionRows:
    """Compute the rows of prefixes of units: their first events, with the history before the session began.

    Args:
        prefixes: unit (ascending) and events_seen, one row per prefix.
    """
    events, all_units = log_with_history.log
    all_with_positions = all_units.join(_positions(all_units), on=[SESSION, USER], how="left", maintain_order="left")
    units = prefixes.select(UNIT).join(all_with_positions, on=UNIT, maintain_order="left")
    values, prefix_events = describe_prefixes(
        events.lazy(),
        all_units.drop(VALUED, NEW),
        prefixes,
        spec.config,
        own=spec.own,
        log_start=spec.log_start,
    )
    numbers = np.arange(prefixes.height)
    X = np.ascontiguousarray(values.select(spec.features).to_numpy(), dtype=np.float64)
    baskets = Baskets.of(prefix_events, numbers, catalogue)
    return SessionRows(units.select(UNIT, SESSION), X, baskets, _sessions(units, values.get_column("duration")))


def _positions(units: pl.DataFrame) -> pl.DataFrame:
    """Return session, user and position of the units with a known value."""
    is_valued = (pl.col(ROLE) == TRAIN_ROLE) & (pl.col(VALUED) >= 0)
    return units.filter(is_valued).select(SESSION, USER, pl.col(VALUED).cast(pl.Int64).alias("_itself"))


def _sessions(units: pl.DataFrame, duration: pl.Series) -> Sessions:
    starts = units.get_column(START).to_numpy()
    return Sessions(
        units.get_column(USER).to_numpy(),
        starts,
        starts + duration.to_numpy().astype(np.int64),
        units.get_column("_itself").fill_null(-1).to_numpy(),
    )
