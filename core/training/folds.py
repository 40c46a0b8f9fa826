"""The folds: made once, grouped by user, used by learners, meta-model and scores alike."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import GroupKFold

from core.errors import InputError

USERS_PER_FOLD = 4
"""Fewer users than this in a fold and its score says nothing."""


@dataclass(frozen=True)
class Folds:
    """`fold_of[i]` is the fold that validates row i, 0 to count - 1; all rows of a user share it."""

    fold_of: NDArray[np.int64]
    count: int

    def splits(self) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """Row numbers to train on and to validate on, fold by fold (what scikit-learn calls an iterable cv)."""
        for fold in range(self.count):
            yield np.flatnonzero(self.fold_of != fold), np.flatnonzero(self.fold_of == fold)

    def part(self, rows: NDArray[np.int64]) -> Folds:
        """The folds of some of the rows."""
        return replace(self, fold_of=self.fold_of[rows])


def make_folds(users: NDArray[np.int64], count: int, seed: int) -> Folds:
    """Deal users, not rows, to folds of about equal numbers of users.

    Raises:
        InputError: fewer than USERS_PER_FOLD users a fold.
    """
    found = len(np.unique(users))
    if found < count * USERS_PER_FOLD:
        raise InputError.nothing_to_learn(found, count * USERS_PER_FOLD)
    fold_of = np.full(len(users), -1, dtype=np.int64)
    splitter = GroupKFold(n_splits=count, shuffle=True, random_state=seed)
    for fold, (_, validated) in enumerate(splitter.split(users, groups=users)):
        fold_of[validated] = fold
    return Folds(fold_of, count)
