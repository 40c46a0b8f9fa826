"""The meta-model: a Ridge regression of the value on the learners' out-of-fold predictions.

Source: Wolpert (1992), Stacked generalization; Breiman (1996), Stacked regressions, for non-negative ridge weights.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import nnls

from core.training.folds import Folds
from core.training.learners import Matrix, Vector

ALPHAS = (0.0, *(10.0**power for power in range(-5, 1)))
"""Penalties tried, as multiples of the mean sum of squares of a column: 0 is none, 1 halves the weights."""
_JITTER = 1e-10
"""Keeps the factorisation possible when two learners predict the same."""
_ROUNDING = 1e-12
"""Sums of squares about the mean below this part of those about 0 are rounding errors of the subtraction."""


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

    For the nested predictions of fold k, penalty and weights come from the other folds alone. Weights are not negative:
    the learners answer the same question, so a negative weight only fits their noise (Breiman 1996, section 3).
    """
    moments = [_Moments.of(oof[rows], y[rows]) for _, rows in folds.splits()]
    nested = np.full(len(y), np.nan)
    for fold, (_, validate) in enumerate(folds.splits()):
        others = moments[:fold] + moments[fold + 1 :]
        weights, intercept, _ = _fit(others)
        nested[validate] = np.maximum(oof[validate] @ weights + intercept, 0.0)
    weights, intercept, alpha = _fit(moments)
    return Stack(weights, intercept, alpha, nested)


@dataclass(frozen=True)
class _Moments:
    """Sums over rows of (1, learners, y) times themselves: all that a linear least-squares fit needs of the rows."""

    sums: Matrix

    @classmethod
    def of(cls, columns: Matrix, y: Vector) -> _Moments:
        rows = np.column_stack([np.ones(len(y)), columns, y])
        return cls(rows.T @ rows)

    @classmethod
    def together(cls, parts: list[_Moments]) -> _Moments:
        return cls(np.sum([part.sums for part in parts], axis=0))

    def ridge(self, alpha: float) -> tuple[Vector, float]:
        """Non-negative ridge weights and the unpenalised intercept.

        Minimises |y - Xw - b|^2 + alpha * m * |w|^2 over w >= 0, m being the mean sum of squares of the centred
        columns; solved as non-negative least squares on the Cholesky factor of the centred, penalised moments.
        """
        count, means = self.sums[0, 0], self.sums[0, 1:] / self.sums[0, 0]
        centred = self.sums[1:, 1:] - count * np.outer(means, means)
        gram, product = centred[:-1, :-1], centred[:-1, -1]
        scale, rounding = float(np.trace(gram)) / len(gram), _ROUNDING * float(self.sums.diagonal()[1:-1].mean())
        if scale <= rounding:  # every learner predicts one constant: the mean of y is the best there is
            return np.zeros(len(gram)), float(means[-1])
        factor = np.linalg.cholesky(gram + ((alpha + _JITTER) * scale + rounding) * np.eye(len(gram)))
        weights, _ = nnls(factor.T, np.linalg.solve(factor, product))
        return np.asarray(weights), float(means[-1] - means[:-1] @ weights)

    def squared_error(self, weights: Vector, intercept: float) -> float:
        """Sum over the rows of (y - Xw - b)^2."""
        side = np.concatenate([[-intercept], -weights, [1.0]])
        return float(side @ self.sums @ side)


def _fit(parts: list[_Moments]) -> tuple[Vector, float, float]:
    """Weights, intercept and penalty; the penalty has the least error in cross-validation over the parts (folds)."""
    errors = dict.fromkeys(ALPHAS, 0.0)
    for place, held_out in enumerate(parts if len(parts) > 1 else []):
        rest = _Moments.together(parts[:place] + parts[place + 1 :])
        for alpha in ALPHAS:
            errors[alpha] += held_out.squared_error(*rest.ridge(alpha))
    alpha = min(errors, key=errors.__getitem__)
    weights, intercept = _Moments.together(parts).ridge(alpha)
    return weights, intercept, alpha
