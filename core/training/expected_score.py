"""The expected score on the test file, with an interval.

It is computed from nested out-of-fold losses, which neither fitting nor stacking has seen. They are weighted so that
session lengths and known users are distributed as in the test file (importance weighting under covariate shift,
Shimodaira 2000). Sessions whose value is known from train have a loss of 0 and are left out of the weighting.

A few sessions can carry a fifth of a squared error. Losses beyond a high threshold therefore come from a fitted
distribution (core.training.tail), not only from the few that happen to be in the train file.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from core.metric import MEAN_SQUARED_ERROR, Metric
from core.training.learners import Vector
from core.training.tail import LossDistribution

Classes = NDArray[np.int64]

_N_BOOTSTRAP = 300
"""Bootstrap samples: fifteen of them lie beyond each end of a 90% interval."""
LEARNER_BOOTSTRAP = 100
"""Bootstrap samples for a single learner: it is shown for comparison, and 300 would take 2 seconds more for each."""
_LOW, _HIGH = 0.05, 0.95
"""Quantiles of the simulated scores that are the ends of the interval."""
_LENGTH_QUANTILES = (0.5, 0.65, 0.8, 0.9, 0.95, 0.975, 0.99)
"""Edges of the length classes; finer at the top, because the few long sessions carry most of the error."""


@dataclass(frozen=True)
class ExpectedScore:
    """A score in the unit of the run's metric; `low` and `high` are the ends of its 90% interval."""

    value: float
    low: float
    high: float


def session_classes(values: pl.DataFrame) -> Classes:
    """Classify the rows of a feature table by session length, and by whether the user was seen before.

    The table must hold the rows of both files, so that a class means the same in both.
    """
    events = values.get_column("n_events").to_numpy()
    edges = np.unique(np.quantile(events, _LENGTH_QUANTILES))
    length = np.searchsorted(edges, events, side="left")
    is_known = values.get_column("user_is_known").to_numpy() > 0
    return np.asarray(length * 2 + is_known, dtype=np.int64)


def by_history(classes: Classes, buckets: Classes, n_buckets: int) -> Classes:
    """Classify rows by session length, and by the user's number of known values in buckets.

    A user who was seen only in the test file has no known values, and is in the same class as a new user.

    Args:
        classes: (rows,) result of `session_classes`; only the session length in it is used.
        buckets: (rows,) bucket of each row, from 0 to n_buckets - 1.
    """
    return classes // 2 * n_buckets + buckets


def class_weights(classes: Classes, test_classes: Classes) -> Vector:
    """Return the importance weight of each train row: the share of its class in the test file divided by that in train.

    The weight is 0 for a class without test rows.

    >>> class_weights(np.array([0, 0, 1]), np.array([1, 1, 0]))
    array([0.5, 0.5, 2. ])
    """
    size = int(max(classes.max(), test_classes.max(initial=0))) + 1
    train_share = np.bincount(classes, minlength=size) / len(classes)
    test_share = np.bincount(test_classes, minlength=size) / max(len(test_classes), 1)
    ratio = np.divide(test_share, train_share, out=np.zeros(size), where=train_share > 0)
    return np.asarray(ratio[classes], dtype=np.float64)


def expected_score(
    losses: Vector,
    *,
    users: NDArray[np.int64],
    classes: Classes,
    test_classes: Classes,
    known_share: float,
    seed: int,
    metric: Metric = MEAN_SQUARED_ERROR,
    bias: float = 1.0,
    n_bootstrap: int = _N_BOOTSTRAP,
) -> ExpectedScore:
    """Weight out-of-fold losses to the classes of the test file, resample users, and simulate test files.

    The value is the average over bootstrap samples of users, so it includes the uncertainty of a heavy tail. With too
    few rows to fit a tail, it is the weighted mean. The interval is a prediction interval for the score of one file of
    `len(test_classes)` sessions, not a confidence interval for the mean.

    Args:
        losses, users, classes: (rows,) out-of-fold losses, and the user and class of each row.
        test_classes: (sessions to predict,) their classes.
        known_share: share of the test sessions whose value is known from train.
        seed: seed of the bootstrap and of the simulated files.
        metric: metric that turns a mean loss into a score.
        bias: factor that corrects for settings chosen by these same losses; see `selection_bias`.
        n_bootstrap: number of bootstrap samples.
    """
    weights = class_weights(classes, test_classes)
    if not weights.any():  # no class in common
        weights = np.ones(len(classes))
    fitted = LossDistribution.fit(losses, weights)
    _, user = np.unique(users, return_inverse=True)
    rng = np.random.default_rng(seed)
    n_test = max(len(test_classes), 1)
    means, scores = np.empty(n_bootstrap), np.empty(n_bootstrap)
    for index in range(n_bootstrap):
        # Poisson bootstrap: counts of 1 on average replace drawing users, and need no index arrays
        resampled = weights * rng.poisson(1.0, int(user.max()) + 1)[user]
        distribution = LossDistribution.fit(losses, resampled if resampled.any() else weights)
        means[index], scores[index] = distribution.mean, distribution.sample_mean(n_test, rng)
    loss = float(means.mean()) if fitted.tail_share else fitted.mean
    low, high = (float(end) for end in np.quantile(scores, [_LOW, _HIGH]))
    factor = (1.0 - known_share) * bias
    return ExpectedScore(
        value=metric.score(loss * factor),
        low=metric.score(min(low, loss) * factor),
        high=metric.score(max(high, loss) * factor),
    )
