"""The names under which people see features."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from core.features.definition import CatalogueEntry
from core.features.registry import feature_catalogue


def display_names(entries: Iterable[CatalogueEntry] | None = None) -> dict[str, str]:
    """Return name of a feature -> its display name. Names in code are appended to display names that occur twice.

    Args:
        entries: features, such as those of a log with own columns; None for the features of every log.

    >>> display_names()["recovered_buy_sum"]
    'Value of purchases in this session'
    """
    features = [entry.feature for entry in (feature_catalogue() if entries is None else entries)]
    times = Counter(feature.label for feature in features)
    return {
        feature.name: feature.label if times[feature.label] == 1 else f"{feature.label} ({feature.name})"
        for feature in features
    }
