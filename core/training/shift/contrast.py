"""How far the average of a measure lies from train to test, and how sure that is.

Users are the independent unit, so standard errors are clustered by user. Train is weighted to the test file's mix of
hours, weekdays and known users first: a test of weekends alone is compared with the weekends of train.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]
Codes = NDArray[np.int64]
Times = tuple[Codes, Codes]

BLOCKS: Final = 6
"""Stretches of train of equal numbers of sessions. Each is compared with the others to see how much files of different
times differ by nature; with more, a stretch of a small file would hold noise alone."""
SURE: Final = 4.5
"""Standard errors. Normal noise needs 4 to stay quiet on a thousand datasets of a dozen measures; the rest is for few
sessions, whose standard errors are themselves uncertain."""
_CLEAR_TREND: Final = 3.0
"""Standard errors of a slope from which on it is extended to the time of test; the slopes of noise must not be."""
_NOISE: Final = 2.0
"""Standard errors of a stretch that count as its noise, not as drift."""
DRIFT_FACTOR: Final = 2.0
"""How many times the drift inside train still counts as natural. Under a steady trend, a test of 30% that follows a
train of 70% lies 1.4 times as far from train's average as the last of six stretches does from the others."""


@dataclass(frozen=True)
class Rows:
    """Some sessions: measures (sessions, measures), users (numbered from 0 over both files), and cells of the mix that
    train is weighted to.
    """

    measures: Matrix
    users: Codes
    cells: Codes

    def part(self, rows: NDArray[np.bool_]) -> Rows:
        """The chosen sessions."""
        return Rows(self.measures[rows], self.users[rows], self.cells[rows])


@dataclass(frozen=True)
class Contrast:
    """One number per measure, all in standard deviations of train.

    Attributes:
        effect: average of test less average of train.
        error: standard error of the effect, clustered by user.
        drift: how far any stretch of train lies from the rest of train, beyond its own noise.
        trend: the effect that a linear trend inside train leads to expect; 0 where train has no clear trend.
    """

    effect: Vector
    error: Vector
    drift: Vector
    trend: Vector

    def exceeds(self, floor: Vector) -> NDArray[np.bool_]:
        """Whether each effect is at least the floor, beyond chance, beyond train's own drift, and still so without the
        part that its trend explains.
        """
        least = np.maximum(np.maximum(floor, SURE * self.error), DRIFT_FACTOR * self.drift)
        rest = np.sign(self.effect) * (self.effect - self.trend)
        return np.asarray(np.minimum(np.abs(self.effect), rest) >= least)


def contrast(train: Rows, test: Rows, starts: Times, scales: Vector) -> Contrast:
    """Compare test with train, and each stretch of train with the rest of it.

    `starts` are the epoch seconds of the sessions of train and test, `scales` the units of the measures.
    """
    effect, error = _difference(train, test, scales)
    drift = np.zeros(len(scales))
    for block in blocks(starts[0]):
        apart, noise = _difference(train.part(~block), train.part(block), scales)
        drift = np.maximum(drift, np.abs(apart) - _NOISE * noise)
    return Contrast(effect, error, drift, _trend(train, test, starts) / scales)


def _trend(train: Rows, test: Rows, starts: Times) -> Vector:
    """What a straight line through train, at the average time of test, lies above train's average; in raw units."""
    measures, _ = without_cells(train, test)
    time = (starts[0] - starts[0].mean()) / max(float(starts[0].std()), 1.0)
    later = (starts[1].mean() - starts[0].mean()) / max(float(starts[0].std()), 1.0)
    slope = time @ measures / max(float(time @ time), 1.0)
    error = measures.std(axis=0) / np.sqrt(len(time))
    return np.asarray(np.where(np.abs(slope) >= _CLEAR_TREND * error, slope * later, 0.0))


def blocks(starts: Codes) -> Iterator[NDArray[np.bool_]]:
    """Masks of consecutive stretches of about equal numbers of sessions."""
    for rows in np.array_split(np.argsort(starts, kind="stable"), BLOCKS):
        mask = np.zeros(len(starts), dtype=bool)
        mask[rows] = True
        yield mask


def _difference(first: Rows, second: Rows, scales: Vector) -> tuple[Vector, Vector]:
    """Effects (second less first, the first weighted to the cells of the second) and their standard errors."""
    weights = cell_weights(first.cells, second.cells)
    if not weights.any():  # no cell in common: nothing to weight to
        weights = np.ones(len(first.cells))
    inside = np.isin(second.cells, first.cells[weights > 0])
    others = second.part(inside) if inside.any() else second
    parts = ((first, weights, -1.0), (others, np.ones(len(others.cells)), 1.0))
    users = int(max(first.users.max(), others.users.max())) + 1
    effect, error = np.zeros(len(scales)), np.zeros(len(scales))
    for column in range(len(scales)):  # one at a time: little memory for long logs
        by_user = np.zeros(users)
        for rows, weight, sign in parts:
            shares = weight / weight.sum()
            mean = float(shares @ rows.measures[:, column])
            effect[column] += sign * mean
            by_user += sign * np.bincount(rows.users, shares * (rows.measures[:, column] - mean), minlength=users)
        error[column] = np.sqrt((by_user**2).sum())
    return effect / scales, error / scales


def without_cells(train: Rows, test: Rows) -> tuple[Matrix, Matrix]:
    """The measures less train's average of their cell (of all cells, where train has none of that cell)."""
    size = int(max(train.cells.max(), test.cells.max())) + 1
    counts = np.bincount(train.cells, minlength=size)
    average = np.tile(train.measures.mean(axis=0), (size, 1))
    for column in range(train.measures.shape[1]):
        sums = np.bincount(train.cells, weights=train.measures[:, column], minlength=size)
        average[counts > 0, column] = sums[counts > 0] / counts[counts > 0]
    return train.measures - average[train.cells], test.measures - average[test.cells]


def cell_weights(train: Codes, test: Codes) -> Vector:
    """Per train row: how much more often its cell occurs in test; 0 for cells that test does not have."""
    size = int(max(train.max(), test.max())) + 1
    mine, theirs = np.bincount(train, minlength=size), np.bincount(test, minlength=size)
    ratio = np.divide(theirs / len(test), mine / len(train), out=np.zeros(size), where=mine > 0)
    return np.asarray(ratio[train], dtype=np.float64)
