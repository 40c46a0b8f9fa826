"""Effect sizes of the difference between the files, with standard errors clustered by user.

The sessions of one user are not independent, so residuals are summed per user (Liang and Zeger 1986, Longitudinal data
analysis using generalized linear models). Train sessions are first weighted to the test file's mix of weekdays, hours
and known users: a test file of weekends is compared with the weekends of the train file.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from core.training.expected_score import class_weights
from core.training.learners import Matrix, Vector

Codes = NDArray[np.int64]

_PERIODS = 6
"""Periods of train with equal numbers of sessions. Each is compared with the others to measure the drift within train;
with more, a period of a small file would be noise."""
MIN_Z = 4.5
"""Standard errors. Normal noise would exceed 4 once in a thousand datasets of a dozen measures. The additional 0.5
allows for small files, whose standard errors are themselves uncertain."""
_MIN_TREND_Z = 3.0
"""Standard errors from which a slope counts as a trend and is extrapolated to the time of the test file."""
_PERIOD_NOISE_Z = 2.0
"""Standard errors of a period that count as noise, not as drift."""
DRIFT_FACTOR = 2.0
"""Multiple of the drift within train that is still natural. Under a steady trend, a test file with the last 30% of the
sessions is 1.4 times as far from train's average as the last of six periods is from the others."""


@dataclass(frozen=True)
class Sample:
    """Sessions of one file.

    Attributes:
        X: (sessions, columns) features or measures.
        users: (sessions,) user numbers from 0, the same in both files.
        starts: (sessions,) epoch seconds.
        cells: (sessions,) the strata that train is weighted by: calendar cell, and whether the user is known.
    """

    X: Matrix
    users: Codes
    starts: Codes
    cells: Codes

    def part(self, rows: NDArray[np.bool_] | Codes) -> Sample:
        """Select sessions by mask or row number."""
        return Sample(self.X[rows], self.users[rows], self.starts[rows], self.cells[rows])


@dataclass(frozen=True)
class Effects:
    """One number per measure, all in standard deviations of train.

    Attributes:
        effect: average of test minus weighted average of train.
        error: standard error of the effect, clustered by user.
        drift: largest difference of a period of train from the rest of train, beyond its noise.
        trend: effect that a linear trend within train predicts; 0 where train has no clear trend.
    """

    effect: Vector
    error: Vector
    drift: Vector
    trend: Vector

    def exceed(self, floor: Vector | float) -> NDArray[np.bool_]:
        """Mask the effects that exceed the floor, chance and natural drift, also after the trend is subtracted."""
        threshold = np.maximum(np.maximum(floor, MIN_Z * self.error), DRIFT_FACTOR * self.drift)
        detrended = np.sign(self.effect) * (self.effect - self.trend)
        return np.asarray(np.minimum(np.abs(self.effect), detrended) >= threshold)


def effect_sizes(train: Sample, test: Sample, scales: Vector) -> Effects:
    """Compare test with train, and each period of train with the rest; `scales` are the units of the measures."""
    effect, error = _weighted_difference(train, test, scales)
    drift = np.zeros(len(scales))
    for rows in np.array_split(np.argsort(train.starts, kind="stable"), _PERIODS):
        in_period = np.zeros(len(train.starts), dtype=bool)
        in_period[rows] = True
        difference, noise = _weighted_difference(train.part(~in_period), train.part(in_period), scales)
        drift = np.maximum(drift, np.abs(difference) - _PERIOD_NOISE_Z * noise)
    return Effects(effect, error, drift, _extrapolated_trend(train, test) / scales)


def _weighted_difference(first: Sample, second: Sample, scales: Vector) -> tuple[Vector, Vector]:
    """Return the effects and their standard errors, clustered by user.

    An effect is the average of second minus that of first, whose sessions are weighted to the cells of second. Sessions
    of second in cells that first lacks are left out, unless they have no cell in common.
    """
    weights = class_weights(first.cells, second.cells)
    if not weights.any():  # no cell in common
        weights = np.ones(len(first.cells))
    in_common = np.isin(second.cells, first.cells[weights > 0])
    second = second.part(in_common) if in_common.any() else second
    samples = ((first, weights, -1.0), (second, np.ones(len(second.cells)), 1.0))
    n_users = int(max(first.users.max(), second.users.max())) + 1
    effects, errors = np.zeros(len(scales)), np.zeros(len(scales))
    for column in range(len(scales)):  # column by column, to save memory with long logs
        residuals = np.zeros(n_users)
        for sample, sample_weights, sign in samples:
            shares, values = sample_weights / sample_weights.sum(), sample.X[:, column]
            mean = float(shares @ values)
            effects[column] += sign * mean
            residuals += sign * np.bincount(sample.users, shares * (values - mean), minlength=n_users)
        errors[column] = np.sqrt((residuals**2).sum())
    return effects / scales, errors / scales


def _extrapolated_trend(train: Sample, test: Sample) -> Vector:
    """Return the change from train's average to the average time of test on a line through train; 0 if unclear."""
    measures, _ = subtract_cell_means(train, test)
    center, spread = train.starts.mean(), max(float(train.starts.std()), 1.0)
    time = (train.starts - center) / spread
    slope = time @ measures / max(float(time @ time), 1.0)
    error = measures.std(axis=0) / np.sqrt(len(time))
    is_clear = np.abs(slope) >= _MIN_TREND_Z * error
    return np.asarray(np.where(is_clear, slope * ((test.starts.mean() - center) / spread), 0.0))


def subtract_cell_means(train: Sample, test: Sample) -> tuple[Matrix, Matrix]:
    """Subtract the mean of train in each cell from both samples; the overall mean where train has no such session."""
    size = int(max(train.cells.max(), test.cells.max())) + 1
    counts = np.bincount(train.cells, minlength=size)
    means = np.tile(train.X.mean(axis=0), (size, 1))
    for column in range(train.X.shape[1]):
        sums = np.bincount(train.cells, weights=train.X[:, column], minlength=size)
        means[counts > 0, column] = sums[counts > 0] / counts[counts > 0]
    return train.X - means[train.cells], test.X - means[test.cells]


class PairedDifference(NamedTuple):
    """Mean difference over the users in both samples; 0 with an infinite error if there are fewer than two."""

    effect: float
    error: float
    n_users: int


def within_user_difference(values: Vector, users: Codes, later: Vector, later_users: Codes) -> PairedDifference:
    """Return the average of `later` minus the average of `values` within users, with its standard error.

    Args:
        values, users: (sessions,) numbers of one sample, and the user of each.
        later, later_users: the same of the other sample.
    """
    shared = np.intersect1d(users, later_users)
    if len(shared) < 2:
        return PairedDifference(0.0, np.inf, len(shared))
    averages = []
    for sample, owners in ((values, users), (later, later_users)):
        is_shared = np.isin(owners, shared)
        index = np.searchsorted(shared, owners[is_shared])
        averages.append(np.bincount(index, sample[is_shared], len(shared)) / np.bincount(index, minlength=len(shared)))
    differences = averages[1] - averages[0]
    error = float(differences.std(ddof=1) / np.sqrt(len(shared)))
    return PairedDifference(float(differences.mean()), error, len(shared))
