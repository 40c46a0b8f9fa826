"""Nested folds: what is learned inside a fold is cross-fitted for the rows that the fold trains on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.training.folds import NOBODY, Folds, make_folds
from core.training.learners import Matrix

Key = tuple[int, ...]
"""The rows that are left out: those of a fold, or those of a fold and of an inner fold."""
_MIN_FOLDS = 3
"""With two folds, no rows are left without both. The training rows of each fold are then split again."""


@dataclass(frozen=True)
class NestedFolds:
    """Assembles the columns of a fold from columns that were learned without its inner folds.

    Attributes:
        folds: The folds of the run.
        inner: Inner folds of each fit's training rows. None if the other folds are the inner ones: the columns learned
            without folds j and k then serve both folds.
    """

    folds: Folds
    inner: tuple[Folds, ...] | None

    @classmethod
    def create(cls, folds: Folds) -> NestedFolds:
        """Use the other folds as inner folds, or split again if there are only two folds or folds forward in time."""
        if folds.kind != "forward" and folds.count >= _MIN_FOLDS:
            return cls(folds, None)
        count = _MIN_FOLDS if folds.kind == "forward" else 2
        return cls(folds, tuple(_inner_folds(folds, fit, count) for fit in range(folds.fit_count)))

    @property
    def n_keys(self) -> int:
        """Number of different sets of rows to learn from."""
        count = self.folds.fit_count
        return count + (count * (count - 1) // 2 if self.inner is None else sum(folds.count for folds in self.inner))

    def rows(self, key: Key) -> NDArray[np.int64]:
        """Return the training rows without those of the key."""
        mask = self.folds.trains(key[0])
        for inner_fold in key[1:]:
            mask &= self._inner_folds(key[0]).fold_of != inner_fold
        return np.flatnonzero(mask)

    def cross_fit(self, fold: int, learn: Callable[[Key], Matrix]) -> Matrix:
        """Return the columns of a fold for all rows; `learn` returns the columns learned without a key's rows."""
        columns, inner = learn((fold,)).copy(), self._inner_folds(fold)
        for inner_fold in range(inner.count):
            rows = np.flatnonzero((inner.fold_of == inner_fold) & self.folds.trains(fold))
            if len(rows):
                key = (fold, inner_fold)
                columns[rows] = learn((min(key), max(key)) if self.inner is None else key)[rows]
        return columns

    def _inner_folds(self, fit: int) -> Folds:
        return self.folds if self.inner is None else self.inner[fit]


def _inner_folds(folds: Folds, fit: int, count: int) -> Folds:
    """Split the training rows of a fit by user, which needs at least `count` users."""
    rows = np.flatnonzero(folds.trains(fit))
    fold_of = np.full(len(folds.users), NOBODY, dtype=np.int64)
    fold_of[rows] = make_folds(folds.users[rows], count, seed=0, users_per_fold=1).fold_of
    return Folds(fold_of, count, folds.users)
