"""Where the stack is off on average: the mean error by decile of the prediction."""

from __future__ import annotations

from statistics import NormalDist

import altair as alt
import polars as pl

from core.base.amounts import value_unit
from core.base.text import count, percent, verb
from core.eda.parts.sentences import NO_PREDICTIONS
from core.eda.parts.theme import ACCENT, Figure, Hover, finished, short_axis, zero_line
from core.schema import STACK, VALUE

TITLE = "Where are predictions too high or too low?"
_FALSE_ALARM = 0.05
"""Probability that any interval excludes 0 although the stack has no bias. Ten separate 95% intervals have 40%."""
_NUMBERS = dict.fromkeys(("predicted", "true", "bias", "low", "high", "error_share"), pl.Float64)
_SCHEMA = {"decile": pl.Int64, "sessions": pl.Int64} | _NUMBERS


def with_errors(oof: pl.DataFrame) -> pl.DataFrame:
    """Return the rows that have a prediction and a value, with a column error (true minus predicted)."""
    predicted = oof.with_columns(pl.col(STACK).fill_nan(None)).drop_nulls([STACK, VALUE])
    return predicted.with_columns((pl.col(VALUE) - pl.col(STACK)).alias("error"))


def frame(oof: pl.DataFrame) -> pl.DataFrame:
    """Average the error by decile of the prediction; one row per decile, the lowest predictions first.

    Returns:
        decile: 1 to 10.
        sessions: number of sessions.
        predicted, true: average prediction and average value.
        bias: average of actual minus predicted value.
        low, high: simultaneous 95% confidence intervals of the bias of all deciles; null for a decile of one session.
        error_share: share of the sum of all squared errors.
    """
    rows = with_errors(oof)
    if rows.is_empty():
        return pl.DataFrame(schema=_SCHEMA)
    rank = pl.col(STACK).rank("ordinal")
    deciles = (
        rows.with_columns(((rank - 1) * 10 // rows.height + 1).cast(pl.Int64).alias("decile"))
        .group_by("decile")
        .agg(
            pl.len().cast(pl.Int64).alias("sessions"),
            pl.col(STACK).mean().alias("predicted"),
            pl.col(VALUE).mean().alias("true"),
            pl.col("error").mean().alias("bias"),
            (pl.col("error").std() / pl.len().sqrt()).alias("standard_error"),
            (pl.col("error") ** 2).sum().alias("squares"),
        )
        .sort("decile")
    )
    margin = _simultaneous_margin(deciles.get_column("standard_error").count()) * pl.col("standard_error")
    return deciles.with_columns(
        (pl.col("bias") - margin).alias("low"),
        (pl.col("bias") + margin).alias("high"),
        (pl.col("squares") / pl.col("squares").sum()).fill_nan(0.0).alias("error_share"),
    ).select(*_SCHEMA)


def _simultaneous_margin(n_intervals: int) -> float:
    """Return the half-width of simultaneous 95% confidence intervals, in standard errors (Bonferroni 1936).

    >>> round(_simultaneous_margin(1), 2), round(_simultaneous_margin(10), 2)
    (1.96, 2.81)
    """
    return NormalDist().inv_cdf(1 - _FALSE_ALARM / (2 * max(n_intervals, 1)))


def off_deciles(data: pl.DataFrame) -> int:
    """Return the number of deciles whose interval excludes 0, so that chance does not explain their average error."""
    return data.filter((pl.col("low") > 0) | (pl.col("high") < 0)).height


def finding(data: pl.DataFrame) -> str:
    """State the share of squared error in the top decile, and how many deciles are off by more than chance."""
    if data.is_empty():
        return NO_PREDICTIONS
    n_deciles, n_off = data.drop_nulls("low").height, off_deciles(data)
    if not n_deciles:
        verdict = "no decile has two sessions, which are needed to distinguish an error from chance"
    elif n_off:
        verdict = f"{n_off} of {count(n_deciles, 'decile')} {verb(n_off, 'is', 'are')} clearly too high or too low"
    else:
        verdict = "no decile is clearly too high or too low"
    share = percent(data.item(-1, "error_share"))
    return f"The top 10% of the predictions have {share} of the squared error; {verdict}."


def figure(data: pl.DataFrame) -> Figure:
    """Draw the average error of each decile with its interval, and a line at 0."""
    base = alt.Chart(data).encode(
        x=alt.X("decile:O", title="decile of the prediction, lowest to highest", axis=alt.Axis(labelAngle=0)),
        tooltip=[
            *Hover.counts("decile", "sessions"),
            *Hover.amounts(predicted="average prediction", true="average actual value"),
            *Hover.shares(error_share="share of squared error"),
        ],
    )
    with_interval = base.transform_filter("isValid(datum.low)")
    intervals = with_interval.mark_rule(strokeWidth=2, color=ACCENT).encode(
        y=alt.Y("low:Q", title=f"actual minus predicted ({value_unit()})", axis=short_axis(5)), y2="high:Q"
    )
    points = base.mark_point(size=70, filled=True, color=ACCENT, opacity=1).encode(y="bias:Q")
    description = "Average error by decile of the prediction, with simultaneous 95% confidence intervals."
    return finished(zero_line("y") + intervals + points, f"{description} {finding(data)}")
