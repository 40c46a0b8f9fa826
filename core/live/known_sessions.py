"""Lookups in the training sessions of a model: the values of a user's earlier sessions, and the same session."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import polars as pl
from numpy.typing import NDArray

from core.features.learned.user_values import History
from core.model.fitted_stack import FittedStack
from core.model.history import VALUED
from core.schema import ROLE, SESSION, START, TRAIN_ROLE, USER


class ValuedPast:
    """Sums over the sessions of a user that ended before a moment; see core.features.learned.user_values."""

    def __init__(self, fitted: FittedStack) -> None:
        valued = fitted.valued
        order = np.lexsort((valued.ends, valued.users))
        predicted = [fitted.transforms[fit].recovered for fit in fitted.fits_for_test]
        # columns: number of sessions, values, and by fit the values at recovered prices
        self._summands = np.column_stack([np.ones(len(order)), fitted.values, *predicted])
        self._running = np.zeros((len(order) + 1, self._summands.shape[1]))
        np.cumsum(self._summands[order], axis=0, out=self._running[1:])
        users = valued.users[order]
        self._ends = valued.ends
        self._sorted_ends = valued.ends[order]
        codes, begins = np.unique(users, return_index=True)
        spans = pairwise([*begins.tolist(), len(users)])
        self._spans = dict(zip(codes.tolist(), spans, strict=True))

    def before(self, user: int, start: int, itself: int) -> tuple[int, float, NDArray[np.float64]]:
        """Return how many valued sessions of a user ended before a time, and the sums of their values.

        Args:
            start: epoch seconds.
            itself: position of the same session among the valued ones; -1 if it is not one.

        Returns:
            The number of sessions, the sum of their values, and by fit the sum of their values at recovered prices.
        """
        begin, end = self._spans.get(user, (0, 0))
        until = begin + int(self._sorted_ends[begin:end].searchsorted(start))
        sums = self._running[until] - self._running[begin]
        if itself >= 0 and self._ends[itself] < start:
            sums -= self._summands[itself]
        histories = History.of(np.array([[sums[0], sums[1], each] for each in sums[2:]]))
        return int(histories.sessions[0]), float(histories.values[0]), histories.predicted


class TrainingVisits:
    """Start, and position among the valued sessions, of each session and user of the train file."""

    def __init__(self, units: pl.DataFrame) -> None:
        train = units.filter(pl.col(ROLE) == TRAIN_ROLE).sort(SESSION, USER)
        self._sessions = train.get_column(SESSION).to_numpy()
        self._users, self._starts, self._positions = (
            train.get_column(name).to_numpy() for name in (USER, START, VALUED)
        )

    def find(self, session: int | None, user: int) -> tuple[int | None, int]:
        """Return the start of a session of a user in epoch seconds, and its position among the valued sessions.

        The start is None without such a session in the train file, and the position -1 without a value.

        Args:
            session: code of the session; None if the train file does not have it.
        """
        if session is None:
            return None, -1
        first = int(self._sessions.searchsorted(session))
        while first < len(self._sessions) and self._sessions[first] == session:
            if self._users[first] == user:
                return int(self._starts[first]), int(self._positions[first])
            first += 1
        return None, -1
