"""An engine on any query engine that Narwhals supports. DuckDB and Spark differ only in how they fetch a result."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import polars as pl

from core.features.definition import FeatureGroup
from core.features.engines.group_tables import Report, compute_groups, ignore_progress
from core.features.engines.log_files import LogFiles
from core.features.engines.window_log import WindowLog
from core.features.session_log import Frame, HistoryMode, events_by_minute
from core.schema import UNIT


@dataclass(frozen=True)
class WindowEngine:
    """Computes the feature table on the query engine; this process holds the result, about 0.8 kB per unit.

    Attributes:
        log: the log on the query engine.
        unit_order: the column `unit`, sorted.
        fetch: function that runs a query and returns its result.
    """

    log: WindowLog
    unit_order: pl.DataFrame
    fetch: Callable[[Frame], pl.DataFrame]

    @classmethod
    def create(
        cls, files: LogFiles, events: Frame, units: Frame, history: HistoryMode, fetch: Callable[[Frame], pl.DataFrame]
    ) -> WindowEngine:
        """Create an engine from frames of the log files; `events` also has the columns of `with_step_columns`."""
        log = WindowLog(events, units, events_by_minute(events), history, files.first_second, files.last_second)
        return cls(log, files.unit_order, fetch)

    def batches(
        self,
        groups: tuple[FeatureGroup, ...],
        *,
        unit_subset: pl.Series | None = None,
        at_once: int | None = None,
        report: Report = ignore_progress,
    ) -> Iterator[pl.DataFrame]:
        """Yield a single batch; see `core.features.engines.Engine.batches`."""
        units = self.unit_order
        if unit_subset is not None:
            units = units.filter(pl.col(UNIT).is_in(unit_subset.implode()))
        yield compute_groups(lambda group: self.fetch(group.frame(self.log)), groups, units, report)
        report(len(groups), len(groups), "")
