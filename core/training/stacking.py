"""The meta-model: a Ridge regression of the value on the learners' out-of-fold predictions.

Source: Wolpert (1992), Stacked generalization; Breiman (1996), Stacked regressions, for ridge as the combiner.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import Ridge, RidgeCV

from core.training.folds import Folds
from core.training.learners import Matrix, Vector

ALPHAS = tuple(10.0**power for power in range(-2, 7))
"""Penalties tried. Columns are in value units (variance in the thousands), rows in the tens of thousands: 1e6 already
pulls the weights together, 1e-2 is as good as none."""


@dataclass(frozen=True)
class Stack:
    """The fitted meta-model and its own out-of-fold predictions.

    Attributes:
        weights: one a learner, in the order of the columns.
        intercept: value units.
        alpha: the chosen penalty.
        oof: predictions for the training rows by meta-models that did not see the row's fold (nested).
    """

    weights: Vector
    intercept: float
    alpha: float
    oof: Vector

    def predict(self, columns: Matrix) -> Vector:
        """Combine the learners' predictions (rows, learners); never below 0, which no session is worth."""
        return np.maximum(columns @ self.weights + self.intercept, 0.0)


def fit_stack(oof: Matrix, y: Vector, folds: Folds) -> Stack:
    """Fit on the out-of-fold matrix (rows, learners) and score itself out of fold, on the same folds as the learners.

    For the nested predictions of fold k, penalty and weights come from the other folds alone.
    """
    nested = np.full(len(y), np.nan)
    for fold, (train, validate) in enumerate(folds.splits()):
        others = Folds(_closed_up(folds.fold_of[train], fold), folds.count - 1)
        model = _fit(oof[train], y[train], others)
        nested[validate] = np.maximum(model.predict(oof[validate]), 0.0)
    final = _fit(oof, y, folds)
    return Stack(np.asarray(final.coef_), float(final.intercept_), float(final.alpha), nested)


def _closed_up(fold_of: NDArray[np.int64], without: int) -> NDArray[np.int64]:
    """Number the remaining folds without a hole."""
    return np.where(fold_of > without, fold_of - 1, fold_of)


def _fit(columns: Matrix, y: Vector, folds: Folds) -> Ridge:
    """Ridge with its penalty chosen by cross-validation over the folds; with one fold left, the middle penalty."""
    if folds.count < 2:
        model = Ridge(alpha=ALPHAS[len(ALPHAS) // 2])
        return model.fit(columns, y)
    search = RidgeCV(alphas=ALPHAS, cv=list(folds.splits()), scoring="neg_mean_squared_error").fit(columns, y)
    return Ridge(alpha=search.alpha_).fit(columns, y)
