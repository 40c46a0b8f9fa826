"""The 168 hours of a week, in UTC, and a heat map over them."""

from __future__ import annotations

import altair as alt
import polars as pl

from core.eda.parts.theme import Figure, finished, shade_legend

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


def heat_map(
    data: pl.DataFrame,
    field: str,
    tooltip: list[alt.Tooltip],
    description: str,
    *,
    colour: str,
    title: str,
    number_format: str = ",.3~r",
) -> Figure:
    """Draw one cell per row of `data` (weekday, hour), darker where `field` is higher.

    Args:
        field: column of numbers. An hour whose number is null has no cell.
        tooltip: lines of the hover text after the hour.
        title: what the numbers are, for the legend.
        number_format: format of d3 of the numbers in the legend.
    """
    legend = shade_legend(title, colour, number_format=number_format)
    hours = alt.Axis(labelAngle=0, values=list(range(0, 24, 3)))
    base = alt.Chart(data.filter(pl.col(field).is_not_null())).encode(
        x=alt.X("hour:O", title="hour of the day (UTC)", axis=hours, scale=alt.Scale(domain=list(range(24)))),
        y=alt.Y("weekday:O", title=None, scale=alt.Scale(domain=list(WEEKDAYS)), axis=alt.Axis(grid=False)),
        opacity=alt.Opacity(f"{field}:Q", scale=alt.Scale(range=[0.08, 1]), legend=legend),
        tooltip=["weekday:N", alt.Tooltip("hour:O", title="hour (UTC)"), *tooltip],
    )
    return finished(base.mark_rect(color=colour), description, height=270)
