"""Prediction intervals by conformal calibration on out-of-fold errors, wider where larger errors are expected.

Uses split-conformal predictive systems of the library crepes (Boström 2022, crepes: a Python package for generating
conformal regressors and predictive systems). Each error is divided by its expected size. Quantiles are taken among
sessions with similar predictions (Mondrian categories), so intervals can be asymmetric and cover high predictions as
often as low ones. The errors are out of fold by user, as for users whom no model has seen.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np
from crepes import ConformalPredictiveSystem
from numpy.typing import NDArray

from core.base.arrays import load_arrays, save_arrays
from core.training.folds import Folds
from core.training.learners import FitContext, Matrix, Model, Settings, Task, Vector
from core.training.learners.lightgbm import LIGHTGBM

LEVELS = (0.80, 0.95)
"""Nominal coverage of the two intervals."""
_CATEGORIES = 10
"""Deciles of the prediction; error quantiles are taken within each."""
_MIN_CATEGORY = 100
"""Sessions per category; with fewer, its outer quantiles would be single sessions."""
_SIZE_SETTINGS: Settings = {"rounds": 80, "learning_rate": 0.1, "num_leaves": 16, "min_data_in_leaf": 200}
"""Settings of the model of the error size: small, because its predictions are calibrated again in each category."""
PREDICTORS = ("predicted", "events", "history", "disagreement")
"""Columns of `ErrorPredictors.matrix`."""
_ARRAYS_FILE, _SIZE_MODEL = "calibration.npz", "error_size"
_MIN_ERROR_SHARE = 1e-3
"""Share of the mean error that is added to each error, because the gamma loss is not defined at 0."""


@dataclass(frozen=True)
class ErrorPredictors:
    """Predictors of the expected size of an error; all of shape (sessions,).

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
        """Return the predictors as a matrix (sessions, PREDICTORS)."""
        return np.column_stack([self.predicted, self.events, self.history, self.disagreement])

    def part(self, rows: NDArray[np.int64]) -> ErrorPredictors:
        """Return the predictors of some sessions."""
        return ErrorPredictors(self.predicted[rows], self.events[rows], self.history[rows], self.disagreement[rows])


class IntervalModel(Protocol):
    """Computes the prediction intervals of new rows."""

    def ends(self, predictors: ErrorPredictors) -> dict[float, Matrix]:
        """Return the interval ends: level -> array (rows, 2) of low and high; high may be infinite."""

    def save(self, folder: Path) -> None:
        """Write the model into a folder."""


@dataclass(frozen=True)
class Intervals:
    """Interval ends by level: arrays (rows, 2) of low and high, in value units.

    Low is at least 0. High is infinite where there are too few similar sessions. The intervals of a training row come
    from the errors of the other folds, and are NaN if no fold validates the row. Only the edges of the prediction
    categories are cut with all rows; they depend on predictions, not on values.

    Attributes:
        calibration: computes the intervals of other rows.
    """

    train: dict[float, Matrix]
    test: dict[float, Matrix]
    calibration: IntervalModel

    def inside(self, level: float, y: Vector) -> Vector:
        """Return 1 for each training row whose value is inside its interval, 0 for others, NaN without an interval."""
        low, high = self.train[level].T
        return np.where(np.isnan(low), np.nan, ((y >= low) & (y <= high)).astype(float))


def fit_intervals(train: ErrorPredictors, y: Vector, test: ErrorPredictors, folds: Folds, *, seed: int) -> Intervals:
    """Calibrate on the out-of-fold errors of the training rows, and return the intervals of train and test.

    Args:
        train, test: predictors of the sizes of errors; `predicted` is out of fold in training rows.
        y: (training rows,) values.
        folds: the folds of the training rows; at least two of them validate rows.
        seed: seed of the model of the error sizes.
    """
    rows = np.flatnonzero(folds.validated_mask)
    validated = train.part(rows)
    calibration = Calibration.fit(validated, y[rows], folds.part(rows), seed)
    train_ends = {level: np.full((len(y), 2), np.nan) for level in LEVELS}
    fold_of = folds.fold_of[rows]
    for fold in range(folds.count):
        in_fold = fold_of == fold
        other_folds = calibration.part(~in_fold)
        ends = other_folds.ends_of_sizes(validated.predicted[in_fold], calibration.sizes[in_fold])
        for level, ends_of_level in ends.items():
            train_ends[level][rows[in_fold]] = ends_of_level
    return Intervals(train_ends, calibration.ends(test), calibration)


