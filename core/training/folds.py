"""The folds: made once, used by the tuner, the learners, the meta-model, the intervals and all scores.

By user (the default): users are dealt to folds, and all sessions of a user share one. By user and value: the same, with
folds of like values. Forward in time: a fold is a stretch of time, told by models that learned from earlier stretches
alone, and from none of its users; the first stretch is told by nobody.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import GroupKFold, StratifiedGroupKFold

from core.errors import InputError

USERS_PER_FOLD = 4
"""Fewer users than this in a fold and its score says nothing."""
NOBODY = -1
"""In `fold_of`: the fold of rows that no fold validates."""
FoldKind = Literal["user", "user_and_value", "forward"]
FOLD_KINDS: tuple[FoldKind, ...] = get_args(FoldKind)
_VALUE_CLASSES = 10
"""Quantiles of the value that folds by user and value hold alike shares of."""

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Folds:
    """`fold_of[i]` is the fold that validates row i, 0 to count - 1, or NOBODY; `users[i]` whose it is.

    Models are fitted once a fold, and forward in time once more on all rows: there the models of early stretches have
    seen too little to be asked about the test file.
    """

    fold_of: NDArray[np.int64]
    count: int
    users: NDArray[np.int64]
    kind: FoldKind = "user"

    def trains(self, fit: int) -> NDArray[np.bool_]:
        """Which rows the models of a fit learn from: never one of a user that its fold validates."""
        if fit == self.count:
            return np.ones(len(self.fold_of), dtype=bool)
        if self.kind != "forward":
            return np.asarray(self.fold_of != fit)
        validated = self.users[self.fold_of == fit]
        return np.asarray((self.fold_of < fit) & ~np.isin(self.users, validated))

    def splits(self) -> Iterator[tuple[Rows, Rows]]:
        """Row numbers to train on and to validate on, fold by fold (what scikit-learn calls an iterable cv)."""
        for fold in range(self.count):
            yield np.flatnonzero(self.trains(fold)), np.flatnonzero(self.fold_of == fold)

    def fits(self) -> Iterator[tuple[Rows, Rows]]:
        """The splits, and after them, forward in time, all rows to train on and none to validate."""
        yield from self.splits()
        if self.kind == "forward":
            yield np.arange(len(self.fold_of)), np.empty(0, dtype=np.int64)

    @property
    def fit_count(self) -> int:
        return self.count + (self.kind == "forward")

    @property
    def fits_for_test(self) -> range:
        """The fits whose mean predicts the rows to predict."""
        return range(self.count, self.count + 1) if self.kind == "forward" else range(self.count)

    @property
    def validated(self) -> NDArray[np.bool_]:
        """Rows that some fold validates."""
        return np.asarray(self.fold_of != NOBODY)

    def part(self, rows: Rows) -> Folds:
        """The folds of some of the rows."""
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
    """Deal users, not rows, to folds of about equal numbers of users; or, forward, cut time into count + 1 stretches.

    `y` (values) is needed by user and value, `starts` (epoch seconds of the sessions) forward in time; stretches hold
    about equal numbers of sessions.

    Raises:
        InputError: fewer than `users_per_fold` users a fold; or, forward, fewer to learn from who do not come back in
            the stretch that is told, or a stretch without a session.
    """
    found = len(np.unique(users))
    if found < count * users_per_fold:
        raise InputError.nothing_to_learn(found, count * users_per_fold)
    if kind == "forward":
        if starts is None:
            raise TypeError("folds forward in time need the sessions' starts")
        folds = Folds(_stretches(starts, count), count, users, kind)
        if not all(len(validated) for _, validated in folds.splits()):
            raise InputError.empty_stretch(count)
        fewest = min(len(np.unique(users[learned])) for learned, _ in folds.splits())
        if fewest < users_per_fold:
            raise InputError.nothing_to_learn_forward(fewest, users_per_fold)
        return folds
    if kind == "user_and_value":
        if y is None:
            raise TypeError("folds by user and value need the values")
        classes = max(1, min(_VALUE_CLASSES, len(y) // count))  # a class needs a row for each fold
        edges = np.unique(np.quantile(y, np.linspace(0, 1, classes + 1)[1:-1]))
        splitter = StratifiedGroupKFold(n_splits=count, shuffle=True, random_state=seed)
        splits = splitter.split(users, np.searchsorted(edges, y), groups=users)
    else:
        splits = GroupKFold(n_splits=count, shuffle=True, random_state=seed).split(users, groups=users)
    fold_of = np.full(len(users), NOBODY, dtype=np.int64)
    for fold, (_, validated) in enumerate(splits):
        fold_of[validated] = fold
    return Folds(fold_of, count, users, kind)


def _stretches(starts: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """The stretch of each session, less one; sessions of one second share it."""
    edges = np.quantile(starts, np.linspace(0, 1, count + 2)[1:-1])
    return np.asarray(np.searchsorted(edges, starts, side="left") - 1, dtype=np.int64)
