"""The features of a sample of sessions next to their values, and the correlations of features with the value."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.stats import rankdata

from core.dataset import Dataset
from core.eda.parts.session_table import unit_values
from core.features import CatalogueEntry, feature_catalogue
from core.schema import UNIT, VALUE

MIN_SESSIONS = 50
"""With fewer sessions, correlations of 0.3 occur by chance."""


class Correlations(NamedTuple):
    """Correlations of a feature with the value; None if the feature or the value does not vary."""

    pearson: float | None
    spearman: float | None


class FeatureSample(NamedTuple):
    """Values and features of a sample of sessions.

    Attributes:
        rows: value, then one column per feature.
        entries: what the features are, in any order.
    """

    rows: pl.DataFrame
    entries: tuple[CatalogueEntry, ...] = feature_catalogue()


def join_values(features: pl.DataFrame, dataset: Dataset) -> FeatureSample:
    """Return the value and the features of the sampled units that have a value.

    Composite sessions are excluded, because their value belongs to several users.

    Args:
        features: one row per sampled unit: unit, then one column per feature.
    """
    valued = features.lazy().join(unit_values(dataset), on=UNIT, how="inner", maintain_order="left")
    return FeatureSample(
        valued.select(VALUE, pl.exclude(UNIT, VALUE)).collect(), feature_catalogue(dataset.card().used_own)
    )


def feature_names(sample: pl.DataFrame) -> list[str]:
    """Return the feature columns of a sample."""
    return [name for name in sample.columns if name != VALUE]


def correlations_with_value(sample: pl.DataFrame) -> dict[str, Correlations]:
    """Return the correlations of each feature with the value, over the sessions that have the feature."""
    value = sample.get_column(VALUE).to_numpy()
    value_ranks = rankdata(value)
    correlations = {}
    for name in feature_names(sample):
        column = sample.get_column(name).to_numpy()
        present = ~np.isnan(column)
        x, y = column[present], value[present]
        y_ranks = value_ranks if present.all() else rankdata(y)
        correlations[name] = Correlations(_correlation(x, y), _correlation(rankdata(x), y_ranks))
    return correlations


def _correlation(x: NDArray[Any], y: NDArray[Any]) -> float | None:
    if len(x) < 3 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return None
    return float(np.corrcoef(x, y)[0, 1])
