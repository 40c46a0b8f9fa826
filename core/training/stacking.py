"""The meta-model: a Ridge regression of the session value on the learners' out-of-fold predictions.

The penalty shrinks the weights towards equal weights instead of 0, because the plain mean of the learners is hard to
beat when rows are few or noisy (Diebold and Pauly 1990, The use of prior information in forecast combination). Weights
are non-negative by default (Breiman 1996, Stacked regressions). Stacking itself is due to Wolpert (1992), Stacked
generalization.

The model is fitted on the scale on which the metric measures errors. For absolute errors it is refitted with weights
1 / |error|, i.e. by iteratively reweighted least squares (Schlossmacher 1973).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from scipy.optimize import nnls

from core.metric import MEAN_SQUARED_ERROR, Metric
from core.training.folds import Folds, Rows
from core.training.learners import Matrix, Vector

Combination = Literal["ridge", "mean", "non_negative", "best_learner", "prices"]
RIDGE: Final = "ridge"

ALPHAS = (0.0, *(10.0**power for power in range(-5, 3)))
"""Penalties to choose from, in units of the mean sum of squares of a column. The largest leaves only the mean."""
_JITTER = 1e-10
"""Keeps the Cholesky factorization possible when two learners predict the same."""
_ROUNDING = 1e-12
"""A centred sum of squares that is a smaller share of the uncentred one is a rounding error of the subtraction."""
_REWEIGHTINGS = 12
"""36 more reduce the absolute error by only 0.03% on the demo data and 0.02% on journey."""
_MIN_ERROR = 0.01
"""Share of the mean absolute error. Smaller errors are raised to it, so that no row gets an unbounded weight."""
_SUM_TO_ONE_PENALTY = 1e4
"""Penalty on a blend whose weights do not sum to 1, relative to the mean sum of squares of a column."""


@dataclass(frozen=True)
class Stack:
    """The fitted meta-model, or another combination of the learners, and its nested predictions.

    Attributes:
        weights: weight of each learner, in the order of the columns.
        intercept: intercept on the metric's scale: value units, or logarithms for RMSLE.
        alpha: the chosen penalty, one of ALPHAS; None if the combination is not the meta-model.
        oof: prediction for each training row by a meta-model that did not see the row's fold, in value units. NaN where
            the learners have no out-of-fold prediction.
        metric: metric on whose scale the predictions are combined.
        lower_bound: lower bound of all predictions, in value units.
        combination: how the learners are combined; see core.training.combinations.
        start_weight: weight of the value that the learners start from, on the metric's scale as the other weights.
    """

    weights: Vector
    intercept: float
    alpha: float | None
    oof: Vector
    metric: Metric = MEAN_SQUARED_ERROR
    lower_bound: float = 0.0
    combination: Combination = RIDGE
    start_weight: float = 0.0

    def predict(self, columns: Matrix, start: Vector | None = None) -> Vector:
        """Combine the learners' predictions, shape (rows, learners), and their start into session values.

        Args:
            start: (rows,) in value units; None if the learners have no start. Its weight is then 0.
        """
        weights = self.weights
        if start is not None:
            columns, weights = np.column_stack([columns, start]), np.append(weights, self.start_weight)
        return combine(columns, weights, self.intercept, self.metric, self.lower_bound)


def fit_stack(
    oof: Matrix,
    y: Vector,
    folds: Folds,
    metric: Metric = MEAN_SQUARED_ERROR,
    *,
    non_negative: bool = True,
    lower_bound: float = 0.0,
) -> Stack:
    """Fit the meta-model, and predict each fold with a meta-model fitted on the other folds (nested cross-validation).

    Args:
        oof: (rows, learners) out-of-fold predictions of the learners, in value units.
        metric: metric on whose scale errors are minimized.
        non_negative: forbid negative weights. The learners predict the same quantity, so a negative weight would only
            fit their noise.

    >>> y = np.arange(1.0, 41.0)
    >>> folds = Folds(fold_of=np.arange(40) % 2, count=2, users=np.arange(40))
    >>> fit_stack(np.column_stack([y - 3, y - 3]), y, folds).weights.round(3)
    array([0.5, 0.5])
    """
    by_fold = fold_rows(oof, y, folds, metric)

    def predict(fold: int, rows: Rows) -> Vector:
        weights, intercept, _ = fit_meta_model(by_fold[:fold] + by_fold[fold + 1 :], metric, non_negative=non_negative)
        return combine(oof[rows], weights, intercept, metric, lower_bound)

    fitted = fit_meta_model(by_fold, metric, non_negative=non_negative)
    return Stack(*fitted, folds.out_of_fold(predict), metric, lower_bound)


def fit_meta_model(parts: list[FoldRows], metric: Metric, *, non_negative: bool) -> tuple[Vector, float, float]:
    """Return the weights, the intercept and the penalty of the meta-model that is fitted on some folds."""
    alpha = _best_alpha(_weighted_products(parts, metric, non_negative=non_negative), non_negative=non_negative)
    return *_fit_ridge(parts, metric, alpha, non_negative=non_negative), alpha


def combine(columns: Matrix, weights: Vector, intercept: float, metric: Metric, lower_bound: float = 0.0) -> Vector:
    """Return the weighted sum of predictions, shape (rows, learners), in value units.

    It is added up column by column, because the last bit of a matrix product depends on the number of rows.
    """
    transformed = metric.transform(columns)
    combined = np.full(len(columns), intercept)
    for column, weight in enumerate(weights):
        combined += weight * transformed[:, column]
    return np.asarray(np.maximum(metric.inverse_transform(combined), lower_bound))


@dataclass(frozen=True)
class FoldRows:
    """The validated rows of one fold.

    Attributes:
        rows: their numbers among the training rows.
        columns: (rows, learners) out-of-fold predictions, on the metric's scale.
        y: (rows,) values, on the metric's scale.
    """

    rows: Rows
    columns: Matrix
    y: Vector

    def products(self, weights: Vector | None = None) -> CrossProducts:
        """Return the cross products of the rows, which count by their weights; None for equal weights."""
        rows = np.column_stack([np.ones(len(self.y)), self.columns, self.y])
        return CrossProducts(rows.T @ (rows if weights is None else rows * weights[:, None]))


def fold_rows(oof: Matrix, y: Vector, folds: Folds, metric: Metric) -> list[FoldRows]:
    """Return the validated rows of each fold; arguments as for `fit_stack`."""
    return [FoldRows(rows, metric.transform(oof[rows]), metric.transform(y[rows])) for _, rows in folds.splits()]


def fit_reweighted(
    parts: list[FoldRows], metric: Metric, solve: Callable[[CrossProducts], tuple[Vector, float]]
) -> tuple[Vector, float]:
    """Return weights and intercept by least squares, or by iteratively reweighted least squares for absolute errors."""
    weights, intercept = solve(CrossProducts.sum([part.products() for part in parts]))
    for _ in range(_REWEIGHTINGS if metric.is_absolute else 0):
        weights, intercept = solve(CrossProducts.sum(_products_by_error(parts, weights, intercept)))
    return weights, intercept


def _fit_ridge(parts: list[FoldRows], metric: Metric, alpha: float, *, non_negative: bool) -> tuple[Vector, float]:
    return fit_reweighted(parts, metric, lambda products: products.ridge(alpha, non_negative=non_negative))


def _weighted_products(parts: list[FoldRows], metric: Metric, *, non_negative: bool) -> list[CrossProducts]:
    """Return the cross products of each fold, with row weights that turn squared errors into the metric's errors."""
    if not metric.is_absolute:
        return [part.products() for part in parts]
    return _products_by_error(parts, *_fit_ridge(parts, metric, 0.0, non_negative=non_negative))


