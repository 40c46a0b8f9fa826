"""How well a column predicts a target: the cross-fitted share of the target's variance that its cells explain."""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from core.base.arrays import Vector
from core.own_columns import Kind

Codes = NDArray[np.int64]

_BINS: Final = 256
_ROWS_PER_BIN: Final = 20
"""Quantile bins of a number: fine enough for a copy of the value, with enough rows for their means."""
_PRIOR: Final = 1.0
"""Weight of the overall mean in the mean of a bin or category, in rows, so that rare categories explain nothing."""
_TAILS: Final = (0.99, 1.0)
"""Values above these quantiles are clipped. With the first, a single session cannot decide the result. With the second,
noise of one size for all sessions does not hide a copy of the highest values."""
_MIN_GROUPS: Final = 30
"""Groups with several rows; with fewer, their similarity is not known."""
_MIN_ROWS_IN_GROUPS: Final = 100
"""Rows that share a group with another one; with fewer, nothing is known about the inside of groups."""


def cell_codes(cells: pl.Series, kind: Kind) -> Codes:
    """Return a code per cell: that of a category or flag, or the quantile bin of a number or time.

    Null has a code of its own.
    """
    if kind in {"category", "flag"}:
        return cells.rank("dense").fill_null(0).cast(pl.Int64).to_numpy()
    numbers = cells.cast(pl.Float64).to_numpy()
    filled = ~np.isnan(numbers)
    codes = np.zeros(len(numbers), np.int64)
    if filled.any():
        n_bins = int(np.clip(filled.sum() // _ROWS_PER_BIN, 2, _BINS))
        edges = np.unique(np.quantile(numbers[filled], np.linspace(0, 1, n_bins + 1)[1:-1], method="inverted_cdf"))
        codes[filled] = 1 + np.searchsorted(edges, numbers[filled])
    return codes


def predicted(codes: Codes, target: Vector) -> Vector:
    """Predict a target by the mean of the rows with the same code.

    The rows are divided into two halves, and the means of each half predict the other half, so that no row takes part
    in its own prediction.
    """
    predictions = np.empty(len(target))
    is_even = np.arange(len(target)) % 2 == 0
    n_codes = int(codes.max(initial=-1)) + 1
    for fitted in (is_even, ~is_even):
        mean = target[fitted].mean() if fitted.any() else target.mean()
        sums = np.bincount(codes[fitted], weights=target[fitted], minlength=n_codes)
        counts = np.bincount(codes[fitted], minlength=n_codes)
        means = (sums + _PRIOR * mean) / (counts + _PRIOR)
        predictions[~fitted] = means[codes[~fitted]]
    return predictions


def explained(predictions: Vector, target: Vector) -> float:
    """Return the share of the target's variance that predictions explain, at most 1; 0 if the target is constant.

    >>> explained(np.array([1.0, 3.0]), np.array([1.0, 3.0])), explained(np.zeros(2), np.ones(2))
    (1.0, 0.0)
    """
    total = float(((target - target.mean()) ** 2).sum()) if len(target) else 0.0
    return 1 - float(((target - predictions) ** 2).sum()) / total if total > 0 else 0.0


def explained_within(predictions: Vector, target: Vector, groups: pl.Series) -> float | None:
    """Return the squared correlation of predictions and target inside groups; None if too few rows share a group."""
    codes = group_codes(groups)
    counts = np.bincount(codes)
    in_shared_group = counts[codes] > 1
    if np.count_nonzero(in_shared_group) < _MIN_ROWS_IN_GROUPS:
        return None
    left, right = (_centred(values, codes)[in_shared_group] for values in (predictions, target))
    spread = float((left**2).sum() * (right**2).sum())
    return float((left * right).sum()) ** 2 / spread if spread > 0 else 0.0


def centred(values: Vector, groups: pl.Series) -> Vector:
    """Return values minus the mean of their group."""
    return _centred(values, group_codes(groups))


def group_codes(groups: pl.Series) -> Codes:
    """Return the number of each row's group, from 0."""
    return groups.rank("dense").cast(pl.Int64).to_numpy() - 1


def scales(values: Vector) -> tuple[Vector, ...]:
    """Return two versions of the values: their ranks, and the values with the highest ones clipped.

    Ranks are robust to noise that grows with the value, amounts to noise of the same size in all sessions.
    """
    return ranks(values), *(np.minimum(values, limit) for limit in np.quantile(values, _TAILS))


def ranks(values: Vector) -> Vector:
    """Return the ranks of values without NaN, from 1, with the mean rank for ties."""
    return pl.Series(values).rank("average").to_numpy()


def similarity(values: Vector, groups: pl.Series) -> float:
    """Return the intraclass correlation of values by group: the most that a constant of the group can explain.

    It is that of the one-way analysis of variance. 0 if hardly any group has several rows.
    """
    codes = group_codes(groups)
    counts = np.bincount(codes)
    has_several_rows = counts > 1
    if np.count_nonzero(has_several_rows) < _MIN_GROUPS:
        return 0.0
    is_used = has_several_rows[codes]
    values, codes = values[is_used], codes[is_used]
    sizes = counts[has_several_rows].astype(np.float64)
    means = np.bincount(codes, weights=values, minlength=len(counts))[has_several_rows] / sizes
    between = float((sizes * (means - values.mean()) ** 2).sum()) / (len(sizes) - 1)
    position = np.cumsum(has_several_rows) - 1
    within = float(((values - means[position[codes]]) ** 2).sum()) / (sizes.sum() - len(sizes))
    size = (sizes.sum() - (sizes**2).sum() / sizes.sum()) / (len(sizes) - 1)
    spread = between + (size - 1) * within
    return max((between - within) / spread, 0.0) if spread > 0 else 0.0


def _centred(values: Vector, codes: Codes) -> Vector:
    return values - (np.bincount(codes, weights=values) / np.bincount(codes))[codes]
