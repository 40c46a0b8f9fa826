"""Prediction intervals of open sessions, calibrated among prefixes of about the same number of events.

An interval that covers 80% of all prefixes could cover far fewer of the first clicks, where most is still to come. So
the errors of each class of lengths have a calibration of their own (core.training.intervals).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.base.arrays import load_arrays, save_arrays
from core.training.folds import Folds
from core.training.intervals import LEVELS, Calibration, ErrorPredictors, IntervalModel, Intervals, fit_intervals
from core.training.learners import Matrix, Vector

_ENDS = (1, 2, 3, 5, 10, 20)
"""Largest number of events of each class but the last."""
_MIN_ROWS = 500
"""Prefixes per class. Smaller classes are joined with the next one."""
_LENGTHS_FILE = "lengths.npz"


@dataclass(frozen=True)
class LengthCalibration:
    """A calibration per class of lengths.

    Attributes:
        lengths: largest number of events of each class but the last, ascending.
        classes: the calibration of each class.
    """

    lengths: NDArray[np.int64]
    classes: tuple[IntervalModel, ...]

    def ends(self, predictors: ErrorPredictors) -> dict[float, Matrix]:
        """Return the interval ends of new rows: level -> array (rows, 2) of low and high; high may be infinite."""
        ends = {level: np.empty((len(predictors.predicted), 2)) for level in LEVELS}
        row_class = np.searchsorted(self.lengths, predictors.events)
        for length_class, calibration in enumerate(self.classes):
            rows = np.flatnonzero(row_class == length_class)
            for level, class_ends in calibration.ends(predictors.part(rows)).items():
                ends[level][rows] = class_ends
        return ends

    def save(self, folder: Path) -> None:
        """Write the calibrations into a folder."""
        save_arrays(folder / _LENGTHS_FILE, {"lengths": self.lengths})
        for number, calibration in enumerate(self.classes):
            (folder / str(number)).mkdir()
            calibration.save(folder / str(number))

    @classmethod
    def load(cls, folder: Path) -> LengthCalibration:
        """Read calibrations that `save` wrote."""
        lengths = load_arrays(folder / _LENGTHS_FILE)["lengths"]
        return cls(lengths, tuple(Calibration.load(folder / str(number)) for number in range(len(lengths) + 1)))


def fit_length_intervals(
    train: ErrorPredictors, y: Vector, test: ErrorPredictors, folds: Folds, *, drawn: NDArray[np.bool_], seed: int
) -> Intervals:
    """Calibrate each class of lengths on the out-of-fold errors of its training rows.

    Args:
        train, test: predictors of the sizes of errors, in training and test rows.
        y: values of the training rows.
        drawn: mask of the training rows to calibrate on. The intervals of the others are computed as for new rows.
    """
    is_used = drawn & folds.validated_mask
    class_ends = _class_ends(train.events[is_used])
    row_class = np.searchsorted(class_ends, train.events)
    models, train_ends = [], {level: np.full((len(y), 2), np.nan) for level in LEVELS}
    no_rows = test.part(np.arange(0))
    for length_class in range(len(class_ends) + 1):
        rows = np.flatnonzero(is_used & (row_class == length_class))
        fitted = fit_intervals(train.part(rows), y[rows], no_rows, folds.part(rows), seed=seed)
        models.append(fitted.calibration)
        for level, ends in fitted.train.items():
            train_ends[level][rows] = ends
    calibration = LengthCalibration(class_ends, tuple(models))
    unused = np.flatnonzero(folds.validated_mask & ~drawn)
    for level, ends in calibration.ends(train.part(unused)).items():
        train_ends[level][unused] = ends
    return Intervals(train_ends, calibration.ends(test), calibration)


def _class_ends(events: Vector) -> NDArray[np.int64]:
    """Return the largest number of events of each class but the last, each with enough rows.

    >>> _class_ends(np.repeat([1.0, 2.0, 4.0, 7.0], [900, 100, 450, 600])).tolist()
    [1, 5]
    """
    ends: list[int] = []
    for end in _ENDS:
        in_class = (events > (ends[-1] if ends else 0)) & (events <= end)
        if in_class.sum() >= _MIN_ROWS and (events > end).sum() >= _MIN_ROWS:
            ends.append(end)
    return np.array(ends, dtype=np.int64)
