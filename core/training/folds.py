"""Cross-validation folds, made once for the tuner, the learners, the meta-model, the intervals and all scores.

- "user" (default): all sessions of a user are in one fold.
- "user_and_value": the same, with a similar distribution of values in each fold.
- "forward": each fold validates one period with models trained on earlier periods only, without the users of that
  period. No fold validates the first period.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import GroupKFold, StratifiedGroupKFold

from core.errors import ContentError

USERS_PER_FOLD = 4
"""Smallest number of users per fold; with fewer, the score of a fold is meaningless."""
NO_FOLD = -1
"""Value of `fold_of` in rows that no fold validates."""
FoldKind = Literal["user", "user_and_value", "forward"]
FOLD_KINDS: tuple[FoldKind, ...] = get_args(FoldKind)
_VALUE_CLASSES = 10
"""Quantile classes of the value, by which "user_and_value" stratifies."""

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Folds:
    """The rows that each fold validates, and the rows that its models train on.

    Models are fitted once per fold. Forward folds have one more fit, on all rows, because models of early periods have
    seen too little data to predict the test file.

    Attributes:
        fold_of: (rows,) the fold that validates the row, from 0 to count - 1, or NO_FOLD.
        users: (rows,) the user of the row.
    """

    fold_of: NDArray[np.int64]
    count: int
    users: NDArray[np.int64]
    kind: FoldKind = "user"

    def train_mask(self, fit: int) -> NDArray[np.bool_]:
        """Mask the rows that a fit trains on; they share no user with the rows that its fold validates."""
        if fit == self.count:
            return np.ones(len(self.fold_of), dtype=bool)
        if self.kind != "forward":
            return np.asarray(self.fold_of != fit)
        validated_users = self.users[self.fold_of == fit]
        return np.asarray((self.fold_of < fit) & ~np.isin(self.users, validated_users))

    def split(self, fit: int) -> tuple[Rows, Rows]:
        """Return the row numbers that a fit trains on, and those that it validates."""
        return np.flatnonzero(self.train_mask(fit)), np.flatnonzero(self.fold_of == fit)

    def splits(self) -> Iterator[tuple[Rows, Rows]]:
        """Iterate over the splits of the folds; a `cv` iterable in scikit-learn."""
        return map(self.split, range(self.count))

    def fits(self) -> Iterator[tuple[Rows, Rows]]:
        """Iterate over the splits of all fits. The additional fit of forward folds validates no rows."""
        return map(self.split, range(self.fit_count))

    def out_of_fold(self, predict: Callable[[int, Rows], NDArray[np.float64]]) -> NDArray[np.float64]:
        """Return `predict(fold, rows)` for the validated rows of each fold; NaN in rows that no fold validates."""
        predicted = np.full(len(self.fold_of), np.nan)
        for fold in range(self.count):
            rows = np.flatnonzero(self.fold_of == fold)
            predicted[rows] = predict(fold, rows)
        return predicted

    @property
    def fit_count(self) -> int:
        """Number of fits: one per fold, and one more for forward folds."""
        return self.count + (self.kind == "forward")

    @property
    def fits_for_test(self) -> range:
        """Numbers of the fits whose average predicts the test file."""
        return range(self.count, self.count + 1) if self.kind == "forward" else range(self.count)

    @property
    def validated_mask(self) -> NDArray[np.bool_]:
        """Mask of the rows that a fold validates."""
        return np.asarray(self.fold_of != NO_FOLD)

    def part(self, rows: Rows) -> Folds:
        """Return the folds of some rows, which are selected by number."""
        return replace(self, fold_of=self.fold_of[rows], users=self.users[rows])


def make_folds(
    users: NDArray[np.int64],
    count: int,
    seed: int,
    *,
    kind: FoldKind = "user",
    y: NDArray[np.float64] | None = None,
    starts: NDArray[np.int64] | None = None,
    users_per_fold: int = USERS_PER_FOLD,
) -> Folds:
    """Assign users to folds of about equal numbers of users or, for forward folds, cut time into count + 1 periods.

    Args:
        users: (rows,) the user of each row.
        seed: seed of the shuffle; forward folds do not use it.
        y: (rows,) values; required for "user_and_value".
        starts: (rows,) epoch seconds; required for "forward". Periods have about equal numbers of sessions.
        users_per_fold: smallest number of users allowed per fold.

    Raises:
        InputError: there are too few users per fold. With forward folds: a period is empty, or has too few users in
            earlier periods who do not return in it.

    >>> make_folds(np.array([5, 5, 6, 7, 7, 8]), 2, seed=0, users_per_fold=1).count
    2
    """
    n_users = len(np.unique(users))
    if n_users < count * users_per_fold:
        raise ContentError.too_few_users(n_users, count * users_per_fold)
    if kind == "forward":
        if starts is None:
            raise TypeError("forward folds need starts")
        return _forward_folds(users, starts, count, users_per_fold)
    if kind == "user_and_value":
        if y is None:
            raise TypeError("folds by user and value need y")
        splitter = StratifiedGroupKFold(n_splits=count, shuffle=True, random_state=seed)
        splits = splitter.split(users, _value_classes(y, count), groups=users)
    else:
        splits = GroupKFold(n_splits=count, shuffle=True, random_state=seed).split(users, groups=users)
    fold_of = np.full(len(users), NO_FOLD, dtype=np.int64)
    for fold, (_, validated) in enumerate(splits):
        fold_of[validated] = fold
    return Folds(fold_of, count, users, kind)


def _forward_folds(users: NDArray[np.int64], starts: NDArray[np.int64], count: int, users_per_fold: int) -> Folds:
    folds = Folds(_periods(starts, count), count, users, "forward")
    if not all(len(validated) for _, validated in folds.splits()):
        raise ContentError.empty_period(count)
    n_users = min(len(np.unique(users[train])) for train, _ in folds.splits())
    if n_users < users_per_fold:
        raise ContentError.too_few_users_per_period(n_users, users_per_fold)
    return folds


def _value_classes(y: NDArray[np.float64], n_folds: int) -> NDArray[np.int64]:
    """Return the class of each value: quantiles of about equal size, each with a row for every fold."""
    n_classes = max(1, min(_VALUE_CLASSES, len(y) // n_folds))
    edges = np.unique(np.quantile(y, np.linspace(0, 1, n_classes + 1)[1:-1]))
    return np.asarray(np.searchsorted(edges, y), dtype=np.int64)


def _periods(starts: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Return the period of each session, from -1; sessions that start in the same second share a period."""
    edges = np.quantile(starts, np.linspace(0, 1, count + 2)[1:-1])
    return np.asarray(np.searchsorted(edges, starts, side="left") - 1, dtype=np.int64)