def _products_by_error(parts: list[FoldRows], weights: Vector, intercept: float) -> list[CrossProducts]:
    """Return the cross products of each fold with row weights 1 / |error|: squared errors then count as absolute."""
    errors = [np.abs(part.y - part.columns @ weights - intercept) for part in parts]
    smallest = _MIN_ERROR * float(np.concatenate(errors).mean())
    if smallest <= 0:
        return [part.products() for part in parts]
    return [part.products(1.0 / np.maximum(error, smallest)) for part, error in zip(parts, errors, strict=True)]


@dataclass(frozen=True)
class CrossProducts:
    """Z'Z with the columns Z = (1, learners, y): everything that linear least squares needs of the rows.

    Attributes:
        matrix: symmetric, shape (learners + 2, learners + 2).
    """

    matrix: Matrix

    @classmethod
    def sum(cls, parts: list[CrossProducts]) -> CrossProducts:
        """Return the cross products of the rows of all parts together."""
        return cls(np.sum([part.matrix for part in parts], axis=0))

    def ridge(self, alpha: float, *, non_negative: bool = True) -> tuple[Vector, float]:
        """Return ridge weights and the unpenalized intercept.

        Minimizes |y - Xw - b|^2 + alpha * m * |w - 1/k|^2, optionally over w >= 0. Here k is the number of learners and
        m the mean sum of squares of a centred column. This is a least-squares problem with the Cholesky factor of the
        penalized, centred X'X as its matrix.
        """
        n_rows, means = self.matrix[0, 0], self.matrix[0, 1:] / self.matrix[0, 0]
        centred = self.matrix[1:, 1:] - n_rows * np.outer(means, means)
        gram, product = centred[:-1, :-1], centred[:-1, -1]
        scale = float(np.trace(gram)) / len(gram)
        rounding = _ROUNDING * float(self.matrix.diagonal()[1:-1].mean())
        if scale <= rounding:  # every learner predicts a constant, so the mean of y is the best prediction
            return np.zeros(len(gram)), float(means[-1])
        factor = np.linalg.cholesky(gram + ((alpha + _JITTER) * scale + rounding) * np.eye(len(gram)))
        right = np.linalg.solve(factor, product + alpha * scale / len(gram))
        weights = np.asarray(nnls(factor.T, right)[0] if non_negative else np.linalg.solve(factor.T, right))
        return weights, float(means[-1] - means[:-1] @ weights)

    def convex(self) -> Vector:
        """Return non-negative weights that sum to 1, without an intercept."""
        gram, product = self.matrix[1:-1, 1:-1], self.matrix[1:-1, -1]
        scale = float(np.trace(gram)) / len(gram)
        ones = np.ones(len(gram))
        if scale <= 0:
            return ones / len(gram)
        penalty = _SUM_TO_ONE_PENALTY * scale
        factor = np.linalg.cholesky(gram + penalty * np.outer(ones, ones) + _JITTER * scale * np.eye(len(gram)))
        weights, _ = nnls(factor.T, np.linalg.solve(factor, product + penalty * ones))
        return np.asarray(weights / weights.sum()) if weights.sum() > 0 else ones / len(gram)

    def squared_error(self, weights: Vector, intercept: float) -> float:
        """Return the sum of (y - Xw - b)^2 over the rows."""
        coefficients = np.concatenate([[-intercept], -weights, [1.0]])
        return float(coefficients @ self.matrix @ coefficients)


def _best_alpha(parts: list[CrossProducts], *, non_negative: bool) -> float:
    """Choose the penalty by cross-validation over the folds, with the one-standard-error rule.

    Returns the largest penalty whose error exceeds the lowest one by at most a standard error of the difference
    (Breiman et al. 1984, Classification and regression trees, section 3.4.3). A few extreme sessions decide which
    penalty has the lowest error, so the lowest itself is partly chance.
    """
    if len(parts) < 2:
        return ALPHAS[-1]
    errors = np.empty((len(parts), len(ALPHAS)))
    for fold, part in enumerate(parts):
        others = CrossProducts.sum(parts[:fold] + parts[fold + 1 :])
        errors[fold] = [part.squared_error(*others.ridge(alpha, non_negative=non_negative)) for alpha in ALPHAS]
    excess = errors - errors[:, [int(np.argmin(errors.sum(axis=0)))]]
    standard_errors = np.std(excess, axis=0, ddof=1) * np.sqrt(len(parts))
    within = excess.sum(axis=0) <= standard_errors
    return max(alpha for alpha, is_within in zip(ALPHAS, within, strict=True) if is_within)
