"""Users dealt to groups: chunks by which trials are compared, and those held out to stop a trial's fits.

Source: Wilcoxon (1945), Individual comparisons by ranking methods. Trials are given up as optuna.pruners.WilcoxonPruner
does it, but for one thing: that one gives no trial up whose mean so far is below the best trial's mean over all folds,
which on an easy fold is every trial.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from core.training.cross_fitting import FoldMatrices
from core.training.learners import Vector

_CHUNKS = 8
"""Parts of a fold's validated rows, by user: enough for a signed-rank test to tell after a single fold."""
_GIVEN_UP_AT = 0.1
"""The p-value below which a trial is given up: that of Optuna's pruner."""
HELD_OUT = 8
"""One user in so many stops the fits of a trial: of the rows learned from, never of the fold that scores."""


@dataclass(frozen=True)
class Groups:
    """Users in an order of their own: dealt to chunks (for the test that gives trials up), the first of those that a
    fold learns from held out (to stop its fits).
    """

    order: NDArray[np.int64]

    @classmethod
    def of(cls, matrices: FoldMatrices, seed: int) -> Groups:
        _, user = np.unique(matrices.folds.users, return_inverse=True)
        return cls(np.random.default_rng(seed).permutation(int(user.max()) + 1)[user])

    @property
    def chunk_of(self) -> NDArray[np.int64]:
        """Of each row."""
        return self.order % _CHUNKS

    def means_by_chunk(self, values: Vector, rows: NDArray[np.int64]) -> list[float]:
        """The mean of the rows' values in each chunk that has one of these rows."""
        chunk = self.chunk_of[rows]
        return [float(values[chunk == each].mean()) for each in np.unique(chunk)]

    def held(self, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which of these rows are of the users held out: one in HELD_OUT, and at least one."""
        users = np.unique(self.order[rows])
        return np.asarray(self.order[rows] <= users[max(len(users) // HELD_OUT, 1) - 1])


def plainly_worse(worse_by: Sequence[float]) -> bool:
    """Whether losses higher by so much (below 0: lower) on like parts of the rows are so by more than chance."""
    if len(worse_by) < _CHUNKS or sum(worse_by) <= 0:
        return False
    return float(stats.wilcoxon(worse_by, zero_method="zsplit", alternative="greater").pvalue) < _GIVEN_UP_AT
