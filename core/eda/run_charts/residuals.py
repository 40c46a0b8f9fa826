"""Where the stack errs: by tenth of the prediction, and from day to day."""

from __future__ import annotations

from statistics import NormalDist
from typing import Any

import altair as alt
import numpy as np
import polars as pl

from core.base.text import number, percent
from core.eda.parts.theme import ACCENT, MUTED, finished
from core.schema import STACK, VALUE, VALUE_UNIT

TITLE = "Where does it err?"
DAYS_TITLE = "Does it err more from day to day?"
_SECONDS_A_DAY = 86_400
_CHANCE = 0.05
"""That any tenth looks off where only chance is at work. Ten intervals of 95 % each would show one in 40 % of runs."""
_SCHEMA = {
    "tenth": pl.Int64,
    "sessions": pl.Int64,
    "predicted": pl.Float64,
    "true": pl.Float64,
    "bias": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "error_share": pl.Float64,
}
_DAY_SCHEMA: dict[str, Any] = {"day": pl.Datetime("ms"), "sessions": pl.Int64, "bias": pl.Float64, "rms": pl.Float64}


def frame(oof: pl.DataFrame) -> pl.DataFrame:
    """One row a tenth of the predictions, the lowest first: tenth (1 to 10), sessions, predicted and true (means), bias
    (mean of true minus predicted), low and high (its interval, by sessions: with 95 % those of all tenths hold at once;
    null for a tenth of one session), error_share (its part of all squared errors). All in value units; rows without a
    prediction are left out.
    """
    told = _told(oof)
    if told.is_empty():
        return pl.DataFrame(schema=_SCHEMA)
    rank = pl.col(STACK).rank("ordinal")
    squares = (pl.col("error") ** 2).sum()
    tenths = (
        told.with_columns(((rank - 1) * 10 // told.height + 1).cast(pl.Int64).alias("tenth"))
        .group_by("tenth")
        .agg(
            pl.len().cast(pl.Int64).alias("sessions"),
            pl.col(STACK).mean().alias("predicted"),
            pl.col(VALUE).mean().alias("true"),
            pl.col("error").mean().alias("bias"),
            (pl.col("error").std() / pl.len().sqrt()).alias("wobble"),
            squares.alias("squares"),
        )
        .sort("tenth")
    )
    reach = _standard_errors(tenths.get_column("wobble").count()) * pl.col("wobble")
    return tenths.with_columns(
        (pl.col("bias") - reach).alias("low"),
        (pl.col("bias") + reach).alias("high"),
        (pl.col("squares") / pl.col("squares").sum()).fill_nan(0.0).alias("error_share"),
    ).select(*_SCHEMA)


def _standard_errors(intervals: int) -> float:
    """How far so many intervals reach to each side, so that with 95 % all of them hold at once (Bonferroni 1936).

    >>> round(_standard_errors(1), 2), round(_standard_errors(10), 2)
    (1.96, 2.81)
    """
    return NormalDist().inv_cdf(1 - _CHANCE / (2 * max(intervals, 1)))


def day_frame(oof: pl.DataFrame, starts: pl.DataFrame) -> pl.DataFrame:
    """One row a day (UTC) of train: day, sessions, bias (mean of true minus predicted), rms (root mean squared error),
    in value units. `starts` has unit and start (epoch seconds).
    """
    told = _told(oof.join(starts, on="unit"))
    if told.is_empty():
        return pl.DataFrame(schema=_DAY_SCHEMA)
    day = (pl.col("start") // _SECONDS_A_DAY * _SECONDS_A_DAY * 1000).cast(pl.Datetime("ms")).alias("day")
    return (
        told.group_by(day)
        .agg(
            pl.len().cast(pl.Int64).alias("sessions"),
            pl.col("error").mean().alias("bias"),
            (pl.col("error") ** 2).mean().sqrt().alias("rms"),
        )
        .sort("day")
    )


def finding(data: pl.DataFrame) -> str:
    """Which sessions make up the squared error, in a sentence."""
    if data.is_empty():
        return "No session has an out-of-fold prediction."
    top = data.row(-1, named=True)
    told = data.drop_nulls("low")
    off = told.filter((pl.col("low") > 0) | (pl.col("high") < 0)).height
    if told.is_empty():
        right = "no tenth has two sessions, which it takes to tell an error from chance"
    elif off:
        right = f"in {off} of {told.height} tenths the mean is off by more than chance"
    else:
        right = "in every tenth the mean is hit within chance"
    return f"The tenth with the highest predictions has {percent(top['error_share'])} of all squared error; {right}."


def day_finding(data: pl.DataFrame) -> str:
    """The worst day, in a sentence."""
    if data.is_empty():
        return "No session has an out-of-fold prediction."
    worst = data.sort("rms", descending=True).row(0, named=True)
    middle = float(np.median(data.get_column("rms").to_numpy()))
    return (
        f"The typical day errs by {number(middle)} value units (root mean square); the worst, "
        f"{worst['day']:%d %b %Y}, by {number(worst['rms'])}."
    )


def figure(data: pl.DataFrame) -> Any:  # noqa: ANN401 (Altair's charts share no type)
    """Draw the bias of each tenth with its interval; 0 is right."""
    base = alt.Chart(data).encode(
        x=alt.X("tenth:O", title="tenth of the prediction, lowest to highest", axis=alt.Axis(labelAngle=0)),
        tooltip=[
            alt.Tooltip("tenth:O"),
            alt.Tooltip("sessions:Q", format=","),
            alt.Tooltip("predicted:Q", title="mean predicted", format=",.3~r"),
            alt.Tooltip("true:Q", title="mean true", format=",.3~r"),
            alt.Tooltip("error_share:Q", title="of all squared error", format=".1%"),
        ],
    )
    several = base.transform_filter("isValid(datum.low)")
    bars = several.mark_rule(strokeWidth=2, color=ACCENT).encode(
        y=alt.Y("low:Q", title=f"true minus predicted ({VALUE_UNIT})", axis=alt.Axis(tickCount=5)), y2="high:Q"
    )
    points = base.mark_point(size=70, filled=True, color=ACCENT, opacity=1).encode(y="bias:Q")
    zero = alt.Chart(pl.DataFrame({"at": [0.0]})).mark_rule(color=MUTED, strokeDash=[4, 4], aria=False).encode(y="at:Q")
    told = "Mean error by tenth of the prediction; with 95% the intervals of all tenths hold at once."
    return finished(zero + bars + points, f"{told} {finding(data)}")


def day_figure(data: pl.DataFrame) -> Any:  # noqa: ANN401 (Altair's charts share no type)
    """Draw the root mean squared error of each day."""
    chart = (
        alt.Chart(data)
        .mark_line(color=ACCENT, strokeWidth=2.5, point={"size": 30, "filled": True, "color": ACCENT})
        .encode(
            x=alt.X("day:T", title=None, axis=alt.Axis(format="%d %b", tickCount=8)),
            y=alt.Y("rms:Q", title=f"root mean squared error ({VALUE_UNIT})", axis=alt.Axis(tickCount=5)),
            tooltip=[
                alt.Tooltip("day:T", format="%d %b %Y"),
                alt.Tooltip("sessions:Q", format=","),
                alt.Tooltip("rms:Q", title="root mean squared error", format=",.3~r"),
                alt.Tooltip("bias:Q", title="true minus predicted", format=",.3~r"),
            ],
        )
    )
    return finished(chart, f"Error by day. {day_finding(data)}")


def _told(oof: pl.DataFrame) -> pl.DataFrame:
    """Rows with a prediction, and their error."""
    known = oof.with_columns(pl.col(STACK).fill_nan(None)).drop_nulls([STACK, VALUE])
    return known.with_columns((pl.col(VALUE) - pl.col(STACK)).alias("error"))
