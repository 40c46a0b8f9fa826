"""The meta-model: a Ridge regression of the value on the learners' out-of-fold predictions.

Source: Wolpert (1992), Stacked generalization; Breiman (1996), Stacked regressions, for non-negative ridge weights;
Diebold and Pauly (1990), The use of prior information in forecast combination, for weights that are drawn to equal ones
and not to 0: with few or noisy rows the plain mean of the learners is hard to beat.

It works on the scale on which the metric counts squared errors. Where absolute errors count, it is fitted anew with
rows weighted by 1 / (size of their error) until the weights stand, which minimises absolute errors (iteratively
reweighted least squares, Schlossmacher 1973).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

from core.metric import MEAN_SQUARED_ERROR, Metric
from core.training.folds import Folds
from core.training.learners import Matrix, Vector

ALPHAS = (0.0, *(10.0**power for power in range(-5, 3)))
"""Penalties tried, as multiples of the mean sum of squares of a column: 0 is none, the last leaves the mean alone."""
_JITTER = 1e-10
"""Keeps the factorisation possible when two learners predict the same."""
_ROUNDING = 1e-12
"""Sums of squares about the mean below this part of those about 0 are rounding errors of the subtraction."""
_REWEIGHTINGS = 12
"""Thirty-six more take 0.03% off the absolute error on the demo and 0.02% on journey."""
_NEAR = 0.01
"""Errors below this part of the mean absolute error count as this large in weights: none weighs without bound."""
_SUM_TO_ONE = 1e4
"""How much more a blend's weights that miss the sum of 1 cost than what is missed in the data."""


@dataclass(frozen=True)
class Stack:
    """The fitted meta-model and its own out-of-fold predictions.

    Attributes:
        weights: one a learner, in the order of the columns.
        intercept: on the metric's scale: value units, or logarithms for RMSLE.
        alpha: the chosen penalty.
        oof: predictions for the training rows by meta-models that did not see the row's fold (nested); NaN where the
            learners have none.
        metric: whose scale weights and intercept are on.
        least: no prediction is lower; value units.
    """

    weights: Vector
    intercept: float
    alpha: float
    oof: Vector
    metric: Metric = MEAN_SQUARED_ERROR
    least: float = 0.0

    def predict(self, columns: Matrix) -> Vector:
        """Combine the learners' predictions (rows, learners); never below 0, which no session is worth."""
        return _combined(columns, self.weights, self.intercept, self.metric, self.least)


@dataclass(frozen=True)
class Blend:
    """Another way to combine the learners, to stand beside the meta-model.

    Attributes:
        name: best_learner, mean or non_negative.
        weights: one a learner, from all folds.
        oof: nested predictions, as the stack's.
    """

    name: str
    weights: Vector
    oof: Vector


def fit_stack(
    oof: Matrix,
    y: Vector,
    folds: Folds,
    metric: Metric | None = None,
    *,
    non_negative: bool = True,
    least: float = 0.0,
) -> Stack:
    """Fit on the out-of-fold matrix (rows, learners) and score itself out of fold, on the same folds as the learners.

    For the nested predictions of fold k, penalty and weights come from the other folds alone. Weights are by default
    not negative: the learners answer the same question, so a negative weight only fits their noise (Breiman 1996,
    section 3).
    """
    metric = metric or MEAN_SQUARED_ERROR
    parts = _parts(oof, y, folds, metric)

    def fit(chosen: list[_Part]) -> tuple[Vector, float, float]:
        alpha = _best_alpha(_moments(chosen, metric, non_negative=non_negative), non_negative=non_negative)
        weights, intercept = _reweighted(
            chosen, metric, lambda moments: moments.ridge(alpha, non_negative=non_negative)
        )
        return weights, intercept, alpha

    nested = np.full(len(y), np.nan)
    for fold, part in enumerate(parts):
        weights, intercept, _ = fit(parts[:fold] + parts[fold + 1 :])
        nested[part.rows] = _combined(oof[part.rows], weights, intercept, metric, least)
    return Stack(*fit(parts), nested, metric, least)


