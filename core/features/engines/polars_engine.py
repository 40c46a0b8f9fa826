"""Polars: everything in memory, the fastest where it fits."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property

import narwhals as nw
import numpy as np
import polars as pl
from numpy.typing import NDArray

from core.features.definition import FeatureGroup, History, SessionLog
from core.features.history_arrays import EventArrays, UnitArrays
from core.features.steps import by_minute, by_neighbours, in_order
from core.features.visits import with_visits
from core.schema import TIME, UNIT


@dataclass(frozen=True)
class PolarsEngine:
    """See `core.features.engines.Engine`."""

    log: SessionLog

    def collect(self, group: FeatureGroup) -> pl.DataFrame:
        """See `Engine.collect`."""
        found: pl.DataFrame = nw.to_native(group.frame(self.log)).collect()
        return found


class PolarsLog:
    """A whole log in memory, whose units may be asked for in parts: all that parts share is made once."""

    def __init__(self, events: pl.LazyFrame, units: pl.LazyFrame, history: History) -> None:
        self._events = in_order(events.collect().rechunk())  # in pieces, each look at a column would copy it
        self._history = history
        times = self._events.get_column(TIME)
        began, ended = times.min(), times.max()
        if not isinstance(began, int) or not isinstance(ended, int):
            raise ValueError("a log has at least one event")
        self._began, self._ended = began, ended
        self.units = with_visits(units).sort(UNIT).collect()
        self._arrays = EventArrays(self._events, self.units, began)

    @cached_property
    def _minutes(self) -> pl.DataFrame:
        counted: pl.DataFrame = nw.to_native(by_minute(nw.from_native(self._events.lazy()))).collect()
        return counted

    def part(self, first: int, last: int) -> SessionLog:
        """The units in the rows `first` to before `last`."""
        return self._of(UnitArrays.side_by_side(self._arrays, first, last))

    def chosen(self, units: NDArray[np.int64]) -> SessionLog:
        """The units in these rows, which rise."""
        return self._of(UnitArrays.here_and_there(self._arrays, units))

    def _of(self, arrays: UnitArrays) -> SessionLog:
        return SessionLog(
            events=nw.from_native(by_neighbours(self._events[arrays.events]).lazy()),
            units=nw.from_native(arrays.frame.lazy()),
            minutes=nw.from_native(self._minutes.lazy()),
            history=self._history,
            began=self._began,
            ended=self._ended,
            arrays=arrays,
        )


@contextmanager
def open_log(events: pl.LazyFrame, units: pl.LazyFrame, history: History) -> Iterator[PolarsEngine]:
    """See `core.features.engines.opened`."""
    yield PolarsEngine(session_log(events, units, history))


def session_log(events: pl.LazyFrame, units: pl.LazyFrame, history: History) -> SessionLog:
    """All of a log."""
    log = PolarsLog(events, units, history)
    return log.part(0, log.units.height)
