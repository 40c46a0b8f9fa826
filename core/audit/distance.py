"""How far two samples lie apart: population stability index, Kolmogorov-Smirnov distance, area under the curve."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.stats import ks_2samp

from core.audit.sample import Sample
from core.training.shift import validate_adversarially

Vector = NDArray[np.float64]

_BINS: Final = 10
"""Tenths of the first sample, as the index is usually taken (Siddiqi 2006, Credit Risk Scorecards, chapter 8)."""
_LEAST_SHARE: Final = 1e-4
"""Stands for the share of an empty bin, whose logarithm would be infinite."""


@dataclass(frozen=True)
class Distance:
    """How far a feature's distribution in test lies from that in train.

    Attributes:
        psi: population stability index, 0 or more; 0.25 is the usual mark for a major shift.
        ks: Kolmogorov-Smirnov distance, 0 to 1: the largest gap between the two cumulative shares.
        p: probability of such a distance by chance; small in any large file, so never judged by itself.
    """

    psi: float
    ks: float
    p: float


def distance(train: Vector, test: Vector) -> Distance:
    """Compare two samples of at least one number each. NaN (nothing to measure) counts as a value of its own."""
    known = np.concatenate([train[~np.isnan(train)], test[~np.isnan(test)]])
    absent = float(known.min()) - 1.0 if len(known) else 0.0
    first, second = np.where(np.isnan(train), absent, train), np.where(np.isnan(test), absent, test)
    answer = ks_2samp(first, second, method="asymp")
    return Distance(stability_index(first, second), float(answer.statistic), float(answer.pvalue))


def stability_index(expected: Vector, actual: Vector) -> float:
    """Sum over the bins of (a - e) * ln(a / e), e and a the shares of the samples; bins are tenths of `expected`.

    A value that fills several tenths makes one bin of them. Siddiqi 2006: below 0.1 little change, from 0.25 major.
    """
    edges = np.unique(np.quantile(expected, np.linspace(0.0, 1.0, _BINS + 1)[1:-1], method="inverted_cdf"))
    if edges[0] == expected.min():  # the lowest value fills a tenth: what lies below it must not share its bin
        edges = np.concatenate([[np.nextafter(edges[0], -np.inf)], edges])
    shares = [
        np.maximum(np.bincount(np.searchsorted(edges, sample), minlength=len(edges) + 1) / len(sample), _LEAST_SHARE)
        for sample in (expected, actual)
    ]
    return float(np.sum((shares[1] - shares[0]) * np.log(shares[1] / shares[0])))


@dataclass(frozen=True)
class Guess:
    """How well a model guesses the file of a session: area under the ROC curve, and the features it used most."""

    auc: float
    features: tuple[str, ...]


def guess_file(sample: Sample, features: Sequence[str], most: int) -> Guess:
    """Recognise test sessions by some features, scored on users that the model did not learn from.

    0.5 is guessing. At most `most` features are named, those with the highest gain first.
    """
    columns = [sample.names.index(name) for name in features]
    users = np.concatenate([sample.train_users, sample.test_users])
    result = validate_adversarially(sample.train[:, columns], sample.test[:, columns], users)
    order = np.argsort(-result.gain, kind="stable")[:most]
    return Guess(result.auc, tuple(features[place] for place in order if result.gain[place] > 0))
