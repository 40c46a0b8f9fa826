"""Which features each learner used, side by side."""

from __future__ import annotations

from typing import Any, Literal

import altair as alt
import polars as pl

from core.base.text import number, percent
from core.eda.parts.theme import LEARNER_COLOURS, finished
from core.schema import LEARNER_LABELS, STACK, VALUE_UNIT

TITLE = "What drives the value of a session?"
Measure = Literal["mean_abs_shap", "gain_share"]
MEASURES: dict[Measure, str] = {"mean_abs_shap": "Effect on predictions", "gain_share": "Use while learning"}
EXPLAINED: dict[Measure, str] = {
    "mean_abs_shap": f"By how many {VALUE_UNIT} a feature moves a prediction up or down, on average over sessions that "
    "the model did not train on (mean absolute SHAP value); recovered prices with what they add up to before any tree.",
    "gain_share": "The feature's part of the error that the learner's trees removed while learning (gain). Trees start "
    "from recovered prices; what these tell by themselves is not in it.",
}

_BAND = 38  # pixels a feature: three bars that can be told apart and a gap


def frame(importance: pl.DataFrame, measure: Measure, most: int = 12) -> pl.DataFrame:
    """The `most` features that matter most on average over the learners; one row a learner and feature.

    Columns: learner, label, feature, meaning, unit, value (of the measure), place (1 is first). `importance` is the
    run's importance table.
    """
    learners = importance.filter(pl.col("learner") != STACK)
    # Learners differ in scale: ranking by the mean of their shares lets each have the same say.
    shares = learners.with_columns((pl.col(measure) / pl.col(measure).sum().over("learner")).fill_nan(0).alias("part"))
    ranking = (
        shares.group_by("feature")
        .agg(pl.col("part").mean())
        .sort(["part", "feature"], descending=[True, False])
        .head(most)
        .with_row_index("place", offset=1)
        .select("feature", pl.col("place").cast(pl.Int64))
    )
    return (
        learners.join(ranking, on="feature", how="inner")
        .with_columns(pl.col("learner").replace_strict(LEARNER_LABELS).alias("label"))
        .select("learner", "label", "feature", "meaning", "unit", pl.col(measure).alias("value"), "place")
        .sort("learner", "place")
    )


def finding(data: pl.DataFrame, measure: Measure) -> str:
    """What comes first and whether the learners agree on it, in a sentence."""
    if data.is_empty():
        return "The run has no importance table."
    first = data.filter(pl.col("place") == 1)
    top = first.row(0, named=True)
    firsts = data.sort("value", descending=True).group_by("learner", maintain_order=True).first()
    agree = firsts.filter(pl.col("feature") == top["feature"]).height
    values = first.get_column("value").to_list()
    low, high = min(values), max(values)
    how_much = (
        f"it moves a prediction by {number(low)} to {number(high)} {VALUE_UNIT}"
        if measure == "mean_abs_shap"
        else f"it holds {percent(low)} to {percent(high)} of the gain"
    )
    return f"{top['feature']} comes first for {agree} of {firsts.height} learners: {how_much}."


def figure(data: pl.DataFrame, measure: Measure) -> Any:  # noqa: ANN401 (Altair's charts share no type)
    """Draw the learners' bars side by side under each feature, on one scale."""
    order = data.sort("place").get_column("feature").unique(maintain_order=True).to_list()
    labels = list(LEARNER_LABELS.values())
    colours = [LEARNER_COLOURS[name] for name in LEARNER_LABELS]
    title = f"mean |SHAP| ({VALUE_UNIT})" if measure == "mean_abs_shap" else "share of gain"
    exact = ".1%" if measure == "gain_share" else ".3~r"
    chart = (
        alt.Chart(data)
        .mark_bar()
        .encode(
            x=alt.X(
                "value:Q", title=title, axis=alt.Axis(format="%" if measure == "gain_share" else "~r", tickCount=6)
            ),
            y=alt.Y("feature:N", sort=order, title=None, axis=alt.Axis(labelLimit=190)),
            yOffset=alt.YOffset("label:N", sort=labels),
            color=alt.Color("label:N", scale=alt.Scale(domain=labels, range=colours), sort=labels),
            tooltip=[
                "feature:N",
                "meaning:N",
                alt.Tooltip("label:N", title="learner"),
                alt.Tooltip("value:Q", title=title, format=exact),
            ],
        )
    )
    return finished(chart, f"Feature importance by learner. {finding(data, measure)}", 60 + _BAND * max(len(order), 1))
