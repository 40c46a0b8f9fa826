"""How well each learner does in each fold: how much of a difference between learners is the luck of the users."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import polars as pl

from core.base.text import number
from core.eda.parts.theme import LEARNER_COLOURS, finished
from core.schema import LEARNER_LABELS, STACK, STACK_LABEL, VALUE_UNIT

TITLE = "How much do the folds differ?"
_LABELS = LEARNER_LABELS | {STACK: STACK_LABEL}
_SCHEMA = {"learner": pl.String, "label": pl.String, "fold": pl.Int64, "mse": pl.Float64, "told": pl.String}


def frame(by_learner: Mapping[str, Sequence[float]]) -> pl.DataFrame:
    """One row a learner and fold: learner, label, fold (from 1), mse, told (mse in words); empty gives an empty frame.

    A learner may have fewer folds than others, while a run goes on.
    """
    rows = [
        (name, _LABELS[name], fold, float(mse), number(mse))
        for name, scores in by_learner.items()
        for fold, mse in enumerate(scores, start=1)
    ]
    return pl.DataFrame(rows, schema=_SCHEMA, orient="row")


def finding(data: pl.DataFrame) -> str:
    """How far the easiest and the hardest fold are apart, in a sentence."""
    if data.is_empty():
        return "No fold is fitted yet."
    means = data.group_by("fold").agg(pl.col("mse").mean()).sort("mse")
    if means.height < 2:
        return "One fold is fitted so far."
    easy, hard = means.row(0, named=True), means.row(-1, named=True)
    return (
        f"Fold {hard['fold']} is the hardest, with a mean squared error of {number(hard['mse'])} on average over the "
        f"learners; fold {easy['fold']} the easiest, with {number(easy['mse'])}."
    )


def figure(data: pl.DataFrame) -> Any:  # noqa: ANN401 (Altair's charts share no type)
    """Draw a line a learner over the folds."""
    names = list(dict.fromkeys(data.get_column("learner")))
    scale = alt.Scale(domain=[_LABELS[name] for name in names], range=[LEARNER_COLOURS[name] for name in names])
    chart = (
        alt.Chart(data)
        .mark_line(point={"size": 50, "filled": True}, strokeWidth=2)
        .encode(
            x=alt.X("fold:O", title="fold", axis=alt.Axis(labelAngle=0)),
            y=alt.Y(
                "mse:Q",
                title=f"mean squared error (squared {VALUE_UNIT})",
                scale=alt.Scale(zero=False, nice=True),
                axis=alt.Axis(tickCount=5),
            ),
            color=alt.Color("label:N", scale=scale),
            tooltip=[
                alt.Tooltip("label:N", title="learner"),
                alt.Tooltip("fold:O", title="fold"),
                alt.Tooltip("told:N", title="MSE"),
            ],
        )
    )
    return finished(chart, f"Mean squared error by fold and learner. {finding(data)}")
