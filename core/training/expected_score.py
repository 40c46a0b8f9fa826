"""The score to expect on the test file, with an interval.

From nested out-of-fold losses, so free of what fitting and stacking saw; weighted so that sessions are as long, and
their users as well known, as in the test file; sessions whose value is taken over from train have a loss of 0 and no
say in the mix. As a few sessions can hold a fifth of a squared error, losses beyond a high threshold are taken from a
fitted law (core.training.tail), not from the handful that happened to be in train.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from core.metric import MEAN_SQUARED_ERROR, Metric
from core.training.tail import Losses

_REPLICATES = 300
"""Bootstrap draws: fifteen of them lie beyond each end of a 90 % interval."""
_LOW, _HIGH = 0.05, 0.95
_LENGTH_QUANTILES = (0.5, 0.65, 0.8, 0.9, 0.95, 0.975, 0.99)
"""Where session length is cut into classes; finer above, because the few long sessions carry most of the error."""


@dataclass(frozen=True)
class ExpectedScore:
    """A score in the unit of the run's metric; `low` and `high` bound 90 %."""

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
    losses: NDArray[np.float64],
    *,
    users: NDArray[np.int64],
    classes: NDArray[np.int64],
    test_classes: NDArray[np.int64],
    known_share: float,
    seed: int,
    metric: Metric = MEAN_SQUARED_ERROR,
    choice: float = 1.0,
) -> ExpectedScore:
    """Weight out-of-fold losses to the test file's mix, resample users, and draw test files from the fitted law.

    The value is the mean of the law over the resampled users, so it knows how badly a heavy tail is known; with too
    few rows to tell a tail it is the plain mean. The interval is for the score that will come, not for its mean: each
    draw is a test file of `len(test_classes)` sessions, those that are predicted. `choice` is what choosing settings by
    these very losses flattered them by (see choice_factor); 1 where nothing was chosen.
    """
    weights = _weights(classes, test_classes)
    plain = Losses.of(losses, weights)
    _, user = np.unique(users, return_inverse=True)
    draws = np.random.default_rng(seed)
    asked = max(len(test_classes), 1)
    means, scores = np.empty(_REPLICATES), np.empty(_REPLICATES)
    for number in range(_REPLICATES):
        # Poisson(1) counts stand for drawing users with replacement and need no index arrays
        drawn = weights * draws.poisson(1.0, int(user.max()) + 1)[user]
        law = Losses.of(losses, drawn if drawn.any() else weights)
        means[number], scores[number] = law.mean, law.drawn_mean(asked, draws)
    share = (1.0 - known_share) * choice
    value = float(means.mean()) if plain.share else plain.mean
    low, high = (float(each) for each in np.quantile(scores, [_LOW, _HIGH]))
    return ExpectedScore(*(metric.score(each * share) for each in (value, min(low, value), max(high, value))))


def _weights(classes: NDArray[np.int64], test_classes: NDArray[np.int64]) -> NDArray[np.float64]:
    """Per row: how much more often its class occurs in test than in train; 1 where test has no class of train."""
    if not np.isin(test_classes, classes).any():
        return np.ones(len(classes))
    size = int(max(classes.max(), test_classes.max())) + 1
    train_share = np.bincount(classes, minlength=size) / len(classes)
    test_share = np.bincount(test_classes, minlength=size) / len(test_classes)
    ratio = np.divide(test_share, train_share, out=np.zeros(size), where=train_share > 0)
    return np.asarray(ratio[classes], dtype=np.float64)
