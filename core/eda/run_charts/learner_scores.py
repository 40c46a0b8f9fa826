"""The scores of the learners and the stack, next to those of simple baselines."""

from __future__ import annotations

import altair as alt
import polars as pl

from core.base.text import number, percent
from core.eda.parts.theme import LEARNER_COLOURS, MUTED, PREDICTOR_LABELS, Figure, finished
from core.schema import STACK, VALUE_UNIT

TITLE = "How well do the learners predict?"
_BASELINES = {
    "baseline": "Guessing a constant",
    "linear": "A straight line",
    "prices": "Recovered prices alone",
}
_LABELS = _BASELINES | PREDICTOR_LABELS


def frame(
    learners: dict[str, float],
    stack: float,
    baseline: float,
    *,
    prices: float | None = None,
    linear: float | None = None,
) -> pl.DataFrame:
    """Return the out-of-fold scores in the order in which they are drawn; one row per predictor.

    Args:
        learners: Score by learner, in the run's metric; lower is better.
        stack: Score of the meta-model.
        baseline: Score of the best constant.
        prices: Score of recovered prices alone; None if there are none.
        linear: Score of a linear model; None if there is none.

    Returns:
        name, label: Code and display name of the predictor.
        score, score_text: Score as a number and as text.
        skill: Share of the baseline's score that the predictor avoids; 0 for the baseline.
    """
    scores = {"baseline": baseline, "linear": linear, "prices": prices, **learners, STACK: stack}
    rows = [(name, _LABELS[name], score) for name, score in scores.items() if score is not None]
    data = pl.DataFrame(rows, schema={"name": pl.String, "label": pl.String, "score": pl.Float64}, orient="row")
    skill = 1 - pl.col("score") / baseline if baseline else pl.lit(0.0)
    score_text = pl.col("score").map_elements(number, return_dtype=pl.String)
    return data.with_columns(skill.alias("skill"), score_text.alias("score_text"))


def finding(data: pl.DataFrame, metric: str = "MSE") -> str:
    """Compare the stack with a constant and with its best learner."""
    learners = data.filter(~pl.col("name").is_in([*_BASELINES, STACK])).sort("score")
    best, stack = learners.row(0, named=True), data.filter(pl.col("name") == STACK).row(0, named=True)
    side = "lower" if stack["skill"] >= 0 else "higher"
    return (
        f"The stack has an {metric} of {number(stack['score'])}, {percent(abs(stack['skill']))} {side} than guessing a "
        f"constant; the best single learner, {best['label']}, has {number(best['score'])}."
    )


def figure(data: pl.DataFrame, metric: str = "MSE", unit: str = f"squared {VALUE_UNIT}") -> Figure:
    """Draw one bar per predictor, labelled with its score; shorter is better."""
    order = data.get_column("label").to_list()
    colours = alt.Scale(domain=order, range=[LEARNER_COLOURS.get(name, MUTED) for name in data.get_column("name")])
    base = alt.Chart(data).encode(
        x=alt.X("score:Q", title=f"out-of-fold {metric} ({unit})", axis=alt.Axis(tickCount=5)),
        y=alt.Y("label:N", title=None, sort=order, axis=alt.Axis(labelLimit=160)),
        tooltip=[
            alt.Tooltip("label:N", title="predictor"),
            alt.Tooltip("score:Q", title=metric, format=",.4~r"),
            alt.Tooltip("skill:Q", title="better than a constant by", format=".1%"),
        ],
    )
    bars = base.mark_bar(height=18).encode(color=alt.Color("label:N", scale=colours, legend=None))
    labels = base.mark_text(align="left", dx=5, fontSize=12, color=MUTED).encode(text="score_text:N")
    return finished(bars + labels, f"{metric} by learner. {finding(data, metric)}", height=30 * len(order) + 40)
