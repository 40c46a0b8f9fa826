"""Groups of users within a search: chunks to compare trials by, and users held out for early stopping.

A trial is stopped early by a Wilcoxon signed-rank test against the best trial, as in optuna.pruners.WilcoxonPruner
(Wilcoxon 1945, Individual comparisons by ranking methods). Optuna's pruner also requires the trial's mean to exceed
that of the best trial over all folds. On an easy fold it would therefore stop no trial.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from core.training.learners import Vector

_CHUNKS = 8
"""Chunks per fold: the signed-rank test can then be significant after a single fold."""
_P_VALUE = 0.1
"""Significance level at which a trial is stopped, the default of Optuna's pruner."""
HELD_OUT = 8
"""One in this many users of a fold's training rows is held out to stop a trial's fits."""


@dataclass(frozen=True)
class UserGroups:
    """Groups of users, drawn at random.

    Attributes:
        ranks: Position of each row's user in a random order of all users.
    """

    ranks: NDArray[np.int64]

    @classmethod
    def draw(cls, users: NDArray[np.int64], seed: int) -> UserGroups:
        """Draw a random order of the users; `users` holds the user of each row."""
        _, user = np.unique(users, return_inverse=True)
        return cls(np.random.default_rng(seed).permutation(int(user.max()) + 1)[user])

    def chunk_means(self, values: Vector, rows: NDArray[np.int64]) -> list[float]:
        """Return the mean of the rows' values in each chunk of users; a chunk without any of the rows is left out."""
        chunks = self.ranks[rows] % _CHUNKS
        return [float(values[chunks == chunk].mean()) for chunk in np.unique(chunks)]

    def held_out(self, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return a mask of the rows whose users are held out: one in HELD_OUT, and at least one."""
        ranks = np.unique(self.ranks[rows])
        return np.asarray(self.ranks[rows] <= ranks[max(len(ranks) // HELD_OUT, 1) - 1])


def is_significantly_worse(loss_differences: Sequence[float]) -> bool:
    """Whether a trial's losses are higher than the best trial's by more than chance.

    Args:
        loss_differences: Mean loss of the trial minus that of the best trial, by chunk of rows.

    >>> is_significantly_worse([0.1, 0.2, 0.1, 0.3, 0.2, 0.1, 0.2, 0.4])
    True
    >>> is_significantly_worse([0.1, -0.2, 0.1, -0.3, 0.2, -0.1, 0.2, 0.1])
    False
    """
    if len(loss_differences) < _CHUNKS or sum(loss_differences) <= 0:
        return False
    return float(stats.wilcoxon(loss_differences, zero_method="zsplit", alternative="greater").pvalue) < _P_VALUE
