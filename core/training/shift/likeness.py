"""How well a small model tells sessions of two files apart by what they hold: the area under the ROC curve."""

from __future__ import annotations

from typing import Final

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray

from core.training.learners import Matrix, Vector

MOST_SESSIONS: Final = 6_000
"""Of each file. The AUC of two samples of this size is known to about 0.005."""
_FOLDS: Final = 3
_ROUNDS: Final = 40
_SETTINGS: Final = {
    # Small on purpose: a difference that matters shows in few shallow trees, and the run must not wait.
    "objective": "binary",
    "num_leaves": 15,
    "learning_rate": 0.15,
    "min_data_in_leaf": 20,
    "seed": 7,
    "verbosity": -1,
    "deterministic": True,
    "force_row_wise": True,
    # One thread: the same answer on every machine.
    "num_threads": 1,
}


def area_between(first: Matrix, second: Matrix, users: NDArray[np.int64], weights: Vector) -> float:
    """AUC of telling the second sample from the first, on users that the model did not learn from; 0.5 is guessing.

    `users` and `weights` are those of the rows of both, the first's before the second's.
    """
    X, y = np.concatenate([first, second]), np.repeat([0.0, 1.0], [len(first), len(second)])
    fold_of = np.random.default_rng(0).integers(0, _FOLDS, len(users))[np.unique(users, return_inverse=True)[1]]
    guessed, scored = np.zeros(len(y)), np.zeros(len(y), dtype=bool)
    for fold in range(_FOLDS):
        here = fold_of == fold
        if len(np.unique(y[here])) < 2 or len(np.unique(y[~here])) < 2:
            continue
        model = lgb.train(_SETTINGS, lgb.Dataset(X[~here], y[~here], weight=weights[~here]), num_boost_round=_ROUNDS)
        guessed[here], scored[here] = model.predict(X[here]), True
    return _area(y[scored], guessed[scored], weights[scored])


def _area(y: Vector, guessed: Vector, weights: Vector) -> float:
    """Probability that a session of the second file gets a higher guess than one of the first (ties count half)."""
    if not (y == 1).any() or not (y == 0).any():
        return 0.5
    order = np.argsort(guessed, kind="stable")
    guess, second = guessed[order], (y == 1)[order]
    low = np.where(second, 0.0, weights[order])
    below = np.concatenate([[0.0], np.cumsum(low)])
    left, right = np.searchsorted(guess, guess, "left"), np.searchsorted(guess, guess, "right")
    chance = (below[left] + below[right]) / 2 / below[-1]
    return float(np.average(chance[second], weights=weights[order][second]))