def blends(oof: Matrix, y: Vector, folds: Folds, metric: Metric | None = None) -> tuple[Blend, ...]:
    """The best single learner, the plain mean and the best mean with weights that sum to 1, all nested."""
    metric = metric or MEAN_SQUARED_ERROR
    parts = _parts(oof, y, folds, metric)
    learners = oof.shape[1]

    def best(chosen: list[_Part]) -> Vector:
        losses = [
            sum(float(metric.losses(oof[part.rows, place], y[part.rows]).sum()) for part in chosen)
            for place in range(learners)
        ]
        return np.asarray(np.eye(learners)[int(np.argmin(losses))])

    def mean(chosen: list[_Part]) -> Vector:
        return np.full(learners, 1.0 / learners)

    def convex(chosen: list[_Part]) -> Vector:
        return _reweighted(chosen, metric, lambda moments: (moments.convex(), 0.0))[0]

    return tuple(
        _nested_blend(name, rule, oof, parts, metric)
        for name, rule in (("best_learner", best), ("mean", mean), ("non_negative", convex))
    )


def _nested_blend(
    name: str, rule: Callable[[list[_Part]], Vector], oof: Matrix, parts: list[_Part], metric: Metric
) -> Blend:
    nested = np.full(len(oof), np.nan)
    for fold, part in enumerate(parts):
        weights = rule(parts[:fold] + parts[fold + 1 :])
        nested[part.rows] = _combined(oof[part.rows], weights, 0.0, metric)
    return Blend(name, rule(parts), nested)


def _combined(columns: Matrix, weights: Vector, intercept: float, metric: Metric, least: float = 0.0) -> Vector:
    found = metric.unscaled(metric.scaled(columns) @ weights + intercept)
    return np.asarray(np.maximum(found, least))


@dataclass(frozen=True)
class _Part:
    """The validated rows of a fold: their numbers, and learners' predictions and values on the metric's scale."""

    rows: NDArray[np.int64]
    columns: Matrix
    y: Vector

    def moments(self, weights: Vector | None = None) -> _Moments:
        return _Moments.of(self.columns, self.y, weights)


def _parts(oof: Matrix, y: Vector, folds: Folds, metric: Metric) -> list[_Part]:
    return [_Part(rows, metric.scaled(oof[rows]), metric.scaled(y[rows])) for _, rows in folds.splits()]


def _reweighted(
    parts: list[_Part], metric: Metric, solve: Callable[[_Moments], tuple[Vector, float]]
) -> tuple[Vector, float]:
    """Solve with all rows alike; where absolute errors count, again and again with weights by the errors."""
    weights, intercept = solve(_Moments.together([part.moments() for part in parts]))
    if not metric.is_absolute:
        return weights, intercept
    for _ in range(_REWEIGHTINGS):
        weights, intercept = solve(_Moments.together(_by_errors(parts, weights, intercept)))
    return weights, intercept


def _moments(parts: list[_Part], metric: Metric, *, non_negative: bool) -> list[_Moments]:
    """Of each part, so weighed that squared errors near the best fit count as the metric's."""
    if not metric.is_absolute:
        return [part.moments() for part in parts]
    return _by_errors(parts, *_reweighted(parts, metric, lambda moments: moments.ridge(0.0, non_negative=non_negative)))


def _by_errors(parts: list[_Part], weights: Vector, intercept: float) -> list[_Moments]:
    """Of each part with rows weighed by 1 / error: squared errors count as absolute ones."""
    errors = [np.abs(part.y - part.columns @ weights - intercept) for part in parts]
    least = _NEAR * float(np.concatenate(errors).mean())
    if least <= 0:
        return [part.moments() for part in parts]
    return [part.moments(1.0 / np.maximum(error, least)) for part, error in zip(parts, errors, strict=True)]


