"""The features that are learned from session values, inside each fold: which there are, and in what order.

`core.training.learned_columns` computes them, as they are only honest with its folds.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from core.features.definition import Described, Feature
from core.features.learned.prices import PRICE_FEATURES, SUM_FEATURES, VALUE_FEATURE
from core.features.learned.user_values import RATIO_FEATURE, USER_VALUE_FEATURES
from core.features.learned.value_statistics import VALUE_STATISTICS

START = Feature(
    "recovered_value_of_user",
    "value units",
    "What the session is worth at recovered prices, times its user's ratio: where the learners start from.",
)

LEARNED_GROUPS: dict[str, tuple[Feature, ...]] = {
    "recovered_prices": PRICE_FEATURES,
    "value_statistics": VALUE_STATISTICS,
    "user_values": (*USER_VALUE_FEATURES, START),
}
"""By group, in the order of the columns; where the learners start from is the last."""


def learned_features() -> tuple[Described, ...]:
    """Every feature that is learned from values."""
    return tuple(Described(group, each, "values") for group, features in LEARNED_GROUPS.items() for each in features)


def parts_of_start(learned: NDArray[np.float64]) -> NDArray[np.float64]:
    """Which of the learned features (rows, columns) make up where the learners start from, in value units.

    A session starts at (base + the sums by event type) times its user's ratio. The sums get what they add to the mean
    session, the ratio gets what it makes of the whole, and the start itself only what is cut off at 0. Rows add up to
    the start less its mean.
    """
    names = [each.feature.name for each in learned_features()]
    parts = np.zeros_like(learned)
    worth = learned[:, names.index(VALUE_FEATURE.name)]
    for feature in SUM_FEATURES:
        place = names.index(feature.name)
        parts[:, place] = learned[:, place]
    parts[:, names.index(RATIO_FEATURE.name)] = worth * (learned[:, names.index(RATIO_FEATURE.name)] - 1.0)
    parts -= parts.mean(axis=0)
    start = learned[:, names.index(START.name)]
    parts[:, names.index(START.name)] = start - start.mean() - parts.sum(axis=1)
    return parts
