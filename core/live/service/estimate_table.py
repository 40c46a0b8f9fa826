"""The latest estimates of open sessions, with their numbers as columns, so that all of them are added up quickly."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from core.live.events import Estimate

Key = tuple[str, str]
"""Session id and user id."""
COLUMNS = ("value", "low", "high", "to_come", "received")
"""Parts of the estimate, and when the latest event was received, in epoch seconds."""


class EstimateTable:
    """The latest estimate of each open session, and when its latest event was received."""

    def __init__(self) -> None:
        self._places: dict[Key, int] = {}
        self._free: list[int] = []
        self._estimates: list[Estimate | None] = []
        self._numbers = np.empty((64, len(COLUMNS)))

    def __contains__(self, key: Key) -> bool:
        return key in self._places

    def set(self, key: Key, estimate: Estimate, received: float) -> None:
        """Store the latest estimate of a session."""
        place = self._places.get(key)
        if place is None:
            place = self._places[key] = self._new_place()
        self._estimates[place] = estimate
        self._numbers[place] = estimate.value, estimate.low, estimate.high, estimate.to_come, received

    def remove(self, key: Key) -> None:
        """Forget a session, if there is an estimate of it."""
        place = self._places.pop(key, None)
        if place is not None:
            self._estimates[place] = None
            self._free.append(place)

    def columns(self) -> dict[str, NDArray[np.float64]]:
        """Return one array per name of COLUMNS, with an element per session, in the order of `highest`."""
        used = np.fromiter(self._places.values(), np.int64, len(self._places))
        return dict(zip(COLUMNS, self._numbers[used].T, strict=True))

    def highest(self, values: NDArray[np.float64], limit: int) -> list[tuple[Key, Estimate, int]]:
        """Return the sessions with the highest values, the highest first: key, estimate, and position in the columns.

        Args:
            values: one of the columns.
            limit: largest number of sessions.
        """
        limit = min(limit, len(values))
        first = np.argpartition(-values, limit - 1)[:limit] if limit else np.empty(0, np.int64)
        ordered = first[np.argsort(-values[first], kind="stable")].tolist()
        keys = list(self._places)
        sessions = []
        for position in ordered:
            estimate = self._estimates[self._places[keys[position]]]
            if estimate is not None:
                sessions.append((keys[position], estimate, position))
        return sessions

    def _new_place(self) -> int:
        if self._free:
            return self._free.pop()
        place = len(self._estimates)
        self._estimates.append(None)
        if place >= len(self._numbers):
            self._numbers = np.concatenate([self._numbers, np.empty_like(self._numbers)])
        return place
