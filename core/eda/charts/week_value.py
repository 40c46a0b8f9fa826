"""Average session value by the weekday and hour at which sessions begin."""

from __future__ import annotations

import polars as pl

from core.base.amounts import value_text, value_unit
from core.eda.parts.sentences import NO_VALUES
from core.eda.parts.theme import ACCENT, Figure, Hover
from core.eda.parts.week_hours import SECONDS_PER_HOUR, heat_map, hour_of_week, weekday_and_hour
from core.schema import START, VALUE

TITLE = "When do high-value sessions begin?"


def frame(sessions: pl.DataFrame) -> pl.DataFrame:
    """Average the value of train sessions by hour of the week; one row per hour in which any session begins.

    Returns:
        weekday, hour: name of the day and hour of the day (0 to 23) in UTC.
        sessions: number of sessions with a value.
        mean: average session value.
    """
    return (
        sessions.select(START, VALUE)
        .filter(pl.col(VALUE).is_not_null())
        .group_by(hour_of_week(pl.col(START) // SECONDS_PER_HOUR))
        .agg(pl.len().cast(pl.Int64).alias("sessions"), pl.col(VALUE).mean().alias("mean"))
        .sort("hour_of_week")
        .select(*weekday_and_hour(), "sessions", "mean")
    )


def finding(data: pl.DataFrame) -> str:
    """Name the weekdays with the highest and the lowest average value."""
    if data.is_empty():
        return NO_VALUES
    mean = (pl.col("mean") * pl.col("sessions")).sum() / pl.col("sessions").sum()
    by_day = data.group_by("weekday", maintain_order=True).agg(mean.alias("mean")).sort("mean", descending=True)
    (best_day, high), (worst_day, low) = by_day.row(0), by_day.row(-1)
    if by_day.height == 1:
        return f"All sessions begin on {best_day}; their average value is {value_text(high)}."
    if value_text(high) == value_text(low):
        return f"The average session value is {value_text(high)} on every weekday."
    return (
        f"The average session value is highest on {best_day} ({value_text(high)}) and lowest on {worst_day} "
        f"({value_text(low)})."
    )


def figure(data: pl.DataFrame) -> Figure:
    """Draw a heat map of average values.

    The hover text has the number of sessions, because averages of few sessions differ by chance.
    """
    tooltip = [*Hover.amounts(mean=f"average value ({value_unit()})"), *Hover.counts("sessions")]
    description = f"Average session value by weekday and hour. {finding(data)}"
    return heat_map(data, "mean", tooltip, description, colour=ACCENT, title="average value")
