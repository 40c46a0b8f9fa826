"""The engine for any query engine that Narwhals supports: DuckDB and Spark only add how a result is fetched."""

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
    """Computes the whole feature table in the engine and holds it in this process, about 0.8 kB per unit.

    Attributes:
        log: the log on the engine.
        unit_order: the column `unit`, sorted.
        fetch: runs a query of the engine and returns its result; the second argument is a name for it.
    """

    log: WindowLog
    unit_order: pl.DataFrame
    fetch: Callable[[Frame, str], pl.DataFrame]

    def batches(
        self,
        groups: tuple[FeatureGroup, ...],
        *,
        unit_subset: pl.Series | None = None,
        report: Report = ignore_progress,
    ) -> Iterator[pl.DataFrame]:
        """Yield a single batch; see `core.features.engines.Engine.batches`."""
        units = self.unit_order
        if unit_subset is not None:
            units = units.filter(pl.col(UNIT).is_in(unit_subset.implode()))
        yield compute_groups(lambda group: self.fetch(group.frame(self.log), group.name), groups, units, report)
        report(len(groups), len(groups), "")


def window_log(files: LogFiles, events: Frame, units: Frame, history: HistoryMode) -> WindowLog:
    """Return the log of frames of an engine; `events` must have the columns of an event within its session."""
    return WindowLog(
        events=events,
        units=units,
        minutes=events_by_minute(events),
        history=history,
        first_second=files.first_second,
        last_second=files.last_second,
    )
