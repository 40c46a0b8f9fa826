"""Nested folds: what is learned inside a fold is cross-fitted for the rows that the fold trains on."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from core.training.folds import NO_FOLD, Folds, make_folds
from core.training.learners import Matrix

Key = tuple[int, ...]
"""Names the rows that are left out: none, those of a fold, or those of a fold and of one of its inner folds."""
_MIN_FOLDS = 3
"""With two folds, no rows are left without both. The training rows of each fold are then split again."""


class NestedFolds:
    """The folds of a run, and inner folds of each fit's training rows.

    The inner folds of a fold are the other folds: columns that are learned without folds j and k then serve both. If
    there are only two folds, or folds forward in time, the training rows are split again.

    Args:
        n_whole: number of the first rows to learn from. The others are prefixes of the same sessions, for which columns
            are cross-fitted, too. None to learn from all rows.
    """

    def __init__(self, folds: Folds, n_whole: int | None = None) -> None:
        self.folds = folds
        self.n_whole = len(folds.fold_of) if n_whole is None else n_whole
        self.inner: tuple[Folds, ...] | None = None
        if folds.kind == "forward" or folds.count < _MIN_FOLDS:
            count = _MIN_FOLDS if folds.kind == "forward" else 2
            self.inner = tuple(_split_again(folds, fit, count) for fit in range(folds.fit_count))

    def rows(self, key: Key) -> NDArray[np.int64]:
        """Return the rows to learn from without those of the key."""
        mask = self.folds.train_mask(key[0]) if key else np.ones(len(self.folds.fold_of), dtype=bool)
        for inner_fold in key[1:]:
            mask &= self._inner_folds(key[0]).fold_of != inner_fold
        return np.flatnonzero(mask[: self.n_whole])

    def cross_fit(self, fold: int, learn: Callable[[Key], Matrix]) -> Matrix:
        """Return a fold's columns for all rows. `learn` returns columns for all rows, learned without a key's rows."""
        columns, inner = learn((fold,)).copy(), self._inner_folds(fold)
        for inner_fold in range(inner.count):
            rows = self._left_out(fold, inner_fold)
            if len(rows):
                columns[rows] = learn(self._key(fold, inner_fold))[rows]
        return columns

    def held_out(self, fold: int) -> tuple[Key, NDArray[np.int64]]:
        """Return one of a fold's keys, and the rows that the fold could learn from but the key leaves out."""
        inner_fold = (fold + 1) % self._inner_folds(fold).count
        left_out = self._left_out(fold, inner_fold)
        return self._key(fold, inner_fold), left_out[left_out < self.n_whole]

    def _key(self, fold: int, inner_fold: int) -> Key:
        return (fold, inner_fold) if self.inner is not None else (min(fold, inner_fold), max(fold, inner_fold))

    def _left_out(self, fold: int, inner_fold: int) -> NDArray[np.int64]:
        return np.flatnonzero((self._inner_folds(fold).fold_of == inner_fold) & self.folds.train_mask(fold))

    def _inner_folds(self, fit: int) -> Folds:
        return self.folds if self.inner is None else self.inner[fit]


def _split_again(folds: Folds, fit: int, count: int) -> Folds:
    """Split the training rows of a fit by user, which needs at least `count` users."""
    rows = np.flatnonzero(folds.train_mask(fit))
    fold_of = np.full(len(folds.users), NO_FOLD, dtype=np.int64)
    fold_of[rows] = make_folds(folds.users[rows], count, seed=0, users_per_fold=1).fold_of
    return Folds(fold_of, count, folds.users)
