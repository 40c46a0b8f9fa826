"""Prediction intervals: from the errors made out of fold, wider where errors are expected to be larger.

Split-conformal predictive systems with the library crepes (Boström 2022, crepes: a Python package for generating
conformal regressors and predictive systems): an error is divided by the size that was to be expected, and quantiles are
taken among sessions of like prediction (Mondrian categories), so intervals need not be symmetric and cover dear
sessions as often as cheap ones. As errors are out of fold by user, they are those of sessions whose user no model has
seen.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from crepes import ConformalPredictiveSystem
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingRegressor

from core.training.folds import Folds
from core.training.learners import Matrix, Vector

LEVELS = (0.80, 0.95)
"""Shares of the sessions that the two intervals are to cover."""
_CATEGORIES = 10
"""Tenths of the predictions; quantiles are taken within each."""
_FEWEST = 100
"""Sessions in a category below which it is not told apart: its outer quantiles would be single sessions."""
_SIZE = {"max_iter": 80, "learning_rate": 0.1, "max_leaf_nodes": 16, "min_samples_leaf": 200, "loss": "gamma"}
"""Of the model that tells how large an error is to be expected: small, as its answers are scaled anew in each tenth."""
_LEAST_SHARE = 1e-3
"""Of the mean error: what is added to each size, as the gamma loss knows no error of 0."""


@dataclass(frozen=True)
class Known:
    """What is known of sessions when their error is to be foreseen; one row each.

    Attributes:
        predicted: the stack's predictions.
        events: their number.
        history: how many earlier sessions of the user have a known value.
        apart: standard deviation of the learners' predictions.
    """

    predicted: Vector
    events: Vector
    history: Vector
    apart: Vector

    def matrix(self) -> Matrix:
        return np.column_stack([self.predicted, self.events, self.history, self.apart])

    def part(self, rows: NDArray[np.int64]) -> Known:
        return Known(self.predicted[rows], self.events[rows], self.history[rows], self.apart[rows])


@dataclass(frozen=True)
class Intervals:
    """Ends of the intervals of LEVELS, by level, in value units: (rows, 2), low and high. Low is never below 0, and
    high infinite where there are too few sessions to tell.

    Attributes:
        train: of the training rows, out of fold: a fold's intervals come from the errors of the others. NaN in rows
            that no fold validates.
        test: of the rows to predict.
    """

    train: dict[float, Matrix]
    test: dict[float, Matrix]

    def inside(self, level: float, y: Vector) -> Vector:
        """1 for a training row whose value the interval holds, 0 for others, NaN where there is no interval."""
        ends = self.train[level]
        held = (y >= ends[:, 0]) & (y <= ends[:, 1])
        return np.where(np.isnan(ends[:, 0]), np.nan, held.astype(float))


def fit_intervals(
    known: Known, y: Vector, test: Known, folds: Folds, *, seed: int, levels: Sequence[float] = LEVELS
) -> Intervals:
    """Learn from training rows how errors spread, and give the intervals of training rows and of rows to predict."""
    rows = np.flatnonzero(folds.validated)
    told = known.part(rows)
    spread = _Spread.fit(told, y[rows], folds.part(rows), seed)
    train = {level: np.full((len(y), 2), np.nan) for level in levels}
    fold_of = folds.fold_of[rows]
    for fold in range(folds.count):
        mine = np.flatnonzero(fold_of == fold)
        held = spread.without(np.flatnonzero(fold_of != fold))
        for level in levels:
            train[level][rows[mine]] = held.ends(told.predicted[mine], spread.sizes[mine], level)
    sizes = spread.size_of(test)
    return Intervals(train, {level: spread.ends(test.predicted, sizes, level) for level in levels})


@dataclass(frozen=True)
class _Spread:
    """Errors, their expected sizes and the categories of predictions, from which any interval can be told."""

    predicted: Vector
    errors: Vector
    sizes: Vector
    edges: Vector
    model: HistGradientBoostingRegressor | None

    @classmethod
    def fit(cls, known: Known, y: Vector, folds: Folds, seed: int) -> _Spread:
        errors = y - known.predicted
        size = np.abs(errors)
        sizes, model, X = np.ones(len(y)), None, known.matrix()
        if size.mean() > 0:
            size = size + _LEAST_SHARE * size.mean()
            sizes = np.empty(len(y))
            for fold in range(folds.count):
                mine = folds.fold_of == fold
                if mine.any():  # forward in time all stretches but one may serve, whatever their order
                    sizes[mine] = _sized(seed).fit(X[~mine], size[~mine]).predict(X[mine])
            model = _sized(seed).fit(X, size)
        count = max(1, min(_CATEGORIES, len(y) // _FEWEST))
        edges = np.unique(np.quantile(known.predicted, np.linspace(0, 1, count + 1)[1:-1]))
        return cls(known.predicted, errors, sizes, edges, model)

    def size_of(self, known: Known) -> Vector:
        """How large an error is to be expected."""
        X = known.matrix()
        if self.model is None or not len(X):
            return np.ones(len(X))
        return np.asarray(self.model.predict(X))

    def without(self, rows: NDArray[np.int64]) -> _Spread:
        """The same by some of the rows only."""
        return _Spread(self.predicted[rows], self.errors[rows], self.sizes[rows], self.edges, self.model)

    def ends(self, predicted: Vector, sizes: Vector, level: float) -> Matrix:
        """(rows, 2)"""
        if not len(predicted) or not len(self.errors):
            return np.tile([0.0, np.inf], (len(predicted), 1))
        system = ConformalPredictiveSystem()
        known, asked = self._category(self.predicted), self._category(predicted)
        system.fit(self.errors, sigmas=self.sizes, bins=known, seed=0)
        with warnings.catch_warnings():
            # too few sessions for the level: the ends are then 0 and infinite, which says so better
            warnings.simplefilter("ignore", UserWarning)
            ends = np.asarray(system.predict_int(predicted, sigmas=sizes, bins=asked, confidence=level, y_min=0.0))
        ends[~np.isin(asked, known)] = 0.0, np.inf  # nobody's errors tell of them; crepes leaves 0 and 0 there
        return ends

    def _category(self, predicted: Vector) -> NDArray[np.int64]:
        return np.asarray(np.searchsorted(self.edges, predicted), dtype=np.int64)


def _sized(seed: int) -> HistGradientBoostingRegressor:
    return HistGradientBoostingRegressor(**_SIZE, random_state=seed)
