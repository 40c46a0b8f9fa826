"""The features of a sample of sessions next to their values, and rank correlations between them."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.stats import rankdata

from core.dataset import Dataset
from core.schema import COMPOSITE, UNIT, VALUE

MIN_SESSIONS = 50
"""With fewer sessions, correlations of 0.3 occur by chance."""


def join_values(features: pl.DataFrame, dataset: Dataset) -> pl.DataFrame:
    """Return the value and the features of the sampled units that have a value.

    Args:
        features: One row per sampled unit: unit, then one column per feature.

    Returns:
        value, then one column per feature. Composite sessions are excluded: their value belongs to several users.
    """
    units = dataset.units().filter(~pl.col(COMPOSITE), pl.col(VALUE).is_not_null()).select(UNIT, VALUE)
    valued = features.lazy().join(units, on=UNIT, how="inner", maintain_order="left")
    return valued.select(VALUE, pl.exclude(UNIT, VALUE)).collect()


def feature_names(sample: pl.DataFrame) -> list[str]:
    """Return the feature columns of a sample."""
    return [name for name in sample.columns if name != VALUE]


def correlations_with_value(sample: pl.DataFrame) -> dict[str, tuple[float | None, float | None]]:
    """Return the linear (Pearson) and the rank (Spearman) correlation of each feature with the value.

    Sessions without the feature are left out. A correlation is None if the feature or the value does not vary.
    """
    value = sample.get_column(VALUE).to_numpy()
    value_ranks = rankdata(value)
    correlations = {}
    for name in feature_names(sample):
        column = sample.get_column(name).to_numpy()
        present = ~np.isnan(column)
        x, y = column[present], value[present]
        y_ranks = value_ranks if present.all() else rankdata(y)
        correlations[name] = (_correlation(x, y), _correlation(rankdata(x), y_ranks))
    return correlations


def _correlation(x: NDArray[Any], y: NDArray[Any]) -> float | None:
    if len(x) < 3 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return None
    return float(np.corrcoef(x, y)[0, 1])
