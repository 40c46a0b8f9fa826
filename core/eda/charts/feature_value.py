"""How features are related to the value: linear and rank correlation, and mutual information."""

from __future__ import annotations

import math

import altair as alt
import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.stats import rankdata
from sklearn.metrics import mutual_info_score

from core.base.text import fixed, listed
from core.eda.parts.feature_sample import MIN_SESSIONS, FeatureSample, correlations_with_value, feature_names
from core.eda.parts.theme import ACCENT, MUTED, Figure, Hover, finished
from core.features import display_names
from core.schema import VALUE

TITLE = "Which features are related to the value?"
_BINS = 10
"""Number of quantile bins for mutual information."""
_CODES = _BINS + 1
"""The bins, and one for sessions without the feature."""
_MAX_BARS = 20
_TEXTS, _NUMBERS = ("feature", "label", "group", "meaning"), ("pearson", "spearman", "information")
_SCHEMA = dict.fromkeys(_TEXTS, pl.String) | dict.fromkeys(_NUMBERS, pl.Float64)


def frame(sample: FeatureSample) -> pl.DataFrame:
    """Relate each feature to the value; one row per feature, the strongest rank correlation first.

    Returns:
        feature, label, group, meaning: name and display name of the feature, its group and its description.
        pearson, spearman: linear and rank correlation with the value; null if the feature or the value does not vary.
        information: mutual information with the value, in nats.

        Empty if fewer than 50 sessions have a value.
    """
    if sample.rows.height < MIN_SESSIONS:
        return pl.DataFrame(schema=_SCHEMA)
    names = display_names(sample.entries)
    catalogue = {
        entry.feature.name: (names[entry.feature.name], entry.group, entry.feature.meaning) for entry in sample.entries
    }
    information = _mutual_information(sample.rows)
    rows = [
        (name, *catalogue[name], *correlations, information[name])
        for name, correlations in correlations_with_value(sample.rows).items()
    ]
    data = pl.DataFrame(rows, schema=_SCHEMA, orient="row")
    return data.sort(pl.col("spearman").abs().fill_null(0.0), "feature", descending=[True, False])


def _mutual_information(sample: pl.DataFrame) -> dict[str, float]:
    """Return the mutual information of each feature with the value, both in quantile bins, in nats.

    Sessions without the feature have a bin of their own. The information expected by chance is subtracted (Miller 1955,
    Note on the bias of information estimates), and results below 0 become 0.
    """
    value_bins = _quantile_bins(sample.get_column(VALUE).to_numpy())
    information = {}
    for name in feature_names(sample):
        pairs = value_bins * _CODES + _quantile_bins(sample.get_column(name).to_numpy())
        counts = np.bincount(pairs, minlength=_CODES**2).reshape(_CODES, _CODES)
        chance = math.prod(np.count_nonzero(counts.sum(axis)) - 1 for axis in (0, 1)) / (2 * sample.height)
        information[name] = max(float(mutual_info_score(None, None, contingency=counts)) - chance, 0.0)
    return information


def _quantile_bins(values: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the bin of each value, 0 for NaN and 1 for the lowest 10%; equal values share a bin."""
    present = ~np.isnan(values)
    bins = np.zeros(len(values), np.int64)
    bins[present] = 1 + (rankdata(values[present]) - 0.5) / max(present.sum(), 1) * _BINS
    return bins


def finding(data: pl.DataFrame) -> str:
    """Name the three strongest rank correlations and the feature with the most mutual information."""
    if data.is_empty():
        return f"Fewer than {MIN_SESSIONS} train sessions have a value, so any correlation could be chance."
    strongest = [
        f"{row['label']} ({row['spearman']:+.2f})" for row in data.head(3).iter_rows(named=True) if row["spearman"]
    ]
    if not strongest:
        return "No feature correlates with the value."
    top = data.sort("information", descending=True).row(0, named=True)
    return (
        f"The value has the strongest rank correlation with {listed(strongest)}; {top['label']} has the most mutual "
        f"information ({fixed(top['information'], 2)} nats)."
    )


def figure(data: pl.DataFrame) -> Figure:
    """Draw the rank correlation as a bar and the linear one as a point, for the first 20 features."""
    shown = data.head(_MAX_BARS)
    base = alt.Chart(shown).encode(
        y=alt.Y("label:N", sort=shown.get_column("label").to_list(), title=None, axis=alt.Axis(labelLimit=220)),
        tooltip=[
            *Hover.texts("meaning", label="feature"),
            *Hover.numbers(".3f", spearman="rank correlation", pearson="linear correlation"),
            *Hover.numbers(".3f", information="mutual information (nats)"),
        ],
    )
    bars = base.mark_bar(color=ACCENT, height=12).encode(
        x=alt.X("spearman:Q", title="correlation (bar: rank, point: linear)", axis=alt.Axis(tickCount=5))
    )
    points = base.mark_point(color=MUTED, filled=True, size=45, opacity=1).encode(x="pearson:Q")
    description = f"Correlation of features with the value. {finding(data)}"
    return finished(bars + points, description, height=22 * _MAX_BARS + 40)
