"""The scores of the learners and the stack, next to those of simple baselines."""

from __future__ import annotations

from functools import partial

import altair as alt
import polars as pl

from core.base.amounts import unit_text
from core.base.text import difference
from core.eda.parts.labels import texts_of
from core.eda.parts.theme import LEARNER_COLOURS, MUTED, PREDICTOR_LABELS, Figure, Hover, finished, short_axis
from core.metric import score_in_words, score_text
from core.schema import STACK

TITLE = "How well do the learners predict?"
_BASELINES = {"baseline": "Baseline", "prices": "Estimated prices alone"}
_LABELS = _BASELINES | PREDICTOR_LABELS


def frame(
    learners: dict[str, float],
    stack: float,
    baseline: float,
    *,
    prices: float | None = None,
    metric: str = "mse",
) -> pl.DataFrame:
    """Return the out-of-fold scores in the order in which they are drawn; one row per predictor.

    Args:
        learners: score by learner, in the run's metric; lower is better.
        stack: score of the meta-model.
        baseline: score of predicting the best constant for every session.
        prices: score of recovered prices alone; None if no prices were recovered.
        metric: name of the metric.

    Returns:
        name, label: code and display name of the predictor.
        score, score_text: score as a number and as text.
        skill: share by which the score is lower than the baseline's; negative if higher, 0 if the baseline's is 0.
    """
    scores = {"baseline": baseline, "prices": prices, **learners, STACK: stack}
    rows = [(name, _LABELS[name], score) for name, score in scores.items() if score is not None]
    data = pl.DataFrame(rows, schema={"name": pl.String, "label": pl.String, "score": pl.Float64}, orient="row")
    skill = 1 - pl.col("score") / baseline if baseline else pl.lit(0.0)
    texts = texts_of(data.get_column("score"), partial(score_text, metric))
    return data.with_columns(skill.alias("skill"), texts.alias("score_text"))


def finding(data: pl.DataFrame, metric: str = "MSE") -> str:
    """Compare the stack with the baseline and with the best single learner."""
    learners = data.filter(~pl.col("name").is_in([*_BASELINES, STACK])).sort("score")
    best, stack = learners.row(0, named=True), data.filter(pl.col("name") == STACK).row(0, named=True)
    side = difference(1 - stack["skill"], 1.0, equal="")
    comparison = f"{side} than the baseline" if side else "the same as the baseline"
    score, best_score = (score_in_words(metric, row["score"]) for row in (stack, best))
    single = f"{best['label']} alone" if learners.height == 1 else f"the best single learner, {best['label']},"
    return (
        f"The stack has an {metric} of {score}, {comparison}, which predicts the same value for every session; "
        f"{single} has {'the same' if best_score == score else best_score}."
    )


def figure(data: pl.DataFrame, metric: str = "MSE", unit: str = "squared value units") -> Figure:
    """Draw one bar per predictor, labelled with its score; shorter is better."""
    order = data.get_column("label").to_list()
    colours = alt.Scale(domain=order, range=[LEARNER_COLOURS.get(name, MUTED) for name in data.get_column("name")])
    base = alt.Chart(data).encode(
        x=alt.X("score:Q", title=f"out-of-fold {metric} ({unit_text(unit)})", axis=short_axis(5)),
        y=alt.Y("label:N", title=None, sort=order, axis=alt.Axis(labelLimit=160)),
        tooltip=[
            *Hover.texts(label="predictor"),
            *Hover.numbers(",.4~r", score=metric),
            *Hover.shares(skill="better than the baseline by"),
        ],
    )
    bars = base.mark_bar(height=18).encode(color=alt.Color("label:N", scale=colours, legend=None))
    labels = base.mark_text(align="left", dx=5, fontSize=12).encode(text="score_text:N")
    return finished(bars + labels, f"{metric} by learner. {finding(data, metric)}", height=30 * len(order) + 40)
