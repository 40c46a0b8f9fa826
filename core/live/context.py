"""The load of the shop before an open session began; see core.features.groups.context."""

from __future__ import annotations

import math

import numpy as np
import polars as pl

from core.features.groups.context import HOUR_SECONDS, MINUTE_SECONDS, STEPS, TIE_BREAK
from core.features.session_log import DAY
from core.schema import TIME

_HOUR_MINUTES, _DAY_MINUTES = HOUR_SECONDS // MINUTE_SECONDS, DAY // MINUTE_SECONDS


class Minutes:
    """Numbers of events by minute.

    Args:
        events: the events of the model's history.
        first_second: epoch seconds at which the log of the model begins.
    """

    def __init__(self, events: pl.DataFrame, first_second: int) -> None:
        minutes, counts = np.unique(events.get_column(TIME).to_numpy() // MINUTE_SECONDS, return_counts=True)
        self._minutes = minutes
        self._events_before = np.concatenate([[0], np.cumsum(counts)])
        self._later_events: dict[int, int] = {}
        self._first_second = first_second

    def add(self, time: int) -> None:
        """Add an event at a time, in epoch seconds."""
        minute = time // MINUTE_SECONDS
        self._later_events[minute] = self._later_events.get(minute, 0) + 1

    def features(self, start: int) -> dict[str, float]:
        """Return the features of the group context for a session that begins at `start`, in epoch seconds."""
        minute = start // MINUTE_SECONDS
        last_hour, last_day = (self._between(minute - length, minute) for length in (_HOUR_MINUTES, _DAY_MINUTES))
        hours = min(max((minute * MINUTE_SECONDS - self._first_second) * (1 / HOUR_SECONDS), 1.0), DAY / HOUR_SECONDS)
        steps = math.log((last_hour + 1) / (last_day / hours + 1)) * (1 / math.log(2)) * STEPS
        return {"shop_load_hour": round(steps + TIE_BREAK) / STEPS}

    def _between(self, first: int, last: int) -> int:
        """Return the number of events from the minute `first` to the one before `last`."""
        begin, end = self._minutes.searchsorted([first, last])
        later = self._later_events
        n_later = sum(later.get(minute, 0) for minute in range(first, last)) if later else 0
        return int(self._events_before[end] - self._events_before[begin]) + n_later
