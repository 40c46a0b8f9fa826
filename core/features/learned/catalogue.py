"""The features that are learned from session values, in column order.

`core.training.learned_columns` cross-fits them, so that no session's features depend on its own value.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from core.features.definition import CatalogueEntry, Feature
from core.features.learned.price_features import PRICE_FEATURES, SUM_FEATURES, VALUE_FEATURE
from core.features.learned.user_values import RATIO_FEATURE, USER_VALUE_FEATURES
from core.features.learned.value_statistics import VALUE_STATISTICS, own_statistics
from core.own_columns import OwnColumn

START = Feature(
    "recovered_value_of_user",
    "value units",
    "Session value at estimated prices, multiplied by the user's value ratio (except for a part that is the same for"
    " all users): the start value of the learners.",
    "First estimate of the value",
)

LEARNED_GROUPS: dict[str, tuple[Feature, ...]] = {
    "recovered_prices": PRICE_FEATURES,
    "value_statistics": VALUE_STATISTICS,
    "user_values": (*USER_VALUE_FEATURES, START),
}
"""Name of the group -> its features, in column order. START is the last column."""


def learned_features(own: Iterable[OwnColumn] = ()) -> tuple[CatalogueEntry, ...]:
    """Return every feature that is learned from values, in column order: first those of own columns."""
    of_own = (CatalogueEntry(column.stored, feature, "values") for column, feature in own_statistics(own))
    others = (
        CatalogueEntry(group, feature, "values") for group, features in LEARNED_GROUPS.items() for feature in features
    )
    return (*of_own, *others)


def parts_of_start(learned: NDArray[np.float64], reference: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
    """Split the start value of each session into contributions of the learned features.

    A session's recovered value is the base plus the sums by event type. The start value is the recovered value, at
    least 0, times the user's ratio (except for a fixed part). Each sum contributes itself, and the ratio contributes
    the change that it makes, both relative to their averages. START contributes the remainder, which is the effect of
    the lower limit.

    Args:
        learned: matrix (rows, learned features) in the order of `learned_features`.
        reference: rows of the same columns. Contributions are relative to their averages. None for `learned`.

    Returns:
        Matrix of the same shape, in value units. Each row adds up to the start value minus the average start value of
        the reference. The columns of own columns are 0, because they are not part of the start value.
    """
    reference = learned if reference is None else reference
    all_parts, start_column = _parts(learned)
    reference_parts = all_parts if reference is learned else _parts(reference)[0]
    parts = all_parts - reference_parts.mean(axis=0)
    start, mean_start = learned[:, start_column], reference[:, start_column].mean()
    parts[:, start_column] = start - mean_start - parts.sum(axis=1)
    return np.asarray(parts)


def _parts(learned: NDArray[np.float64]) -> tuple[NDArray[np.float64], int]:
    """Return the contribution of each learned feature except START to the start value, and the column of START."""
    others = learned_features()
    n_own = learned.shape[1] - len(others)
    column = {entry.feature.name: n_own + number for number, entry in enumerate(others)}
    value, start = (learned[:, column[feature.name]] for feature in (VALUE_FEATURE, START))
    sum_columns = [column[feature.name] for feature in SUM_FEATURES]
    parts = np.zeros_like(learned)
    parts[:, sum_columns] = learned[:, sum_columns]
    parts[:, column[RATIO_FEATURE.name]] = start - np.maximum(value, 0.0)
    return parts, column[START.name]
