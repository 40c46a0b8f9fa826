"""How well the learners and the stack predict, beside guessing the mean."""

from __future__ import annotations

from typing import Any

import altair as alt
import polars as pl

from core.base.text import number, percent
from core.eda.parts.theme import LEARNER_COLOURS, MUTED, finished
from core.schema import LEARNER_LABELS, STACK, STACK_LABEL, VALUE_UNIT

TITLE = "How well do the learners predict?"
_BASELINE = "Guessing a constant"
_LINEAR = "A straight line"
_PRICES = "Recovered prices alone"
_BESIDE = ("baseline", "linear", "prices")


def frame(
    learners: dict[str, float],
    stack: float,
    baseline: float,
    *,
    prices: float | None = None,
    linear: float | None = None,
) -> pl.DataFrame:
    """One row a predictor, in the order to be drawn: name, label, score (in the run's metric, lower is better), skill
    (share of the baseline's score that it avoids; 0 for the baseline), told (score in words).
    """
    rows = [("baseline", _BASELINE, baseline)]
    if linear is not None:
        rows.append(("linear", _LINEAR, linear))
    if prices is not None:
        rows.append(("prices", _PRICES, prices))
    rows += [(name, LEARNER_LABELS[name], score) for name, score in learners.items()]
    rows.append((STACK, STACK_LABEL, stack))
    data = pl.DataFrame(rows, schema={"name": pl.String, "label": pl.String, "score": pl.Float64}, orient="row")
    skill = 1 - pl.col("score") / baseline if baseline else pl.lit(0.0)
    told = pl.col("score").map_elements(number, return_dtype=pl.String)
    return data.with_columns(skill.alias("skill"), told.alias("told"))


def finding(data: pl.DataFrame, metric: str = "MSE") -> str:
    """How the stack stands to its best learner, in a sentence."""
    learners = data.filter(~pl.col("name").is_in([*_BESIDE, STACK])).sort("score")
    best, stack = learners.row(0, named=True), data.filter(pl.col("name") == STACK).row(0, named=True)
    than = "less" if stack["skill"] >= 0 else "more"
    return (
        f"The stack's {metric} is {number(stack['score'])}, "
        f"{percent(abs(stack['skill']))} {than} than guessing a constant; "
        f"that of the best single learner, {best['label']}, is {number(best['score'])}."
    )


def figure(data: pl.DataFrame, metric: str = "MSE", unit: str = f"squared {VALUE_UNIT}") -> Any:  # noqa: ANN401 (Altair's charts share no type)
    """Draw one bar a predictor, shorter is better; the label carries the score."""
    order = data.get_column("label").to_list()
    colours = [LEARNER_COLOURS.get(name, MUTED) for name in data.get_column("name")]
    base = alt.Chart(data).encode(
        x=alt.X("score:Q", title=f"out-of-fold {metric} ({unit})", axis=alt.Axis(tickCount=5)),
        y=alt.Y("label:N", title=None, sort=order, axis=alt.Axis(labelLimit=160)),
        tooltip=[
            alt.Tooltip("label:N", title="predictor"),
            alt.Tooltip("score:Q", title=metric, format=",.4~r"),
            alt.Tooltip("skill:Q", title="better than a constant by", format=".1%"),
        ],
    )
    bars = base.mark_bar(height=18).encode(
        color=alt.Color("label:N", scale=alt.Scale(domain=order, range=colours), legend=None)
    )
    labels = base.mark_text(align="left", dx=5, fontSize=12, color=MUTED).encode(text="told:N")
    return finished(bars + labels, f"{metric} by learner. {finding(data, metric)}", height=30 * len(order) + 40)
