"""Which features correlate with each other."""

from __future__ import annotations

import altair as alt
import numpy as np
import polars as pl
from scipy.cluster import hierarchy
from scipy.spatial.distance import squareform
from scipy.stats import rankdata

from core.base.text import count, whole
from core.eda.parts.feature_sample import MIN_SESSIONS, FeatureSample, correlations_with_value
from core.eda.parts.theme import ACCENT, NEGATIVE, Figure, Hover, finished
from core.features import display_names

TITLE = "Which features carry the same information?"
_MAX_FEATURES = 20
_STRONG = 0.9
"""Absolute correlation above which two features are nearly interchangeable in a linear model."""
_SCHEMA = {"one": pl.String, "other": pl.String, "spearman": pl.Float64}


def frame(sample: FeatureSample) -> pl.DataFrame:
    """Correlate the 20 features with the strongest rank correlation with the value; one row per ordered pair.

    Each feature is also paired with itself. Similar features are neighbours (average linkage on 1 - |correlation|).

    Returns:
        one, other: display names of the two features.
        spearman: their rank correlation; missing cells count as the feature's median.

        Empty if fewer than 50 sessions have a value, or fewer than two features vary.
    """
    rows = sample.rows
    if rows.height < MIN_SESSIONS:
        return pl.DataFrame(schema=_SCHEMA)
    spearman = {name: correlations.spearman for name, correlations in correlations_with_value(rows).items()}
    strengths = {name: abs(correlation) for name, correlation in spearman.items() if correlation is not None}
    names = sorted(strengths, key=lambda name: (-strengths[name], name))[:_MAX_FEATURES]
    if len(names) < 2:
        return pl.DataFrame(schema=_SCHEMA)
    filled = rows.select(pl.col(names).fill_null(pl.col(names).median())).to_numpy()
    correlations = np.nan_to_num(np.corrcoef(np.apply_along_axis(rankdata, 0, filled), rowvar=False), nan=0.0)
    np.fill_diagonal(correlations, 1.0)
    distances = squareform(np.clip(1.0 - np.abs(correlations), 0.0, None), checks=False)
    order = hierarchy.leaves_list(hierarchy.linkage(distances, method="average"))
    shown = display_names(sample.entries)
    labels = [shown[name] for name in names]
    pairs = [(labels[row], labels[column], float(correlations[row, column])) for row in order for column in order]
    return pl.DataFrame(pairs, schema=_SCHEMA, orient="row")


def finding(data: pl.DataFrame) -> str:
    """Name the pair with the strongest correlation and count the strongly correlated pairs."""
    pairs = data.filter(pl.col("one") < pl.col("other")).sort(pl.col("spearman").abs(), descending=True)
    if pairs.is_empty():
        return f"Fewer than two features vary, or fewer than {MIN_SESSIONS} train sessions have a value."
    n_strong = pairs.filter(pl.col("spearman").abs() > _STRONG).height
    closest, n_pairs = pairs.row(0, named=True), count(pairs.height, "pair")
    return (
        f"{closest['one']} and {closest['other']} are the closest pair ({closest['spearman']:+.2f}); strong "
        f"correlations (beyond ±{_STRONG}, {whole(n_strong)} of {n_pairs}) affect linear models but not trees."
    )


def figure(data: pl.DataFrame) -> Figure:
    """Draw a heat map in the order of the clusters."""
    order = list(dict.fromkeys(data.get_column("one")))
    across = alt.Axis(labelAngle=-60, labelLimit=160, labelOverlap=False)
    down = alt.Axis(labelLimit=220, grid=False, labelOverlap=False)
    colours = alt.Scale(domain=[-1, 0, 1], range=[NEGATIVE, "#F4F5F7", ACCENT], interpolate="rgb")
    legend = alt.Legend(title="rank correlation", gradientLength=160, format="+.1f")
    base = alt.Chart(data).encode(
        x=alt.X("other:N", sort=order, title=None, axis=across),
        y=alt.Y("one:N", sort=order, title=None, axis=down),
        color=alt.Color("spearman:Q", scale=colours, legend=legend),
        tooltip=[
            *Hover.texts(one="feature", other="other feature"),
            *Hover.numbers(".2f", spearman="rank correlation"),
        ],
    )
    description = f"Rank correlations between features. {finding(data)}"
    return finished(base.mark_rect(), description, height=20 * max(len(order), 4) + 120)
