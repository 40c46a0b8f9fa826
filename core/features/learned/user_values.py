"""What a user's earlier sessions were worth: how many there are, their mean, and their worth against their content.

Folds are by user, so no model of a fold has learned from the sessions that it validates; but the values of a user's
sessions that had ended before a session began are known when that one is to be told, so they may be its features.

Clicks alone tell a part of what a user is like. The news is in the ratio of what the user's sessions were worth to what
they would be worth at recovered prices, shrunk to 1 where there is little to go by:

    ratio = (sum of values + prior) / (sum of recovered values + prior)

This is the credibility estimate of a multiplicative risk factor (Bühlmann and Gisler 2005, A course in credibility
theory, chapter 4), its variances replaced by cross-validation of the prior (core.training.learned_columns).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.features.definition import Feature

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]

PRIORS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, np.inf)
"""Weights of the prior that are tried, in mean session values; infinite stands for a ratio of 1 for everybody."""
BUCKETS = 3
_MANY = 5  # sessions from which on a user's ratio is worth more than half of what it can be

RATIO_FEATURE = Feature(
    "user_value_ratio",
    "ratio",
    "What the user's earlier sessions were worth against their recovered prices; near 1 where there are few."
    " With all rows as history, later train sessions count for the sessions to predict, too.",
)
USER_VALUE_FEATURES: tuple[Feature, ...] = (
    Feature("user_valued_sessions", "sessions", "How many earlier sessions of its user have a known value."),
    Feature("user_value_mean", "value units", "What the user's earlier sessions were worth on average."),
    RATIO_FEATURE,
)
"""In the order of the columns that `user_value_features` gives."""


@dataclass(frozen=True)
class Sessions:
    """Whose sessions they are and when they were, in epoch seconds; `ends` is when the last event was.

    `itself` is the place of each among the known sessions, where it is one of them (a session of both files), else -1;
    None: none of them is.
    """

    users: NDArray[np.int64]
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    itself: NDArray[np.int64] | None = None

    def part(self, rows: NDArray[np.int64]) -> Sessions:
        """Some of them."""
        itself = None if self.itself is None else self.itself[rows]
        return Sessions(self.users[rows], self.starts[rows], self.ends[rows], itself)


@dataclass(frozen=True)
class Known:
    """The training sessions, their values, and what they would be worth by a model that saw none of these values."""

    sessions: Sessions
    values: Vector
    predicted: Vector


@dataclass(frozen=True)
class History:
    """Of each session: how many of its user's training sessions count, and the sums of their values and predictions."""

    sessions: NDArray[np.int64]
    values: Vector
    predicted: Vector

    @classmethod
    def of(cls, sums: Matrix) -> History:
        """From columns of sessions, values and predictions; what rounding leaves of no session is nothing."""
        sessions = sums[:, 0].round().astype(np.int64)
        values, predicted = np.maximum(np.where(sessions[:, None] > 0, sums[:, 1:], 0.0), 0.0).T
        return cls(sessions, values, predicted)

    @classmethod
    def empty(cls, rows: int) -> History:
        """Of sessions whose users are not known."""
        return cls.of(np.zeros((rows, 3)))

    @classmethod
    def joined(cls, first: History, second: History) -> History:
        """The rows of one after those of the other."""
        pairs = ((getattr(first, name), getattr(second, name)) for name in ("sessions", "values", "predicted"))
        return cls(*(np.concatenate(pair) for pair in pairs))

    @property
    def bucket(self) -> NDArray[np.int64]:
        """Which of BUCKETS a session is in: no earlier session of its user, a few, or more."""
        return np.asarray((self.sessions > 0).astype(np.int64) + (self.sessions >= _MANY), dtype=np.int64)

    def ratio(self, prior: float) -> Vector:
        """The shrunk ratio, the prior in value units; 1 where there is nothing to go by."""
        if np.isinf(prior):
            return np.ones(len(self.values))
        known = self.predicted + prior
        return np.divide(self.values + prior, known, out=np.ones(len(known)), where=known > 0)


def user_value_features(history: History, prior: float) -> Matrix:
    """(rows, USER_VALUE_FEATURES). The mean is NaN for users without an earlier session."""
    nothing = np.full(len(history.values), np.nan)
    mean = np.divide(history.values, history.sessions, out=nothing, where=history.sessions > 0)
    return np.column_stack([history.sessions.astype(np.float64), mean, history.ratio(prior)])


def value_history(known: Known, asked: Sessions, *, whenever: bool = False) -> History:
    """Sum up, for each session asked for, the known sessions of its user that had ended before it began.

    A session that stands in both files never counts its own value. `whenever` takes all known sessions of the user,
    also later ones: right only for sessions that are not known.
    """
    sessions = known.sessions
    _, ranks = np.unique(np.concatenate([sessions.users, asked.users]), return_inverse=True)
    of, looked_up = ranks[: len(sessions.users)], ranks[len(sessions.users) :]
    order = np.lexsort((sessions.ends, of))
    rows = np.column_stack([np.ones(len(order)), known.values, known.predicted])
    summed = np.zeros((len(order) + 1, 3))
    np.cumsum(rows[order], axis=0, out=summed[1:])
    run = of[order]
    begin = np.searchsorted(run, looked_up, "left")
    if whenever:
        until = np.searchsorted(run, looked_up, "right")
    else:
        until = _before(sessions.ends[order], run, asked.starts, looked_up)
    found = summed[until] - summed[begin]
    if asked.itself is not None:
        own = np.flatnonzero((asked.itself >= 0) & (whenever | (sessions.ends[asked.itself] < asked.starts)))
        found[own] -= rows[asked.itself[own]]
    return History.of(found)


def _before(
    ends: NDArray[np.int64], users: NDArray[np.int64], starts: NDArray[np.int64], asked: NDArray[np.int64]
) -> NDArray[np.int64]:
    """The place in the sessions, sorted by user and end, up to which the user's sessions had ended before a start."""
    if not len(ends) or not len(starts):
        return np.zeros(len(starts), dtype=np.int64)
    first = min(int(ends.min()), int(starts.min()))
    span = max(int(ends.max()), int(starts.max())) - first + 1
    return np.searchsorted(users * span + (ends - first), asked * span + (starts - first), "left")
