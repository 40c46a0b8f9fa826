"""How well the learners and the stack predict, beside guessing the mean."""

from __future__ import annotations

from typing import Any

import altair as alt
import polars as pl

from core.eda.theme import LEARNER_COLOURS, MUTED, finished
from core.schema import LEARNER_LABELS, STACK, STACK_LABEL, VALUE_UNIT
from core.wording import number, percent

TITLE = "How well do the learners predict?"
_BASELINE = "Guessing the mean"
_PRICES = "Recovered prices alone"
_BESIDE = ("baseline", "prices")


def frame(
    learners: dict[str, float], stack_mse: float, baseline_mse: float, prices_mse: float | None = None
) -> pl.DataFrame:
    """One row a predictor, in the order to be drawn: name, label, mse (squared value units), skill (share of the
    baseline's error that it avoids; 0 for the baseline), told (mse in words).
    """
    rows = [("baseline", _BASELINE, baseline_mse)]
    if prices_mse is not None:
        rows.append(("prices", _PRICES, prices_mse))
    rows += [(name, LEARNER_LABELS[name], mse) for name, mse in learners.items()]
    rows.append((STACK, STACK_LABEL, stack_mse))
    data = pl.DataFrame(rows, schema={"name": pl.String, "label": pl.String, "mse": pl.Float64}, orient="row")
    skill = 1 - pl.col("mse") / baseline_mse if baseline_mse else pl.lit(0.0)
    told = pl.col("mse").map_elements(number, return_dtype=pl.String)
    return data.with_columns(skill.alias("skill"), told.alias("told"))


def finding(data: pl.DataFrame) -> str:
    """How the stack stands to its best learner, in a sentence."""
    learners = data.filter(~pl.col("name").is_in([*_BESIDE, STACK])).sort("mse")
    best, stack = learners.row(0, named=True), data.filter(pl.col("name") == STACK).row(0, named=True)
    than = "less" if stack["skill"] >= 0 else "more"
    return (
        f"The stack errs by {number(stack['mse'])} in mean square, "
        f"{percent(abs(stack['skill']))} {than} than guessing the mean; "
        f"the best single learner, {best['label']}, by {number(best['mse'])}."
    )


def figure(data: pl.DataFrame) -> Any:  # noqa: ANN401 (Altair's charts share no type)
    """Draw one bar a predictor, shorter is better; the label carries the score."""
    order = data.get_column("label").to_list()
    colours = [LEARNER_COLOURS.get(name, MUTED) for name in data.get_column("name")]
    base = alt.Chart(data).encode(
        x=alt.X(
            "mse:Q",
            title=f"out-of-fold MSE (squared {VALUE_UNIT})",
            axis=alt.Axis(tickCount=5),
        ),
        y=alt.Y("label:N", title=None, sort=order, axis=alt.Axis(labelLimit=160)),
        tooltip=[
            alt.Tooltip("label:N", title="predictor"),
            alt.Tooltip("mse:Q", title="MSE", format=",.4~r"),
            alt.Tooltip("skill:Q", title="better than the mean by", format=".1%"),
        ],
    )
    bars = base.mark_bar(height=18).encode(
        color=alt.Color("label:N", scale=alt.Scale(domain=order, range=colours), legend=None)
    )
    labels = base.mark_text(align="left", dx=5, fontSize=12, color=MUTED).encode(text="told:N")
    return finished(bars + labels, f"Mean squared error by learner. {finding(data)}", height=190)
