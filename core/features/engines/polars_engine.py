"""Polars: everything in memory, the fastest where it fits."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import narwhals as nw
import polars as pl

from core.features.definition import FeatureGroup, History, SessionLog
from core.features.history_arrays import EventArrays
from core.features.steps import with_steps
from core.schema import TIME, UNIT, USER


@dataclass(frozen=True)
class PolarsEngine:
    """See `core.features.engines.Engine`."""

    log: SessionLog

    def collect(self, group: FeatureGroup) -> pl.DataFrame:
        """See `Engine.collect`."""
        found: pl.DataFrame = nw.to_native(group.frame(self.log)).collect()
        return found


@contextmanager
def open_log(events: pl.LazyFrame, units: pl.LazyFrame, history: History) -> Iterator[PolarsEngine]:
    """See `core.features.engines.opened`."""
    yield PolarsEngine(session_log(events, units, history))


def session_log(events: pl.LazyFrame, units: pl.LazyFrame, history: History) -> SessionLog:
    """Events with their steps, and both as arrays."""
    stepped = nw.to_native(with_steps(nw.from_native(events))).collect()
    sorted_units = units.select(UNIT, USER, "start").sort(UNIT).collect()
    times = stepped.get_column(TIME)
    began, ended = times.min(), times.max()
    if not isinstance(began, int) or not isinstance(ended, int):
        raise ValueError("a log has at least one event")
    return SessionLog(
        events=nw.from_native(stepped.lazy()),
        units=nw.from_native(sorted_units.lazy()),
        history=history,
        began=began,
        ended=ended,
        arrays=EventArrays(stepped, sorted_units, began),
    )
