"""How large the stack's errors are from day to day."""

from __future__ import annotations

from typing import Any

import altair as alt
import numpy as np
import polars as pl

from core.base.amounts import money, value_text, value_unit
from core.eda.parts.sentences import NO_PREDICTIONS
from core.eda.parts.theme import ACCENT, Figure, Hover, finished, short_axis
from core.eda.run_charts.residuals import with_errors
from core.schema import SECONDS_PER_DAY, START, UNIT

TITLE = "Are some days harder to predict?"
_SCHEMA: dict[str, Any] = {"day": pl.Datetime("ms"), "sessions": pl.Int64, "bias": pl.Float64, "rms": pl.Float64}


def frame(oof: pl.DataFrame, starts: pl.DataFrame) -> pl.DataFrame:
    """Summarize the errors by the day on which sessions begin; one row per day with a prediction.

    Args:
        oof: out-of-fold predictions, with the columns unit, value and stack.
        starts: start of each unit, with the columns unit and start (epoch seconds).

    Returns:
        day: start of the day (UTC).
        sessions: number of sessions with a prediction.
        bias: average of actual minus predicted value.
        rms: root mean squared error.
    """
    rows = with_errors(oof.join(starts, on=UNIT))
    if rows.is_empty():
        return pl.DataFrame(schema=_SCHEMA)
    day = (pl.col(START) // SECONDS_PER_DAY * SECONDS_PER_DAY * 1000).cast(pl.Datetime("ms")).alias("day")
    return (
        rows.group_by(day)
        .agg(
            pl.len().cast(pl.Int64).alias("sessions"),
            pl.col("error").mean().alias("bias"),
            (pl.col("error") ** 2).mean().sqrt().alias("rms"),
        )
        .sort("day")
    )


def finding(data: pl.DataFrame) -> str:
    """Compare the day with the largest error with the median day."""
    if data.is_empty():
        return NO_PREDICTIONS
    if data.height == 1:
        return f"All sessions are from one day; their root mean squared error is {money(data.item(0, 'rms'))}."
    worst = data.sort("rms", descending=True).row(0, named=True)
    median = float(np.median(data.get_column("rms").to_numpy()))
    if value_text(median) == value_text(worst["rms"]):
        return f"The root mean squared error is {money(median)} on the median day, and no day has a larger one."
    return (
        f"The root mean squared error is {money(median)} on the median day and {value_text(worst['rms'])} on "
        f"the worst, {worst['day']:%d %b %Y}."
    )


def figure(data: pl.DataFrame) -> Figure:
    """Draw the root mean squared error of each day."""
    base = alt.Chart(data).encode(
        x=alt.X("day:T", title=None, axis=alt.Axis(format="%d %b", tickCount=8)),
        y=alt.Y("rms:Q", title=f"root mean squared error ({value_unit()})", axis=short_axis(5)),
        tooltip=[
            alt.Tooltip("day:T", format="%d %b %Y"),
            *Hover.counts("sessions"),
            *Hover.amounts(rms="root mean squared error", bias="actual minus predicted"),
        ],
    )
    chart = base.mark_line(color=ACCENT, strokeWidth=2.5, point={"size": 30, "filled": True, "color": ACCENT})
    return finished(chart, f"Error by day. {finding(data)}")
