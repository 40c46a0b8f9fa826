"""Events by weekday and hour."""

from __future__ import annotations

import polars as pl

from core.base.text import number, percent
from core.dataset import Dataset
from core.eda.parts.day_bins import BUY_SHARE, EVENTS_AND_BUYS
from core.eda.parts.sentences import NO_EVENTS
from core.eda.parts.theme import ACCENT, Figure, Hover
from core.eda.parts.week_hours import HOURS_PER_WEEK, SECONDS_PER_HOUR, heat_map, hour_of_week, weekday_and_hour
from core.schema import ROLES, TIME, TYPE

TITLE = "Which hours of the week are busy?"
_WEEKEND = ("Saturday", "Sunday")


def frame(dataset: Dataset) -> pl.DataFrame:
    """Count the events of both files by hour of the week; one row per hour, all 168 present.

    Returns:
        weekday: name of the day, in UTC.
        hour: hour of the day, 0 to 23.
        times: number of times that the hour occurs between the first and the last event.
        events: number of events.
        mean: events per occurrence; null for an hour that does not occur.
        buy_share: share of the events that are purchases; null for an hour without events.
    """
    hour = pl.col("hour_number")
    counts = (
        pl.concat([dataset.events(role).select(TIME, TYPE) for role in ROLES])
        .group_by((pl.col(TIME) // SECONDS_PER_HOUR).cast(pl.Int64).alias("hour_number"))
        .agg(EVENTS_AND_BUYS)
        .collect()
    )
    first, last = counts.select(hour.min(), hour.max().alias("last")).row(0)
    hours = range(first, last + 1) if counts.height else range(0)
    by_hour_of_week = (
        pl.DataFrame({"hour_number": hours}, schema={"hour_number": pl.Int64})
        .join(counts, on="hour_number", how="left")
        .group_by(hour_of_week(hour))
        .agg(pl.len().cast(pl.Int64).alias("times"), pl.col("events", "buys").sum())
    )
    mean = pl.when(pl.col("times") > 0).then(pl.col("events") / pl.col("times")).alias("mean")
    return (
        pl.DataFrame({"hour_of_week": range(HOURS_PER_WEEK)}, schema={"hour_of_week": pl.Int64})
        .join(by_hour_of_week, on="hour_of_week", how="left")
        .sort("hour_of_week")
        .with_columns(pl.col("times", "events", "buys").fill_null(0))
        .select(*weekday_and_hour(), "times", "events", mean, BUY_SHARE)
    )


def finding(data: pl.DataFrame) -> str:
    """Name the busiest hour and the share of events on weekends."""
    if not data.get_column("events").sum():
        return NO_EVENTS
    busiest = data.sort("mean", descending=True, nulls_last=True).row(0, named=True)
    weekend = data.filter(pl.col("weekday").is_in(_WEEKEND))
    event_share, time_share = (
        float(weekend.get_column(name).sum()) / float(data.get_column(name).sum()) for name in ("events", "times")
    )
    return (
        f"The busiest hour of the week is {busiest['weekday']} {busiest['hour']:02d}:00 UTC, with "
        f"{number(busiest['mean'])} events on average; weekends have {percent(event_share)} of the events in "
        f"{percent(time_share)} of the time."
    )


def figure(data: pl.DataFrame) -> Figure:
    """Draw a heat map, darker where an hour has more events on average."""
    tooltip = [
        *Hover.amounts(mean="average events"),
        *Hover.counts(events="total events", times="occurrences"),
        *Hover.shares(buy_share="purchases"),
    ]
    description = f"Events by weekday and hour. {finding(data)}"
    return heat_map(data, "mean", tooltip, description, colour=ACCENT, title="events on average")
