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


def frame(importance: pl.DataFrame, measure: Measure, max_features: int = 12) -> pl.DataFrame:
    """Return the most important features on average over the learners; one row per (learner, feature).

    Features are ranked by the mean of their shares of each learner's total, because learners differ in scale.

    Args:
        importance: the importance table of a run, see `core.importance.importance_table`.
        measure: column to rank by.

    Returns:
        learner, label: code and display name of the learner.
        feature, name, meaning, unit: name in code, display name, description and unit of the feature.
        value: value of the measure.
        place: rank of the feature, from 1.
    """
    learners = importance.filter(pl.col("learner") != STACK)
    learners = learners.rename({"label": "name"}) if "label" in learners.columns else _with_names(learners)
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
        .with_columns(pl.col("learner").replace_strict(LEARNER_LABELS).alias("label"))
        .select("learner", "label", "feature", "name", "meaning", "unit", pl.col(measure).alias("value"), "place")
        .sort("learner", "place")
    )


def _with_names(importance: pl.DataFrame) -> pl.DataFrame:
    """Add the display names to a table that an older version stored."""
    names = display_names()
    return importance.with_columns(pl.col("feature").replace(names).alias("name"))


def finding(data: pl.DataFrame, measure: Measure) -> str:
    """Name the top feature, and state how many learners agree on it."""
    if data.is_empty():
        return "The run has no importance table."
    top = data.filter(pl.col("place") == 1)
    feature, name = top.item(0, "feature"), top.item(0, "name")
    by_learner = data.sort("value", descending=True).group_by("learner", maintain_order=True).first()
    n_agree = by_learner.filter(pl.col("feature") == feature).height
    values = top.get_column("value").to_list()
    low, high = min(values), max(values)
    effects = money(high) if value_text(low) == value_text(high) else f"{value_text(low)} to {money(high)}"
    size = (
        f"it moves a prediction by {effects} on average"
        if measure == "mean_abs_shap"
        else f"it has {span(percent(low), percent(high))} of the gain"
    )
    if by_learner.height == 1:
        return f"{name} is the top feature; {size}."
    of_all = "all" if n_agree == by_learner.height else f"{n_agree} of"
    return f"{name} is the top feature of {of_all} {by_learner.height} learners; {size}."


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
    height = 60 + _PIXELS_PER_FEATURE * max(len(order), 1)
    return finished(base.mark_bar(), f"Feature importance by learner. {finding(data, measure)}", height)
