"""How far two samples lie apart: population stability index, Kolmogorov-Smirnov distance, area under the curve."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray
from scipy.stats import ks_2samp, rankdata

from core.audit.sample import Sample

Vector = NDArray[np.float64]

_BINS: Final = 10
"""Tenths of the first sample, as the index is usually taken (Siddiqi 2006, Credit Risk Scorecards, chapter 8)."""
_LEAST_SHARE: Final = 1e-4
"""Stands for the share of an empty bin, whose logarithm would be infinite."""
_FOLDS: Final = 5
_ROUNDS: Final = 60
_SETTINGS: Final = {
    # Small on purpose: whether two files can be told apart shows in few shallow trees, and a second is enough.
    "objective": "binary",
    "num_leaves": 15,
    "learning_rate": 0.1,
    "min_data_in_leaf": 20,
    "seed": 7,
    "verbosity": -1,
    "deterministic": True,
    "force_row_wise": True,
    # One thread: the same answer on every machine, and no waiting for cores that others use.
    "num_threads": 1,
}


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
    """Learn to tell test from train by some features, scored on users that the model did not learn from.

    0.5 is guessing. At most `most` features are named, those with the highest gain first.
    """
    columns = [sample.names.index(name) for name in features]
    X = np.concatenate([sample.train[:, columns], sample.test[:, columns]])
    y = np.repeat([0.0, 1.0], [len(sample.train), len(sample.test)])
    fold_of = np.concatenate([sample.train_users, sample.test_users]) % np.uint64(_FOLDS)
    guessed, gain = np.full(len(y), y.mean()), np.zeros(len(columns))
    for fold in range(_FOLDS):
        here = fold_of == fold
        if here.all() or not here.any():
            continue
        data = lgb.Dataset(X[~here], y[~here])
        model = lgb.train(_SETTINGS, data, num_boost_round=_ROUNDS)
        guessed[here] = model.predict(X[here])
        gain += model.feature_importance(importance_type="gain")
    order = np.argsort(-gain, kind="stable")[:most]
    return Guess(area_under_curve(y, guessed), tuple(features[place] for place in order if gain[place] > 0))


def area_under_curve(is_second: Vector, guessed: Vector) -> float:
    """Probability that one of the second group gets a higher guess than one of the first (Mann and Whitney 1947)."""
    second = int(is_second.sum())
    first = len(is_second) - second
    ranks = float(rankdata(guessed)[is_second == 1.0].sum())
    return (ranks - second * (second + 1) / 2) / (first * second)
