"""The values of a user's earlier sessions: their number, their mean and the user's value ratio.

All sessions of a user are in one fold, so no model is fitted on users that it validates. But when a session is
predicted, the values of the user's sessions that ended before it began are known, so they can be its features.

Events explain only part of the difference between users. The value ratio measures the remainder: the actual values of a
user's sessions relative to their values at recovered prices, shrunk towards 1 for users with few sessions:

    ratio = (sum of values + prior) / (sum of recovered values + prior)

This is the credibility estimate of a multiplicative risk factor (Bühlmann and Gisler 2005, A course in credibility
theory, chapter 4). Part of a value may be the same for all users, such as what every session is worth. Then only what
exceeds this fixed part is summed up and multiplied. The prior and the fixed part are chosen by cross-validation in
`core.training.learned_columns`, not from variances.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.base.arrays import Matrix, Vector, ratios
from core.features.definition import Feature

Int64s = NDArray[np.int64]

PRIORS = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0)
"""Candidate priors, in multiples of the mean session value."""
FIXED_PARTS = (0.0, 0.15, 0.3, 0.45, 0.6)
"""Candidate fixed parts, in multiples of the mean session value."""
BUCKETS = 3
"""Number of buckets of `History.bucket`."""
_MANY_SESSIONS = 5
"""From this number of sessions on, the ratio carries more than half of the information that it can carry."""

RATIO_FEATURE = Feature(
    "user_value_ratio",
    "ratio",
    "Value of the user's earlier sessions relative to their value at estimated prices; near 1 if there are few.",
    "User's value compared with others",
)
USER_VALUE_FEATURES: tuple[Feature, ...] = (
    Feature(
        "user_valued_sessions",
        "sessions",
        "Number of the user's earlier sessions with a known value.",
        "User's earlier sessions",
    ),
    Feature(
        "user_value_mean",
        "value units",
        "Average value of the user's earlier sessions.",
        "Average value of the user's earlier sessions",
    ),
    RATIO_FEATURE,
)
"""In the column order of `user_value_features`."""


@dataclass(frozen=True)
class Sessions:
    """Users and times of sessions.

    Attributes:
        users: user of each session.
        starts: epoch seconds of the first event of each session.
        ends: epoch seconds of the last event of each session.
        itself: for a session in both files, its position among the valued sessions; -1 for other sessions. None if no
            session is in both files.
    """

    users: Int64s
    starts: Int64s
    ends: Int64s
    itself: Int64s | None = None

    def part(self, rows: Int64s) -> Sessions:
        """Return the sessions in these rows."""
        itself = None if self.itself is None else self.itself[rows]
        return Sessions(self.users[rows], self.starts[rows], self.ends[rows], itself)


@dataclass(frozen=True)
class ValuedSessions:
    """Training sessions with a known value.

    Attributes:
        sessions: users and times.
        values: (sessions,) actual values.
        predicted: (sessions,) cross-fitted predictions: the model of a session was not fitted on it.
    """

    sessions: Sessions
    values: Vector
    predicted: Vector


@dataclass(frozen=True)
class UserFactor:
    """Parameters of the value ratio of a user, by which recovered values of sessions are multiplied.

    Attributes:
        prior: weight of a ratio of 1, in value units. An infinite prior makes every ratio 1.
        fixed: part of a value that is the same for all users, in value units; not multiplied.
    """

    prior: float = np.inf
    fixed: float = 0.0

    @classmethod
    def candidates(cls, mean: float) -> list[UserFactor]:
        """Return the factors to choose from, given the mean session value."""
        return [cls(), *(cls(prior * mean, fixed * mean) for prior in PRIORS for fixed in FIXED_PARTS)]

    def ratios(self, history: History) -> Vector:
        """Return the ratio of each session's user.

        >>> history = History.of(np.array([[0, 0.0, 0.0], [1, 30.0, 10.0]]))
        >>> UserFactor(prior=20.0).ratios(history).round(2).tolist()
        [1.0, 1.67]
        >>> UserFactor(prior=20.0, fixed=5.0).ratios(history).tolist()
        [1.0, 1.8]
        """
        if np.isinf(self.prior):
            return np.ones(len(history.values))
        fixed = self.fixed * history.sessions
        values, predicted = (np.maximum(sums - fixed, 0.0) + self.prior for sums in (history.values, history.predicted))
        return np.divide(values, predicted, out=np.ones(len(values)), where=predicted > 0)

    def start(self, recovered: Vector, history: History) -> Vector:
        """Return the start values of the learners: recovered values, at least 0, times the user's ratio.

        The fixed part of a value is not multiplied.
        """
        recovered = np.maximum(recovered, 0.0)
        fixed = np.minimum(recovered, self.fixed)
        return np.asarray(fixed + (recovered - fixed) * self.ratios(history))


@dataclass(frozen=True)
class History:
    """For each session, sums over the valued sessions of its user that it may use.

    Attributes:
        sessions: number of valued sessions.
        values: sum of their values.
        predicted: sum of their predicted values.
    """

    sessions: Int64s
    values: Vector
    predicted: Vector

    @classmethod
    def of(cls, sums: Matrix) -> History:
        """Create a history from columns (sessions, values, predicted).

        They are differences of running sums, whose rounding residues are set to 0.
        """
        sessions = sums[:, 0].round().astype(np.int64)
        values, predicted = np.maximum(np.where(sessions[:, None] > 0, sums[:, 1:], 0.0), 0.0).T
        return cls(sessions, values, predicted)

    @classmethod
    def empty(cls, rows: int) -> History:
        """Return the history of sessions without any valued session."""
        return cls.of(np.zeros((rows, 3)))

    @classmethod
    def joined(cls, first: History, second: History) -> History:
        """Concatenate the rows of two histories."""
        return cls(*map(np.concatenate, zip(vars(first).values(), vars(second).values(), strict=True)))

    def part(self, rows: Int64s) -> History:
        """Return some of the rows."""
        return History(self.sessions[rows], self.values[rows], self.predicted[rows])

    @property
    def bucket(self) -> Int64s:
        """Bucket of each session: 0 without valued sessions, 1 with up to four, 2 with more."""
        return np.asarray((self.sessions > 0).astype(np.int64) + (self.sessions >= _MANY_SESSIONS), dtype=np.int64)


def user_value_features(history: History, factor: UserFactor) -> Matrix:
    """Return a matrix (rows, USER_VALUE_FEATURES). The mean is NaN for users without an earlier valued session."""
    means = ratios(history.values, history.sessions)
    return np.column_stack([history.sessions.astype(np.float64), means, factor.ratios(history)])


def value_history(valued: ValuedSessions, sessions: Sessions, *, include_later: bool = False) -> History:
    """Summarize, for each session, the valued sessions of its user that ended before it began.

    A session in both files never counts its own value. With `include_later`, for sessions without a value, all valued
    sessions of the user count.
    """
    return value_histories(valued.sessions, valued.values, [valued.predicted], sessions, include_later=include_later)[0]


def value_histories(
    valued: Sessions, values: Vector, predicted: Sequence[Vector], sessions: Sessions, *, include_later: bool = False
) -> list[History]:
    """Return `value_history` for each of several predictions of the valued sessions.

    Args:
        valued: users and times of the valued sessions.
        values: (valued sessions,) their actual values.
        predicted: several cross-fitted predictions of these values.
        sessions: the sessions to describe.
    """
    _, user_codes = np.unique(np.concatenate([valued.users, sessions.users]), return_inverse=True)
    valued_users, users = np.split(user_codes, [len(valued.users)])
    order = np.lexsort((valued.ends, valued_users))
    summands = np.column_stack([np.ones(len(order)), values, *predicted])  # as the columns of History.of
    running = np.zeros((len(order) + 1, summands.shape[1]))
    np.cumsum(summands[order], axis=0, out=running[1:])
    sorted_users, sorted_ends = valued_users[order], valued.ends[order]
    begin = np.searchsorted(sorted_users, users, "left")
    if include_later:
        until = np.searchsorted(sorted_users, users, "right")
    else:
        until = _ended_before(sorted_users, sorted_ends, users, sessions.starts)
    sums = running[until] - running[begin]
    if sessions.itself is not None:
        in_both_files = np.flatnonzero(sessions.itself >= 0)
        positions = sessions.itself[in_both_files]
        is_counted = include_later | (valued.ends[positions] < sessions.starts[in_both_files])
        sums[in_both_files[is_counted]] -= summands[positions[is_counted]]
    return [History.of(sums[:, [0, 1, column]]) for column in range(2, sums.shape[1])]


def _ended_before(sorted_users: Int64s, sorted_ends: Int64s, users: Int64s, starts: Int64s) -> Int64s:
    """Return the end position of each user's sessions that ended before a start, in sessions sorted by user and end."""
    if not len(sorted_ends) or not len(starts):
        return np.zeros(len(starts), dtype=np.int64)
    first = min(int(sorted_ends.min()), int(starts.min()))
    span = max(int(sorted_ends.max()), int(starts.max())) - first + 1
    return np.searchsorted(sorted_users * span + (sorted_ends - first), users * span + (starts - first), "left")
