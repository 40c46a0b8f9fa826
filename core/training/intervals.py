"""Prediction intervals by conformal calibration on out-of-fold errors, wider where larger errors are expected.

Uses split-conformal predictive systems of the library crepes (Boström 2022, crepes: a Python package for generating
conformal regressors and predictive systems). Each error is divided by its expected size. Quantiles are taken among
sessions with similar predictions (Mondrian categories), so intervals can be asymmetric and cover high predictions as
often as low ones. The errors are out of fold by user, as for users whom no model has seen.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from crepes import ConformalPredictiveSystem
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingRegressor

from core.training.folds import Folds
from core.training.learners import Matrix, Vector

LEVELS = (0.80, 0.95)
"""Nominal coverage of the two intervals."""
_CATEGORIES = 10
"""Deciles of the prediction; error quantiles are taken within each."""
_MIN_CATEGORY = 100
"""Sessions per category; with fewer, its outer quantiles would be single sessions."""
_ERROR_MODEL = {"max_iter": 80, "learning_rate": 0.1, "max_leaf_nodes": 16, "min_samples_leaf": 200, "loss": "gamma"}
"""Settings of the model of the error size: small, because its predictions are calibrated again in each category."""
_MIN_ERROR_SHARE = 1e-3
"""Share of the mean error that is added to each error, because the gamma loss is not defined at 0."""


@dataclass(frozen=True)
class ErrorPredictors:
    """What the expected size of an error depends on; all of shape (sessions,).

    Attributes:
        predicted: predictions of the stack.
        events: number of events.
        history: number of the user's earlier sessions with a known value.
        disagreement: standard deviation of the learners' predictions.
    """

    predicted: Vector
    events: Vector
    history: Vector
    disagreement: Vector

    def matrix(self) -> Matrix:
        return np.column_stack([self.predicted, self.events, self.history, self.disagreement])

    def part(self, rows: NDArray[np.int64]) -> ErrorPredictors:
        return ErrorPredictors(self.predicted[rows], self.events[rows], self.history[rows], self.disagreement[rows])


@dataclass(frozen=True)
class Intervals:
    """Interval ends by level: arrays (rows, 2) of low and high, in value units.

    Low is at least 0. High is infinite where there are too few similar sessions. The intervals of a training row come
    from the errors of the other folds, and are NaN if no fold validates the row.
    """

    train: dict[float, Matrix]
    test: dict[float, Matrix]

    def inside(self, level: float, y: Vector) -> Vector:
        """Return 1 for each training row whose value is inside its interval, 0 for others, NaN without an interval."""
        low, high = self.train[level].T
        return np.where(np.isnan(low), np.nan, ((y >= low) & (y <= high)).astype(float))


def fit_intervals(
    train: ErrorPredictors,
    y: Vector,
    test: ErrorPredictors,
    folds: Folds,
    *,
    seed: int,
    levels: Sequence[float] = LEVELS,
) -> Intervals:
    """Calibrate on the out-of-fold errors of the training rows, and return the intervals of train and test."""
    rows = np.flatnonzero(folds.validated_mask)
    validated = train.part(rows)
    calibration = _Calibration.fit(validated, y[rows], folds.part(rows), seed)
    train_ends = {level: np.full((len(y), 2), np.nan) for level in levels}
    fold_of = folds.fold_of[rows]
    for fold in range(folds.count):
        in_fold = fold_of == fold
        other_folds = calibration.part(~in_fold)
        for level in levels:
            train_ends[level][rows[in_fold]] = other_folds.ends(
                validated.predicted[in_fold], calibration.sizes[in_fold], level
            )
    sizes = calibration.expected_sizes(test)
    return Intervals(train_ends, {level: calibration.ends(test.predicted, sizes, level) for level in levels})


@dataclass(frozen=True)
class _Calibration:
    """Predictions, out-of-fold errors and their expected sizes, all (rows,), and the edges of prediction categories.

    `model` predicts the size of an error; None if all errors are 0.
    """

    predicted: Vector
    errors: Vector
    sizes: Vector
    edges: Vector
    model: HistGradientBoostingRegressor | None

    @classmethod
    def fit(cls, predictors: ErrorPredictors, y: Vector, folds: Folds, seed: int) -> _Calibration:
        errors = y - predictors.predicted
        observed = np.abs(errors)
        sizes, model, X = np.ones(len(y)), None, predictors.matrix()
        if observed.mean() > 0:
            observed = observed + _MIN_ERROR_SHARE * observed.mean()
            model = HistGradientBoostingRegressor(**_ERROR_MODEL, random_state=seed)
            for fold in range(folds.count):
                in_fold = folds.fold_of == fold
                if in_fold.any():  # with forward folds, too, the sizes come from all other periods, even later ones
                    sizes[in_fold] = model.fit(X[~in_fold], observed[~in_fold]).predict(X[in_fold])
            model.fit(X, observed)
        n_categories = max(1, min(_CATEGORIES, len(y) // _MIN_CATEGORY))
        edges = np.unique(np.quantile(predictors.predicted, np.linspace(0, 1, n_categories + 1)[1:-1]))
        return cls(predictors.predicted, errors, sizes, edges, model)

    def expected_sizes(self, predictors: ErrorPredictors) -> Vector:
        X = predictors.matrix()
        return np.ones(len(X)) if self.model is None or not len(X) else np.asarray(self.model.predict(X))

    def part(self, mask: NDArray[np.bool_]) -> _Calibration:
        """Select calibration rows; the categories and the model stay the same."""
        return replace(self, predicted=self.predicted[mask], errors=self.errors[mask], sizes=self.sizes[mask])

    def ends(self, predicted: Vector, sizes: Vector, level: float) -> Matrix:
        """Return the low and high ends as an array (rows, 2)."""
        if not len(predicted) or not len(self.errors):
            return np.tile([0.0, np.inf], (len(predicted), 1))
        system = ConformalPredictiveSystem()
        calibrated, categories = self._category(self.predicted), self._category(predicted)
        system.fit(self.errors, sigmas=self.sizes, bins=calibrated, seed=0)
        with warnings.catch_warnings():
            # crepes warns of too few sessions for the level; the ends are then 0 and infinite, which says the same
            warnings.simplefilter("ignore", UserWarning)
            ends = np.asarray(system.predict_int(predicted, sigmas=sizes, bins=categories, confidence=level, y_min=0.0))
        ends[~np.isin(categories, calibrated)] = 0.0, np.inf  # crepes returns 0 and 0 for categories without errors
        return ends

    def _category(self, predicted: Vector) -> NDArray[np.int64]:
        return np.asarray(np.searchsorted(self.edges, predicted), dtype=np.int64)
