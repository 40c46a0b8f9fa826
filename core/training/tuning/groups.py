"""Groups of users within a search: chunks to compare trials by, and users held out for early stopping.

A trial is stopped early by a Wilcoxon signed-rank test against the best trial, as in optuna.pruners.WilcoxonPruner
(Wilcoxon 1945, Individual comparisons by ranking methods). Optuna's pruner also requires the trial's mean to exceed
that of the best trial over all folds. On an easy fold it would therefore stop no trial.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from core.training.learners import Vector

_CHUNKS = 8
"""Chunks per fold: the signed-rank test can then be significant after a single fold."""
_P_VALUE = 0.1
"""Significance level at which a trial is stopped, the default of Optuna's pruner."""
HELD_OUT_EVERY = 8
"""One in this many users of a fold's training rows is held out to stop a trial's fits."""


class UserGroups:
    """Groups of users by their position in a random order; `users` holds the user of each row."""

    def __init__(self, users: NDArray[np.int64], seed: int) -> None:
        _, user = np.unique(users, return_inverse=True)
        self._ranks = np.random.default_rng(seed).permutation(int(user.max()) + 1)[user]

    def chunk_means(self, values: Vector, rows: NDArray[np.int64]) -> list[float]:
        """Return the mean of the rows' values in each chunk of users; a chunk without any of the rows is left out."""
        chunks = self._ranks[rows] % _CHUNKS
        return [float(values[chunks == chunk].mean()) for chunk in np.unique(chunks)]

    def held_out(self, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return a mask of the rows whose users are held out: one user in HELD_OUT_EVERY, and at least one."""
        ranks = np.unique(self._ranks[rows])
        return np.asarray(self._ranks[rows] <= ranks[max(len(ranks) // HELD_OUT_EVERY, 1) - 1])


def is_significantly_worse(loss_differences: Sequence[float]) -> bool:
    """Return whether a trial's losses are higher than the best trial's by more than chance.

    `loss_differences` has one entry per fold and chunk of users: the trial's mean loss minus the best trial's.

    >>> is_significantly_worse([0.1, 0.2, 0.1, 0.3, 0.2, 0.1, 0.2, 0.4])
    True
    >>> is_significantly_worse([0.1, -0.2, 0.1, -0.3, 0.2, -0.1, 0.2, 0.1])
    False
    """
    if len(loss_differences) < _CHUNKS or sum(loss_differences) <= 0:
        return False
    return float(stats.wilcoxon(loss_differences, zero_method="zsplit", alternative="greater").pvalue) < _P_VALUE