@dataclass(frozen=True)
class _Moments:
    """Sums over rows of (1, learners, y) times themselves: all that a linear least-squares fit needs of the rows."""

    sums: Matrix

    @classmethod
    def of(cls, columns: Matrix, y: Vector, weights: Vector | None = None) -> _Moments:
        rows = np.column_stack([np.ones(len(y)), columns, y])
        return cls(rows.T @ (rows if weights is None else rows * weights[:, None]))

    @classmethod
    def together(cls, parts: list[_Moments]) -> _Moments:
        return cls(np.sum([part.sums for part in parts], axis=0))

    def ridge(self, alpha: float, *, non_negative: bool = True) -> tuple[Vector, float]:
        """Ridge weights, non-negative or free, and the unpenalised intercept.

        Minimises |y - Xw - b|^2 + alpha * m * |w - 1/k|^2 (over w >= 0), k being the number of learners and m the mean
        sum of squares of the centred columns; solved as (non-negative) least squares on the Cholesky factor of the
        centred, penalised moments.
        """
        count, means = self.sums[0, 0], self.sums[0, 1:] / self.sums[0, 0]
        centred = self.sums[1:, 1:] - count * np.outer(means, means)
        gram, product = centred[:-1, :-1], centred[:-1, -1]
        scale, rounding = float(np.trace(gram)) / len(gram), _ROUNDING * float(self.sums.diagonal()[1:-1].mean())
        if scale <= rounding:  # every learner predicts one constant: the mean of y is the best there is
            return np.zeros(len(gram)), float(means[-1])
        factor = np.linalg.cholesky(gram + ((alpha + _JITTER) * scale + rounding) * np.eye(len(gram)))
        side = np.linalg.solve(factor, product + alpha * scale / len(gram))
        weights = np.asarray(nnls(factor.T, side)[0] if non_negative else np.linalg.solve(factor.T, side))
        return weights, float(means[-1] - means[:-1] @ weights)

    def convex(self) -> Vector:
        """Weights of at least 0 that sum to 1, without an intercept."""
        gram, product = self.sums[1:-1, 1:-1], self.sums[1:-1, -1]
        scale = float(np.trace(gram)) / len(gram)
        if scale <= 0:
            return np.full(len(gram), 1.0 / len(gram))
        ones = np.ones(len(gram))
        strict = _SUM_TO_ONE * scale
        factor = np.linalg.cholesky(gram + strict * np.outer(ones, ones) + _JITTER * scale * np.eye(len(gram)))
        weights, _ = nnls(factor.T, np.linalg.solve(factor, product + strict * ones))
        return np.asarray(weights / weights.sum()) if weights.sum() > 0 else ones / len(ones)

    def squared_error(self, weights: Vector, intercept: float) -> float:
        """Sum over the rows of (y - Xw - b)^2."""
        side = np.concatenate([[-intercept], -weights, [1.0]])
        return float(side @ self.sums @ side)


def _best_alpha(parts: list[_Moments], *, non_negative: bool) -> float:
    """By cross-validation over the parts (folds): the largest penalty that is not plainly worse than the best one.

    Not plainly worse: by less than a standard error of the difference over the parts (Breiman et al. 1984,
    Classification and regression trees, section 3.4.3). A few extraordinary sessions make the least error a matter of
    luck, and what luck chooses costs out of fold.
    """
    errors = np.array(
        [
            [held_out.squared_error(*rest.ridge(alpha, non_negative=non_negative)) for alpha in ALPHAS]
            for held_out, rest in _left_out(parts)
        ]
    )
    if len(errors) == 0:
        return ALPHAS[-1]
    worse = errors - errors[:, [int(np.argmin(errors.sum(axis=0)))]]
    allowed = np.std(worse, axis=0, ddof=1) * np.sqrt(len(parts))
    return max(alpha for alpha, far, most in zip(ALPHAS, worse.sum(axis=0), allowed, strict=True) if far <= most)


def _left_out(parts: list[_Moments]) -> Iterator[tuple[_Moments, _Moments]]:
    """Each part and all the others together; nothing where there is only one."""
    for place, held_out in enumerate(parts if len(parts) > 1 else []):
        yield held_out, _Moments.together(parts[:place] + parts[place + 1 :])
