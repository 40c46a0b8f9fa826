"""A linear model: ridge regression on standardized features, or its robust variants for other losses.

Where the value is nearly a sum of effects, a line needs far fewer sessions than trees, which approximate it by steps.
Its errors also differ from those of the trees, so that it lowers the error of the stack (docs/decisions/0020).

A missing value counts as the mean of the feature. Values outside the range of the training rows are clipped, because a
line has no bounds of its own. Huber and absolute losses are minimized by iteratively reweighted least squares (Holland
and Welsch 1977, Robust regression using iteratively reweighted least-squares).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_triangular
from scipy.optimize import lsq_linear

from core.base.arrays import load_arrays, save_arrays
from core.training.learners.definition import (
    Binned,
    FitContext,
    Learner,
    Matrix,
    Model,
    Parts,
    Settings,
    Task,
    Tunable,
    Vector,
)

_SUFFIX = ".npz"
_REWEIGHTINGS = 10
_MIN_RESIDUAL = 0.01
"""Share of the mean absolute residual. Smaller residuals are raised to it, so that no row gets an unbounded weight."""


@dataclass(frozen=True)
class Scaling:
    """Mean, standard deviation and range of each feature in the training rows; 0, 1 and 0 to 0 if always missing."""

    mean: Vector
    scale: Vector
    low: Vector
    high: Vector

    @classmethod
    def fit(cls, X: Matrix) -> Scaling:
        is_missing = np.isnan(X)
        n_values = np.maximum(len(X) - is_missing.sum(axis=0), 1)
        mean = np.where(is_missing, 0.0, X).sum(axis=0) / n_values
        variance = np.where(is_missing, 0.0, (X - mean) ** 2).sum(axis=0) / n_values
        low, high = (np.nan_to_num(limit.reduce(X, axis=0)) for limit in (np.fmin, np.fmax))
        varies = high > low  # the mean of a constant may differ from it by rounding, which is no variation
        return cls(np.where(varies, mean, low), np.where(varies, np.sqrt(variance), 1.0), low, high)

    def standardized(self, X: Matrix) -> Matrix:
        """Return the clipped and standardized features, shape (rows, features); 0 where a value is missing."""
        return np.nan_to_num((np.clip(X, self.low, self.high) - self.mean) / self.scale)


@dataclass(frozen=True)
class LinearModel(Model):
    """Coefficients of the standardized features. `rounds` is 1."""

    scaling: Scaling
    coefficients: Vector
    intercept: float

    def raw(self, X: Matrix) -> Vector:
        # added up one after the other: the last bit of a matrix product or a sum depends on the number of rows
        return np.asarray(np.cumsum(self.contributions(X)[:, ::-1], axis=1)[:, -1])

    def gain(self) -> Vector:
        """Return the squared coefficients: the variance that each feature would explain if all were uncorrelated."""
        return self.coefficients**2

    def contributions(self, X: Matrix) -> Matrix:
        """Return the SHAP values of a linear model with the training rows as background: coefficient times deviation.

        Source: Lundberg and Lee (2017), A unified approach to interpreting model predictions, corollary 1.
        """
        return np.column_stack([self._effects(X), np.full(len(X), self.intercept)])

    def save(self, folder: Path, stem: str) -> Path:
        path = folder / f"{stem}{_SUFFIX}"
        intercept = np.array([self.intercept])
        save_arrays(path, vars(self.scaling) | {"coefficients": self.coefficients, "intercept": intercept})
        return path

    @classmethod
    def load(cls, folder: Path, stem: str, context: FitContext) -> LinearModel:
        arrays = load_arrays(folder / f"{stem}{_SUFFIX}")
        coefficients, intercept = arrays.pop("coefficients"), float(arrays.pop("intercept")[0])
        return cls(1, Scaling(**arrays), coefficients, intercept)

    def _effects(self, X: Matrix) -> Matrix:
        return self.scaling.standardized(X) * self.coefficients


class LinearBinned(Binned):
    """The function that builds the training rows. Nothing is binned."""

    def __init__(self, matrix: Callable[[], Matrix], context: FitContext, parts: Parts) -> None:
        self._matrix, self._parts = matrix, parts

    def fit(self, task: Task, settings: Settings, context: FitContext) -> LinearModel:
        X = self._matrix()
        if self._parts is not None:
            rows, _ = self._parts
            X, task = X[rows], task.part(rows)
        scaling = Scaling.fit(X)
        lowest = np.where(np.isin(context.names, context.monotone_increasing), 0.0, -np.inf)
        return LinearModel(1, scaling, *_fit(scaling.standardized(X), task, float(settings["alpha"]), lowest))


def _fit(Z: Matrix, task: Task, alpha: float, lowest: Vector) -> tuple[Vector, float]:
    """Return coefficients and intercept for the loss of the task. The labels are its labels minus its margins."""
    labels = task.labels if task.margins is None else task.labels - task.margins
    if np.ptp(labels) == 0:  # rounding errors would be taken for effects
        return np.zeros(Z.shape[1]), float(labels[0])
    row_weights = np.ones(len(labels)) if task.weights is None else task.weights
    coefficients, intercept = _ridge(Z, labels, row_weights, alpha, lowest)
    if task.objective == "squared":
        return coefficients, intercept
    for _ in range(_REWEIGHTINGS):
        residuals = np.abs(labels - Z @ coefficients - intercept)
        size = np.maximum(residuals, _MIN_RESIDUAL * residuals.mean() + np.finfo(float).tiny)
        factors = np.minimum(1.0, task.delta / size) if task.objective == "huber" else size.mean() / size
        coefficients, intercept = _ridge(Z, labels, row_weights * factors, alpha, lowest)
    return coefficients, intercept


def _ridge(Z: Matrix, labels: Vector, weights: Vector, alpha: float, lowest: Vector) -> tuple[Vector, float]:
    """Minimize the weighted squared error plus alpha times the squared coefficients, none of them below `lowest`."""
    total = float(weights.sum())
    mean_row, mean_label = weights @ Z / total, float(weights @ labels) / total
    weighted = weights[:, None] * (Z - mean_row)
    gram = weighted.T @ (Z - mean_row) + alpha * np.eye(Z.shape[1])
    factor = np.linalg.cholesky(gram)
    right = solve_triangular(factor, weighted.T @ (labels - mean_label), lower=True)
    if np.isfinite(lowest).any():
        coefficients: NDArray[np.float64] = lsq_linear(factor.T, right, (lowest, np.inf)).x
    else:
        coefficients = solve_triangular(factor, right, lower=True, trans="T")
    return coefficients, mean_label - float(mean_row @ coefficients)


LINEAR = Learner(
    name="linear",
    objectives=("squared", "huber", "absolute"),
    transforms=("none", "log1p"),  # a line through square roots is biased more than those help (docs/benchmarks.md)
    binned_class=LinearBinned,
    model_class=LinearModel,
    rounds=1,
    settings={"alpha": Tunable(100.0, 1.0, 3000.0, log=True, proven=100.0)},
)
