"""The steps from the average prediction to the prediction of one session."""

from __future__ import annotations

import altair as alt
import polars as pl

from core.base.amounts import money, unit_text, value_text, value_unit
from core.eda.parts.labels import texts_of
from core.eda.parts.theme import ACCENT, MUTED, NEGATIVE, Figure, Hover, finished, short_axis
from core.eda.parts.wrapped_labels import WRAPPED_LABEL, wrapped

TITLE = "Why does this session have its value?"
_PIXELS_PER_STEP = 44
_COLOURS = {"higher": ACCENT, "lower": NEGATIVE, "total": MUTED}


def frame(steps: pl.DataFrame) -> pl.DataFrame:
    """Add how each step is drawn.

    Args:
        steps: see `core.importance.waterfall`.

    Returns:
        The same rows with `change`: "total", or whether the step makes the prediction "higher" or "lower".
    """
    sign = pl.when(pl.col("effect") >= 0).then(pl.lit("higher")).otherwise(pl.lit("lower"))
    return steps.with_columns(pl.when(pl.col("kind") == "total").then(pl.lit("total")).otherwise(sign).alias("change"))


def finding(data: pl.DataFrame) -> str:
    """Compare the prediction with the average, and name the largest step."""
    first, last = data.row(0, named=True), data.row(-1, named=True)
    steps = data.filter(pl.col("kind") == "step").sort(pl.col("effect").abs(), descending=True)
    sentence = (
        f"The predicted value is {money(last['end'])}, compared with {value_text(first['end'])} for an average session."
    )
    if steps.is_empty():
        return sentence
    top = steps.row(0, named=True)
    side = "higher" if top["effect"] >= 0 else "lower"
    return (
        f"{sentence} The strongest driver is “{top['label']}”, which makes it {value_text(abs(top['effect']))} {side}."
    )


def figure(data: pl.DataFrame) -> Figure:
    """Draw a bar from the start to the end of each step."""
    units = texts_of(data.get_column("unit"), unit_text)
    shown = data.with_columns(units, pl.Series("name", [wrapped(label) for label in data.get_column("label")]))
    order = shown.get_column("name").to_list()
    scale = alt.Scale(domain=list(_COLOURS), range=list(_COLOURS.values()))
    bars = (
        alt.Chart(shown)
        .mark_bar(height=18)
        .encode(
            x=alt.X("start:Q", title=f"value ({value_unit()})", axis=short_axis(6)),
            x2="end:Q",
            y=alt.Y(
                "name:N",
                sort=order,
                title=None,
                axis=alt.Axis(labelExpr=WRAPPED_LABEL, labelLimit=200, labelOverlap=False),
            ),
            color=alt.Color("change:N", scale=scale, legend=None),
            tooltip=[
                *Hover.texts(label="driver", unit="unit"),
                *Hover.amounts(
                    effect=f"effect ({value_unit()})", cell="value of the driver", end="value after the step"
                ),
            ],
        )
    )
    height = 50 + _PIXELS_PER_STEP * data.height
    return finished(bars, f"Steps from an average session to this one. {finding(data)}", height)