@dataclass(frozen=True)
class Calibration:
    """Predictions, out-of-fold errors and their expected sizes, all (rows,), and the edges of prediction categories.

    Attributes:
        size_model: predicts the logarithm of the size of an error from `ErrorPredictors.matrix`; None if all errors
            are 0.
    """

    predicted: Vector
    errors: Vector
    sizes: Vector
    edges: Vector
    size_model: Model | None

    @classmethod
    def fit(cls, predictors: ErrorPredictors, y: Vector, folds: Folds, seed: int) -> Calibration:
        """Fit the model of the error sizes, and cut the categories.

        Args:
            predictors: predictors of the rows, at least one; `predicted` is out of fold.
            y: (rows,) values.
            folds: the folds of the rows; at least two of them have rows. The size of a row's error is predicted from
                the other folds.
            seed: seed of the model of the error sizes.
        """
        errors = y - predictors.predicted
        sizes = np.ones(len(y))
        model = None
        if errors.any():
            X = predictors.matrix()
            observed = np.abs(errors)
            observed = observed + _MIN_ERROR_SHARE * observed.mean()
            sizes = _cross_fitted_sizes(X, observed, folds, seed)
            model = _size_model(X, observed, seed)
        n_categories = max(1, min(_CATEGORIES, len(y) // _MIN_CATEGORY))
        edges = np.unique(np.quantile(predictors.predicted, np.linspace(0, 1, n_categories + 1)[1:-1]))
        return cls(predictors.predicted, errors, sizes, edges, model)

    def ends(self, predictors: ErrorPredictors) -> dict[float, Matrix]:
        """Return level -> low and high ends of new rows as an array (rows, 2); a high end may be infinite."""
        X = predictors.matrix()
        sizes = np.ones(len(X)) if self.size_model is None or not len(X) else np.exp(self.size_model.raw(X))
        return self.ends_of_sizes(predictors.predicted, sizes)

    def save(self, folder: Path) -> None:
        """Write the calibration into a folder: an NPZ file, and the model of the sizes in its library's format."""
        arrays = {name: value for name, value in vars(self).items() if isinstance(value, np.ndarray)}
        save_arrays(folder / _ARRAYS_FILE, arrays)
        if self.size_model is not None:
            self.size_model.save(folder, _SIZE_MODEL)

    @classmethod
    def load(cls, folder: Path) -> Calibration:
        """Read a calibration that `save` wrote."""
        arrays = load_arrays(folder / _ARRAYS_FILE)
        size_model = LIGHTGBM.load(folder, _SIZE_MODEL, _context(0)) if arrays["errors"].any() else None
        return cls(**arrays, size_model=size_model)

    def part(self, mask: NDArray[np.bool_]) -> Calibration:
        """Select calibration rows; the categories and the model stay the same."""
        return replace(self, predicted=self.predicted[mask], errors=self.errors[mask], sizes=self.sizes[mask])

    def ends_of_sizes(self, predicted: Vector, sizes: Vector) -> dict[float, Matrix]:
        """Return the ends of rows with known expected sizes of errors; see `ends`."""
        category = self._category(predicted)
        return {
            level: np.maximum(predicted[:, None] + sizes[:, None] * quantiles[category], 0.0)
            for level, quantiles in self._error_quantiles.items()
        }

    @cached_property
    def _error_quantiles(self) -> dict[float, Matrix]:
        """Level -> low and high quantile of the errors relative to their sizes, by category; infinite with too few."""
        n_categories = len(self.edges) + 1
        quantiles = {level: np.tile([-np.inf, np.inf], (n_categories, 1)) for level in LEVELS}
        category_of_row = self._category(self.predicted)
        categories = np.unique(category_of_row)
        if not len(categories):
            return quantiles
        system = ConformalPredictiveSystem()
        system.fit(self.errors, sigmas=self.sizes, bins=category_of_row, seed=0)
        zeros, ones = np.zeros(len(categories)), np.ones(len(categories))
        # the interval of a prediction of 0 with an error size of 1 consists of the quantiles themselves
        with warnings.catch_warnings():
            # crepes warns of too few sessions for the level; its ends are then infinite, which says the same
            warnings.simplefilter("ignore", UserWarning)
            for level, ends in quantiles.items():
                ends[categories] = system.predict_int(zeros, sigmas=ones, bins=categories, confidence=level)
        return quantiles

    def _category(self, predicted: Vector) -> NDArray[np.int64]:
        return np.asarray(np.searchsorted(self.edges, predicted), dtype=np.int64)


def _cross_fitted_sizes(X: Matrix, observed: Vector, folds: Folds, seed: int) -> Vector:
    """Return the sizes of errors (rows,), each predicted from all other folds; forward folds use later periods, too."""
    sizes = np.empty(len(observed))
    for fold in range(folds.count):
        in_fold = folds.fold_of == fold
        if in_fold.any():
            sizes[in_fold] = np.exp(_size_model(X[~in_fold], observed[~in_fold], seed).raw(X[in_fold]))
    return sizes


def _size_model(X: Matrix, observed: Vector, seed: int) -> Model:
    """Fit a small gamma model of the size of errors, whose output is its logarithm."""
    context = _context(seed)
    return LIGHTGBM.bin(lambda: X, context).fit(Task("gamma", observed), _SIZE_SETTINGS, context)


def _context(seed: int) -> FitContext:
    return FitContext(PREDICTORS, threads=1, seed=seed)
