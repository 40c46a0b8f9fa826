"""The score of each learner in each fold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import altair as alt
import polars as pl

from core.base.amounts import unit_text
from core.base.text import number
from core.eda.parts.theme import PREDICTOR_LABELS, Figure, Hover, finished, learner_scale, short_axis

TITLE = "How much do the folds differ?"
_SCHEMA = {"learner": pl.String, "label": pl.String, "fold": pl.Int64, "mse": pl.Float64, "mse_text": pl.String}


def frame(by_learner: Mapping[str, Sequence[float]]) -> pl.DataFrame:
    """Return the mean squared error of each learner in each fold; one row per (learner, fold).

    Args:
        by_learner: mean squared errors by learner, in the order of the folds. While a run is in progress, learners may
            have different numbers of folds.

    Returns:
        learner, label: code and display name of the learner.
        fold: number of the fold, from 1.
        mse, mse_text: mean squared error as a number and as text.
    """
    rows = [
        (name, PREDICTOR_LABELS[name], fold, float(mse), number(mse))
        for name, scores in by_learner.items()
        for fold, mse in enumerate(scores, start=1)
    ]
    return pl.DataFrame(rows, schema=_SCHEMA, orient="row")


def finding(data: pl.DataFrame) -> str:
    """Name the folds with the largest and the smallest error, on average over the learners."""
    if data.is_empty():
        return "No fold is fitted yet."
    means = data.group_by("fold").agg(pl.col("mse").mean()).sort("mse", "fold")
    if means.height < 2:
        return "One fold is fitted so far."
    easiest, hardest = means.row(0, named=True), means.row(-1, named=True)
    if number(easiest["mse"]) == number(hardest["mse"]):
        return f"The mean squared error, averaged over the learners, is {number(hardest['mse'])} in every fold."
    return (
        f"The mean squared error, averaged over the learners, is largest in fold {hardest['fold']} "
        f"({number(hardest['mse'])}) and smallest in fold {easiest['fold']} ({number(easiest['mse'])})."
    )


def figure(data: pl.DataFrame) -> Figure:
    """Draw one point per learner and fold, those of a fold next to each other; folds have no order, so no line."""
    title, scale = unit_text("mean squared error (squared value units)"), alt.Scale(zero=False, nice=True)
    base = alt.Chart(data).encode(
        x=alt.X("fold:O", title="fold", axis=alt.Axis(labelAngle=0)),
        xOffset=alt.XOffset("label:N", sort=data.get_column("label").unique(maintain_order=True).to_list()),
        y=alt.Y("mse:Q", title=title, scale=scale, axis=short_axis(5)),
        color=alt.Color("label:N", scale=learner_scale(data.get_column("learner"))),
        tooltip=Hover.texts(label="learner", fold="fold", mse_text="MSE"),
    )
    return finished(
        base.mark_point(size=90, filled=True, opacity=1), f"Mean squared error by fold and learner. {finding(data)}"
    )
