"""What a user's earlier sessions were worth, compared with what was predicted for them.

Learners never see a user's own values, as folds are by user; yet many sessions to predict are of users whose earlier
values are known. So the stack's prediction is multiplied by the user's ratio of summed values to summed out-of-fold
predictions, shrunk to 1:

    factor = (sum of values + prior) / (sum of predictions + prior)

over the user's training sessions that had ended before the session began (under all_rows: all but the session itself).
A user without any has 1. The prior, in value units, is the one with the least out-of-fold error; "none" is among those
tried. This is the credibility estimate of a multiplicative risk factor (Bühlmann and Gisler 2005, A course in
credibility theory, chapter 4), its variances replaced by cross-validation.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.training.folds import Folds
from core.training.learners import Matrix, Vector

PRIORS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, np.inf)
"""Weights of the prior that are tried, in mean session values; infinite stands for no factor at all."""
BUCKETS = 3
_MANY = 5  # sessions from which on a user's ratio is worth more than half of what it can be


@dataclass(frozen=True)
class Sessions:
    """Whose sessions they are and when they were, in epoch seconds; `ends` is when the last event was."""

    users: NDArray[np.int64]
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]


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

    @property
    def bucket(self) -> NDArray[np.int64]:
        """Which of BUCKETS a session is in: no earlier session of its user, a few, or more."""
        return np.asarray((self.sessions > 0).astype(np.int64) + (self.sessions >= _MANY), dtype=np.int64)

    def factor(self, prior: float) -> Vector:
        """The shrunk ratio; 1 where there is nothing to go by."""
        if np.isinf(prior):
            return np.ones(len(self.values))
        return np.asarray((self.values + prior) / (self.predicted + prior), dtype=np.float64)


@dataclass(frozen=True)
class UserFactor:
    """The fitted factor.

    Attributes:
        prior: value units; infinite: no factor.
        oof: factors of the training rows, each by the prior that the other folds choose (nested).
        history: of the training rows.
    """

    prior: float
    oof: Vector
    history: History


@dataclass(frozen=True)
class Known:
    """The training sessions, their values and the stack's out-of-fold predictions for them."""

    sessions: Sessions
    values: Vector
    predicted: Vector


def value_history(known: Known, asked: Sessions, *, all_rows: bool) -> History:
    """Sum up, for each session asked for, what is known of its user.

    `all_rows` takes all sessions of the user, not only those that had ended before the session began.
    """
    sessions = known.sessions
    _, ranks = np.unique(np.concatenate([sessions.users, asked.users]), return_inverse=True)
    of, looked_up = ranks[: len(sessions.users)], ranks[len(sessions.users) :]
    order = np.lexsort((sessions.ends, of))
    summed = np.zeros((len(order) + 1, 3))
    np.cumsum(np.column_stack([np.ones(len(order)), known.values, known.predicted])[order], axis=0, out=summed[1:])
    run = of[order]
    begin = np.searchsorted(run, looked_up, "left")
    if all_rows:
        until = np.searchsorted(run, looked_up, "right")
    else:
        until = _before(sessions.ends[order], run, asked.starts, looked_up)
    return History.of(summed[until] - summed[begin])


def own_history(known: Known, *, all_rows: bool) -> History:
    """The same of the training sessions themselves, each without itself."""
    history = value_history(known, known.sessions, all_rows=all_rows)
    if not all_rows:  # a session has not ended before it began
        return history
    own = np.column_stack([np.ones(len(known.values)), known.values, known.predicted])
    return History.of(np.column_stack([history.sessions, history.values, history.predicted]) - own)


def _before(
    ends: NDArray[np.int64], users: NDArray[np.int64], starts: NDArray[np.int64], asked: NDArray[np.int64]
) -> NDArray[np.int64]:
    """The place in the sessions, sorted by user and end, up to which the user's sessions had ended before a start."""
    first = min(int(ends.min()), int(starts.min())) if len(ends) else 0
    span = max(int(ends.max()), int(starts.max())) - first + 1 if len(ends) else 1
    return np.searchsorted(users * span + (ends - first), asked * span + (starts - first), "left")


def fit_user_factor(history: History, predicted: Vector, y: Vector, folds: Folds) -> UserFactor:
    """Choose the prior by the out-of-fold error of prediction times factor; for fold k by the other folds' alone."""
    priors = [each * float(np.mean(y)) for each in PRIORS]
    factors = [history.factor(prior) for prior in priors]
    errors = np.array([[_squares(predicted, factor, y, rows) for factor in factors] for _, rows in folds.splits()])
    oof = np.ones(len(y))
    for fold, (_, rows) in enumerate(folds.splits()):
        best = int(np.argmin(errors.sum(axis=0) - errors[fold]))
        oof[rows] = factors[best][rows]
    return UserFactor(priors[int(np.argmin(errors.sum(axis=0)))], oof, history)


def _squares(predicted: Vector, factor: Vector, y: Vector, rows: NDArray[np.int64]) -> float:
    return float(np.sum((predicted[rows] * factor[rows] - y[rows]) ** 2))
