"""Distance between two samples of a number: population stability index and Kolmogorov-Smirnov distance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.special import rel_entr
from scipy.stats import ks_2samp

from core.base.arrays import Vector

_BINS: Final = 10
"""Deciles of the first sample, as is usual for the index (Siddiqi 2006, Credit Risk Scorecards, chapter 8)."""
_MIN_SHARE: Final = 1e-4
"""Replaces the share of an empty bin, whose logarithm would be infinite."""


@dataclass(frozen=True)
class Distance:
    """Distance between the distributions of a feature in the train and in the test file.

    Attributes:
        psi: population stability index, 0 or more.
        ks: Kolmogorov-Smirnov distance, 0 to 1: the largest gap between the cumulative distributions.
        p_value: p-value of the Kolmogorov-Smirnov test. It is small in any large file, so it is never used alone.
    """

    psi: float
    ks: float
    p_value: float


def distance(train: Vector, test: Vector) -> Distance:
    """Return the distance between two non-empty samples. NaN (a missing feature) counts as a value of its own.

    >>> distance(np.array([1.0, 2.0]), np.array([1.0, 2.0])).ks, distance(np.zeros(9), np.full(9, np.nan)).ks
    (0.0, 1.0)
    """
    present = np.concatenate([train[~np.isnan(train)], test[~np.isnan(test)]])
    missing = float(present.min()) - 1.0 if len(present) else 0.0
    train, test = np.where(np.isnan(train), missing, train), np.where(np.isnan(test), missing, test)
    result = ks_2samp(train, test, method="asymp")
    return Distance(stability_index(train, test), float(result.statistic), float(result.pvalue))


def stability_index(expected: Vector, actual: Vector) -> float:
    """Return the population stability index: the sum of the Kullback-Leibler divergences in both directions.

    The bins are the deciles of `expected`; a value that fills several deciles is one bin. Neither sample may be empty
    or contain NaN. Values below 0.1 indicate little change, values from 0.25 a major shift (Siddiqi 2006).
    """
    edges = np.unique(np.quantile(expected, np.linspace(0.0, 1.0, _BINS + 1)[1:-1], method="inverted_cdf"))
    if edges[0] == expected.min():  # the lowest value fills a decile: values below it need a bin of their own
        edges = np.concatenate([[np.nextafter(edges[0], -np.inf)], edges])
    expected_shares, actual_shares = (_shares_by_bin(sample, edges) for sample in (expected, actual))
    return float(np.sum(rel_entr(actual_shares, expected_shares) + rel_entr(expected_shares, actual_shares)))


def _shares_by_bin(sample: Vector, edges: Vector) -> Vector:
    """Return the share of a sample in each bin, at least `_MIN_SHARE`; an edge belongs to the bin below it."""
    counts = np.bincount(np.searchsorted(edges, sample), minlength=len(edges) + 1)
    return np.maximum(counts / len(sample), _MIN_SHARE)
