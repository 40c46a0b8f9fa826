"""Polars engine, the fastest for logs that fit into memory.

It computes features for a million units at a time. What all of these batches share is prepared once: the events in
order, the visits, and the sorted arrays in which history is looked up.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property

import narwhals as nw
import numpy as np
import polars as pl

from core.base.cores import available_cores
from core.base.thread_pool import GeneratorPool
from core.features.columns import EVENTS_SEEN
from core.features.definition import FeatureGroup
from core.features.engines.group_tables import Report, compute_groups, ignore_progress
from core.features.engines.polars_log import PolarsLog
from core.features.engines.polars_steps import in_event_order, with_step_columns
from core.features.engines.sorted_arrays.event_arrays import EventArrays
from core.features.engines.sorted_arrays.unit_arrays import Rows, UnitArrays
from core.features.session_log import HistoryMode, events_by_minute
from core.features.visits import with_visits
from core.schema import TIME, UNIT

_UNITS_PER_BATCH = 1_000_000
"""Keeps intermediate columns small: all features of a batch take 0.8 GB."""


class PolarsEngine:
    """A log in memory; see `core.features.engines.Engine`."""

    def __init__(
        self, events: pl.LazyFrame, units: pl.LazyFrame, history: HistoryMode, log_start: int | None = None
    ) -> None:
        # NumPy can use the memory of a Polars column without a copy only if it is one chunk.
        self._events = in_event_order(events.collect().rechunk())
        self._history = history
        first, last = self._events.get_column(TIME).min(), self._events.get_column(TIME).max()
        if not isinstance(first, int) or not isinstance(last, int):
            raise ValueError("a log must have at least one event")
        self._first_second, self._last_second = first if log_start is None else log_start, last
        self._units = with_visits(units).sort(UNIT).collect()
        self.arrays = EventArrays(self._events, self._units, first)
        self.threads = GeneratorPool(available_cores())  # for all aggregations; `open_log` shuts it down

    def batches(
        self,
        groups: tuple[FeatureGroup, ...],
        *,
        unit_subset: pl.Series | None = None,
        at_once: int | None = None,
        report: Report = ignore_progress,
    ) -> Iterator[pl.DataFrame]:
        """Yield tables of up to a million units; see `core.features.engines.Engine.batches`."""
        rows: Rows = range(self._units.height)
        if unit_subset is not None:
            rows = np.flatnonzero(self._units.get_column(UNIT).is_in(unit_subset.implode()).to_numpy())
            if len(rows) and rows[-1] - rows[0] == len(rows) - 1:  # a range is selected without copying
                rows = range(int(rows[0]), int(rows[-1]) + 1)
        per_batch = at_once or _UNITS_PER_BATCH
        firsts = range(0, max(len(rows), 1), per_batch)  # without units, one table without rows
        total = len(firsts) * len(groups)
        for number, first in enumerate(firsts):

            def report_group(done: int, _: int, label: str, steps_before: int = number * len(groups)) -> None:
                report(steps_before + done, total, label)

            yield self._table(groups, rows[first : first + per_batch], report_group)
        report(total, total, "")

    def prefixes(
        self, groups: tuple[FeatureGroup, ...], prefixes: pl.DataFrame, report: Report = ignore_progress
    ) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Compute the features of prefixes of units. Their history is that of the whole log.

        Args:
            prefixes: the columns unit (ascending, units of the log) and EVENTS_SEEN (at least 1), one row per prefix.

        Returns:
            The features, one row per prefix, and the events of the prefixes, whose unit is the row of the prefix.
        """
        numbers = self._units.get_column(UNIT).to_numpy()
        rows = np.searchsorted(numbers, prefixes.get_column(UNIT).to_numpy())
        selection = UnitArrays.select_prefixes(self.arrays, rows, prefixes.get_column(EVENTS_SEEN).to_numpy())
        return self._features(groups, self._log(selection), report), selection.own_events

    def _table(self, groups: tuple[FeatureGroup, ...], rows: Rows, report: Report) -> pl.DataFrame:
        return self._features(groups, self.log_of(rows), report)

    def _features(self, groups: tuple[FeatureGroup, ...], log: PolarsLog, report: Report) -> pl.DataFrame:
        # Groups run in parallel because Polars does not use all cores in every step of a group.
        return compute_groups(
            lambda group: nw.to_native(group.frame(log)).collect(),
            groups,
            log.arrays.frame.select(UNIT),
            report,
            workers=available_cores(),
        )

    def log_of(self, rows: Rows) -> PolarsLog:
        """Return the log with the units in these rows and their events. Their history is that of the whole log."""
        return self._log(UnitArrays.select(self.arrays, rows))

    def _log(self, selection: UnitArrays) -> PolarsLog:
        return PolarsLog(
            events=nw.from_native(with_step_columns(selection.own_events).lazy()),
            units=nw.from_native(selection.frame.lazy()),
            minutes=nw.from_native(self._minutes.lazy()),
            history=self._history,
            first_second=self._first_second,
            last_second=self._last_second,
            arrays=selection,
            threads=self.threads,
        )

    @cached_property
    def _minutes(self) -> pl.DataFrame:
        counts: pl.DataFrame = nw.to_native(events_by_minute(nw.from_native(self._events.lazy()))).collect()
        return counts


@contextmanager
def open_log(
    events: pl.LazyFrame, units: pl.LazyFrame, history: HistoryMode, log_start: int | None
) -> Iterator[PolarsEngine]:
    """Open a log on Polars; see `core.features.engines.open_engine`."""
    engine = PolarsEngine(events, units, history, log_start)
    with engine.threads:
        yield engine
