"""The mean squared error to expect on the test file, with an interval.

From nested out-of-fold errors, so free of what fitting and stacking saw; weighted so that sessions are as long, and
their users as well known, as in the test file; sessions whose value is known from train count as error 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

_REPLICATES = 400
"""Bootstrap draws: twenty of them lie beyond each end of a 90 % interval, and all take under a second."""
_LOW, _HIGH = 0.05, 0.95
_TINY = float(np.finfo(float).tiny)
_LENGTH_QUANTILES = (0.5, 0.65, 0.8, 0.9, 0.95, 0.975, 0.99)
"""Where session length is cut into classes; finer above, because the few long sessions carry most of the error."""


@dataclass(frozen=True)
class ExpectedScore:
    """Mean squared error in squared value units; `low` and `high` bound 90 %."""

    value: float
    low: float
    high: float


def session_classes(values: pl.DataFrame) -> NDArray[np.int64]:
    """Class of each row of the feature table by length, and by whether its user was seen before.

    Takes the rows of both files together, so that the classes mean the same in both.
    """
    events = values.get_column("n_events").to_numpy()
    edges = np.unique(np.quantile(events, _LENGTH_QUANTILES))
    length = np.searchsorted(edges, events, side="left")
    seen = values.get_column("user_is_known").to_numpy() > 0
    return np.asarray(length * 2 + seen, dtype=np.int64)


def by_history(classes: NDArray[np.int64], buckets: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """The same classes by length, and by how much is known of the user's values (one of `count` buckets) in place of
    whether the user was seen: a user seen in the test file alone is as good as new.
    """
    return classes // 2 * count + buckets


def expected_score(
    squared_errors: NDArray[np.float64],
    *,
    users: NDArray[np.int64],
    classes: NDArray[np.int64],
    test_classes: NDArray[np.int64],
    known_share: float,
    seed: int,
) -> ExpectedScore:
    """Weight out-of-fold errors to the test file's mix and resample users.

    The interval is for the score that will come, not for its mean: the test file is itself a draw, of
    `len(test_classes)` sessions, so deviations are widened by sqrt(1 + train rows / test rows).
    """
    weights = _weights(classes, test_classes)
    _, user = np.unique(users, return_inverse=True)
    top = np.bincount(user, weights * squared_errors)
    bottom = np.bincount(user, weights)
    value = float(top.sum() / bottom.sum())
    draws = np.random.default_rng(seed)
    replicates = np.empty(_REPLICATES)
    for number in range(_REPLICATES):
        # Poisson(1) counts stand for drawing users with replacement and need no index arrays
        drawn = draws.poisson(1.0, len(top))
        replicates[number] = float(drawn @ top) / max(float(drawn @ bottom), _TINY)
    spread = np.sqrt(1.0 + len(classes) / max(len(test_classes), 1))
    deviations = np.quantile(replicates - value, [_LOW, _HIGH])
    low, high = value + spread * np.array([min(deviations[0], 0.0), max(deviations[1], 0.0)])
    share = 1.0 - known_share
    return ExpectedScore(value * share, max(float(low), 0.0) * share, float(high) * share)


def _weights(classes: NDArray[np.int64], test_classes: NDArray[np.int64]) -> NDArray[np.float64]:
    """Per row: how much more often its class occurs in test than in train; 1 where test has no class of train."""
    if not np.isin(test_classes, classes).any():
        return np.ones(len(classes))
    size = int(max(classes.max(), test_classes.max())) + 1
    train_share = np.bincount(classes, minlength=size) / len(classes)
    test_share = np.bincount(test_classes, minlength=size) / len(test_classes)
    ratio = np.divide(test_share, train_share, out=np.zeros(size), where=train_share > 0)
    return np.asarray(ratio[classes], dtype=np.float64)
