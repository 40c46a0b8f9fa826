"""A replayed day of the test file: the sessions that are open at a moment, and their predicted values.

The estimate of a session changes only with its events. So estimates are computed when they are first needed, one per
event at most, and kept. All visitors who look at the same day share them. The history of the model has the whole test
file, but the features of a session use only what happened before it began.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from core.live.events import Estimate, Event
from core.live.forecast import Forecast, Spread, total_forecast
from core.live.scorer import LiveScorer
from core.schema import SECONDS_PER_DAY

RankBy = Literal["value", "to_come"]
STEP_SECONDS = 600
"""Time between two points of the line over the day."""
_COLUMNS = ("value", "low", "high", "to_come")


class OpenSessionRow(NamedTuple):
    """An open session at a moment: its estimate, and the seconds since its last event; None if they are not known."""

    session: str
    user: str
    estimate: Estimate
    idle: float | None


class LinePoint(NamedTuple):
    """The open sessions at a moment (epoch seconds): their total, and the sum of their final values, if it is known."""

    moment: int
    n_open: int
    value: float
    low: float
    high: float
    final: float | None


@dataclass(frozen=True)
class ShopMoment:
    """The open sessions of a shop at a moment.

    Attributes:
        moment: epoch seconds.
        n_open: number of open sessions.
        n_waiting: open sessions whose estimate was not computed in time. The other attributes do not include them.
        total: the total of the open sessions; None if it is not known.
        final: the sum of their final values; None if it is not known yet.
        sessions: the sessions that rank first.
    """

    moment: int
    n_open: int
    n_waiting: int
    total: Forecast | None
    final: float | None
    sessions: tuple[OpenSessionRow, ...]

    def as_point(self) -> LinePoint:
        """Return the moment as a point of a line; only if the total is known."""
        if self.total is None:
            raise ValueError("the total is not known")
        return LinePoint(self.moment, self.n_open, self.total.value, self.total.low, self.total.high, self.final)


@dataclass(frozen=True)
class DayEvents:
    """The events of the sessions of a day.

    Attributes:
        start: epoch seconds at which the day begins.
        events: all events of each session with an event on the day, or so shortly before that it is still open when
            the day begins; by time, those of a session in order of arrival.
        units: (events,) number of the session, from 0.
        final_values: (sessions,) their final values.
    """

    start: int
    events: Sequence[Event]
    units: NDArray[np.int64]
    final_values: NDArray[np.float64]


class ShopDay:
    """A replayed day. Several threads may share it.

    Args:
        scorer: predicts the sessions. No other code may use it without the lock.
        idle_seconds: time without an event after which a session is no longer open. If an event follows later, the
            session is open again, with all its events.
        spread: how training sessions ended; turns estimates into a total.
    """

    def __init__(self, day: DayEvents, scorer: LiveScorer, lock: Lock, *, idle_seconds: int, spread: Spread) -> None:
        self.start, self.end = day.start, day.start + SECONDS_PER_DAY
        self._day, self._scorer, self._lock = day, scorer, lock
        self._idle_seconds, self._spread = idle_seconds, spread
        self._times = np.array([event.time for event in day.events], dtype=np.int64)
        order = np.argsort(day.units, kind="stable")
        self._rows = np.split(order, np.cumsum(np.bincount(day.units))[:-1]) if len(order) else []
        self._places = np.empty(len(order), dtype=np.int64)
        """Place of each event in its session, from 0."""
        for rows in self._rows:
            self._places[rows] = np.arange(len(rows))
        self._n_counted = np.zeros(len(self._rows), dtype=np.int64)
        """Events of each session that the scorer has counted."""
        self._estimates: dict[int, Estimate] = {}
        self._values = np.full((len(order), len(_COLUMNS)), np.nan)
        self._line: list[LinePoint] = []

    @property
    def n_sessions(self) -> int:
        """Number of sessions that are open at any time of the day."""
        return len(self._rows)

    def at(self, moment: int, *, by: RankBy, limit: int, seconds: float) -> ShopMoment:
        """Return the open sessions at a moment: those whose last event is less than the idle time ago.

        Args:
            by: which part of the estimates ranks the sessions.
            limit: number of sessions that are listed.
            seconds: time after which no more estimates are computed.
        """
        last = self._last_events(moment)
        self._compute(last, time.monotonic() + seconds)
        estimated = last[~np.isnan(self._values[last, 0])]
        order = np.argsort(-self._values[estimated, _COLUMNS.index(by)], kind="stable")[:limit]
        rows = [
            OpenSessionRow(event.session, event.user, self._estimates[row], moment - event.time)
            for row in estimated[order].tolist()
            for event in (self._day.events[row],)
        ]
        total, final = self._total(estimated, moment), self._final(estimated)
        return ShopMoment(moment, len(last), len(last) - len(estimated), total, final, tuple(rows))

    def line(self, until: int, *, seconds: float) -> list[LinePoint]:
        """Return the points from the start of the day to a moment, one every STEP_SECONDS.

        Args:
            seconds: time after which no more estimates are computed. Later points are then missing, and follow with
                the next call.
        """
        deadline = time.monotonic() + seconds
        n_points = max((min(until, self.end) - self.start) // STEP_SECONDS + 1, 0)
        for number in range(len(self._line), n_points):
            moment = self.start + number * STEP_SECONDS
            last = self._last_events(moment)
            if not self._compute(last, deadline):
                break
            total = self._total(last, moment)
            point = LinePoint(moment, len(last), total.value, total.low, total.high, self._final(last))
            if len(self._line) == number:  # another thread may have been here
                self._line.append(point)
        return self._line[:n_points]

    def _last_events(self, moment: int) -> NDArray[np.int64]:
        """Return the last event until a moment of each open session, as its row."""
        first, end = self._times.searchsorted([moment - self._idle_seconds, moment], side="right")
        _, newest_first = np.unique(self._day.units[first:end][::-1], return_index=True)
        return np.asarray(end - 1 - newest_first, dtype=np.int64)

    def _total(self, rows: NDArray[np.int64], moment: int) -> Forecast:
        value, low, high, to_come = self._values[rows].T
        idle = (moment - self._times[rows]).astype(np.float64)
        return total_forecast(value, low, high, self._spread, to_come=to_come, idle=idle)

    def _final(self, rows: NDArray[np.int64]) -> float:
        return float(self._day.final_values[self._day.units[rows]].sum())

    def _compute(self, rows: NDArray[np.int64], deadline: float) -> bool:
        """Compute the missing estimates of these events until a monotonic time, and return whether all are there."""
        for row in rows[np.isnan(self._values[rows, 0])].tolist():
            if time.monotonic() > deadline:
                return False
            with self._lock:
                if row not in self._estimates:
                    self._keep(row, self._estimate(row))
        return True

    def _keep(self, row: int, estimate: Estimate) -> None:
        self._estimates[row] = estimate
        self._values[row] = [getattr(estimate, name) for name in _COLUMNS]

    def _estimate(self, row: int) -> Estimate:
        """Predict a session after one of its events. The scorer may have counted fewer or more of its events."""
        unit, place, event = self._day.units[row], self._places[row], self._day.events[row]
        if self._n_counted[unit] > place:
            self._scorer.close(event.session, event.user)
            self._n_counted[unit] = 0
        for earlier in self._rows[unit][self._n_counted[unit] : place].tolist():
            self._scorer.observe(self._day.events[earlier])
        estimate = self._scorer.update(event)
        self._n_counted[unit] = place + 1
        if place + 1 == len(self._rows[unit]):
            self._scorer.close(event.session, event.user)
            self._n_counted[unit] = 0
        return estimate
