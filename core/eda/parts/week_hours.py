"""The 168 hours of a week, in UTC, and a heat map over them."""

from __future__ import annotations

import altair as alt
import polars as pl

from core.eda.parts.theme import Figure, finished

SECONDS_PER_HOUR, HOURS_PER_WEEK = 3_600, 168
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_EPOCH_HOUR = 3 * 24
"""Hour of the week of 1970-01-01 00:00, a Thursday; weeks begin on Monday."""


def hour_of_week(hours: pl.Expr) -> pl.Expr:
    """Return an expression for the hour of the week, 0 to 167 from Monday 00:00, of whole hours since 1970."""
    return ((hours + _EPOCH_HOUR) % HOURS_PER_WEEK).cast(pl.Int64).alias("hour_of_week")


def weekday_and_hour() -> tuple[pl.Expr, pl.Expr]:
    """Return expressions for weekday (the name of the day) and hour (0 to 23), from the column hour_of_week."""
    weekday, hour = pl.col("hour_of_week") // 24, pl.col("hour_of_week") % 24
    names = dict(enumerate(WEEKDAYS))
    return weekday.replace_strict(names, return_dtype=pl.String).alias("weekday"), hour.alias("hour")


def heat_map(data: pl.DataFrame, field: str, tooltip: list[alt.Tooltip], colour: str, description: str) -> Figure:
    """Draw one cell per row of `data` (weekday, hour), darker where `field` is higher; `tooltip` follows the hour."""
    hours = alt.Axis(labelAngle=0, values=list(range(0, 24, 3)))
    base = alt.Chart(data).encode(
        x=alt.X("hour:O", title="hour of the day (UTC)", axis=hours),
        y=alt.Y("weekday:O", title=None, sort=list(WEEKDAYS), axis=alt.Axis(grid=False)),
        opacity=alt.Opacity(f"{field}:Q", scale=alt.Scale(range=[0.08, 1]), legend=None),
        tooltip=["weekday:N", alt.Tooltip("hour:O", title="hour (UTC)"), *tooltip],
    )
    return finished(base.mark_rect(color=colour), description, height=240)
