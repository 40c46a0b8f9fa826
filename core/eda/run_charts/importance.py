"""Which features each learner uses, side by side."""

from __future__ import annotations

from typing import Literal

import altair as alt
import polars as pl

from core.base.amounts import money, value_text, value_unit
from core.base.text import percent, span
from core.eda.parts.theme import Figure, Hover, finished, learner_scale, share_axis, short_axis
from core.features import display_names
from core.schema import LEARNER_LABELS, STACK

TITLE = "Which features does each learner use?"
Measure = Literal["mean_abs_shap", "gain_share"]
MEASURES: dict[Measure, str] = {"mean_abs_shap": "Effect on predictions", "gain_share": "Use in training"}
EXPLAINED: dict[Measure, str] = {
    "mean_abs_shap": "How far a feature moves a prediction up or down on average, in value units (mean "
    "absolute SHAP value), over sessions that the model was not trained on. The learners start from a first prediction "
    "that is computed from estimated prices. The effect of the prices includes this first prediction.",
    "gain_share": "The feature's share of the reduction in error by the learner in training (gain). The learners start "
    "from a first prediction that is computed from estimated prices. Its gain is not included.",
}
_PIXELS_PER_FEATURE = 38
"""Bars of readable height for all learners, and a gap."""
_AXIS_PIXELS = 60
"""The x axis with its title, and the legend."""


def frame(importance: pl.DataFrame, measure: Measure, max_features: int = 12) -> pl.DataFrame:
    """Return the most important features on average over the learners; one row per (learner, feature).

    Features are ranked by the mean of their shares of each learner's total, because learners differ in scale.

    Args:
        importance: the importance table of a run, see `core.importance.importance_table`.
        measure: column to rank by.
        max_features: number of features, or all if there are fewer.

    Returns:
        learner, label: code and display name of the learner.
        feature, name, meaning, unit: name in code, display name, description and unit of the feature. The name in code
            is appended to a display name that several features have.
        value: value of the measure.
        place: rank of the feature, from 1.
    """
    learners = _with_names(importance.filter(pl.col("learner") != STACK))
    share = (pl.col(measure) / pl.col(measure).sum().over("learner")).fill_nan(0).alias("share")
    ranking = (
        learners.with_columns(share)
        .group_by("feature")
        .agg(pl.col("share").mean())
        .sort(["share", "feature"], descending=[True, False])
        .head(max_features)
        .with_row_index("place", offset=1)
        .select("feature", pl.col("place").cast(pl.Int64))
    )
    return (
        learners.join(ranking, on="feature", how="inner")
        .with_columns(pl.col("learner").replace(LEARNER_LABELS).alias("label"))
        .select("learner", "label", "feature", "name", "meaning", "unit", pl.col(measure).alias("value"), "place")
        .sort("learner", "place")
    )


def _with_names(importance: pl.DataFrame) -> pl.DataFrame:
    """Add the display name of each feature as `name`. Features with the same one would be drawn on each other."""
    is_stored = "label" in importance.columns  # the first versions did not store display names
    name = pl.col("label") if is_stored else pl.col("feature").replace(display_names())
    is_shared = pl.col("feature").n_unique().over("name") > 1
    with_code = pl.format("{} ({})", "name", "feature")
    named = importance.with_columns(name.alias("name"))
    return named.with_columns(pl.when(is_shared).then(with_code).otherwise("name").alias("name"))


def finding(data: pl.DataFrame, measure: Measure) -> str:
    """Name the top feature, and state how many learners agree on it."""
    if data.is_empty():
        return "The run has no importance table."
    top = data.filter(pl.col("place") == 1)
    size = _size_in_words(top.get_column("value"), measure)
    return f"{top.item(0, 'name')} is {_agreement(data)}; {size}."


def _agreement(data: pl.DataFrame) -> str:
    """Say of how many learners the feature in the first place is the top feature. Of equal values, the first counts."""
    top_places = data.sort("learner", "value", "place", descending=[False, True, False]).group_by("learner").first()
    n_learners = top_places.height
    n_agree = top_places.filter(pl.col("place") == 1).height
    if n_learners == 1:
        return "the top feature"
    if not n_agree:
        return f"the top feature on average over {n_learners} learners, but of none of them"
    return f"the top feature of {'all' if n_agree == n_learners else f'{n_agree} of'} {n_learners} learners"


def _size_in_words(values: pl.Series, measure: Measure) -> str:
    """Return the lowest and the highest value of the learners for a feature, as a clause."""
    low, high = min(values), max(values)
    if measure == "gain_share":
        return f"it has {span(percent(low), percent(high))} of the gain"
    effects = money(high) if value_text(low) == value_text(high) else f"{value_text(low)} to {money(high)}"
    return f"it moves a prediction by {effects} on average"


def figure(data: pl.DataFrame, measure: Measure) -> Figure:
    """Draw the learners' bars side by side for each feature, on one scale."""
    order = data.sort("place").get_column("name").unique(maintain_order=True).to_list()
    labels = list(LEARNER_LABELS.values())
    is_share = measure == "gain_share"
    title = "share of gain" if is_share else f"mean |SHAP| ({value_unit()})"
    base = alt.Chart(data).encode(
        x=alt.X("value:Q", title=title, axis=share_axis() if is_share else short_axis(6)),
        y=alt.Y("name:N", sort=order, title=None, axis=alt.Axis(labelLimit=300)),
        yOffset=alt.YOffset("label:N", sort=labels),
        color=alt.Color("label:N", scale=learner_scale(LEARNER_LABELS), sort=labels),
        tooltip=[
            *Hover.texts("meaning", name="feature", label="learner"),
            *Hover.numbers(".1%" if is_share else ".3~r", value=title),
        ],
    )
    height = _AXIS_PIXELS + _PIXELS_PER_FEATURE * max(len(order), 1)
    return finished(base.mark_bar(), f"Feature importance by learner. {finding(data, measure)}", height)
