"""Events day by day, with train and test on one time axis."""

from __future__ import annotations

import altair as alt
import polars as pl

from core.base.text import count, number
from core.dataset import Dataset
from core.eda.parts import picking
from core.eda.parts.day_bins import bin_start, day_number, first_and_last_day
from core.eda.parts.sentences import NO_EVENTS, join_clauses
from core.eda.parts.theme import Figure, file_scale, finished, short_axis
from core.schema import BUY, EVENT_CODE, ROLES, SECONDS_PER_DAY, TIME, TYPE, Role

TITLE = "How busy is the shop from day to day?"
PICK = picking.day_span("day")
_DAYS_PER_WEEK = 7
_MAX_DAYS = 400
"""A longer log is shown by week; a point per day would be finer than the screen."""


def frame(dataset: Dataset) -> pl.DataFrame:
    """Count events by file and day (UTC), or by week from Monday if the log has more than 400 days.

    Days without events are included between the first and the last day of their file.

    Returns:
        day: The day, or the first day of the week.
        events, buys: Number of events, and of purchases among them.
        days: Days per row, 1 or 7.
        first, last: First and last day with an event; the same in every row of a file.
    """
    by_day = pl.concat([_count_by_day(dataset, role) for role in ROLES])
    step = _DAYS_PER_WEEK if by_day.get_column("number").n_unique() > _MAX_DAYS else 1
    day = pl.from_epoch(bin_start(step) * SECONDS_PER_DAY, time_unit="s").dt.cast_time_unit("ms").alias("day")
    return (
        by_day.with_columns(pl.lit(step, dtype=pl.Int64).alias("days"), *first_and_last_day())
        .group_by("file", day, "days", "first", "last")
        .agg(pl.col("events", "buys").sum())
        .sort(pl.col("file").cast(pl.Enum(ROLES)), "day")
        .select("file", "day", "events", "buys", "days", "first", "last")
    )


def _count_by_day(dataset: Dataset, role: Role) -> pl.DataFrame:
    counts = (
        dataset.events(role)
        .group_by(day_number(pl.col(TIME)))
        .agg(pl.len().cast(pl.Int64).alias("events"), (pl.col(TYPE) == EVENT_CODE[BUY]).sum().alias("buys"))
        .collect()
    )
    if counts.height:
        first, last = counts.select(pl.col("number").min(), pl.col("number").max().alias("last")).row(0)
        days = pl.DataFrame({"number": range(first, last + 1)}, schema={"number": counts.schema["number"]})
        counts = days.join(counts, on="number", how="left").with_columns(pl.col("events", "buys").fill_null(0))
    return counts.select(pl.lit(role).alias("file"), "number", "events", pl.col("buys").cast(pl.Int64))


def finding(data: pl.DataFrame) -> str:
    """State the days that each file covers and its average number of events."""
    clauses = []
    for role in ROLES:
        of_file = data.filter(pl.col("file") == role)
        if of_file.is_empty():
            continue
        first, last, step = of_file.select("first", "last", "days").row(0)
        days = (last - first).days + 1
        # the first and the last week may be cut off, so the average is over days
        mean = float(of_file.get_column("events").sum()) / max(days / step, 1)
        clauses.append(
            f"{role} has {count(days, 'day')} from {first:%d %b %Y} to {last:%d %b %Y}, "
            f"{number(mean)} events per {_unit(data)} on average"
        )
    return join_clauses(clauses, NO_EVENTS)


def _unit(data: pl.DataFrame) -> str:
    return "week" if data.height and data.item(0, "days") == _DAYS_PER_WEEK else "day"


def figure(data: pl.DataFrame) -> Figure:
    """Draw one line per file."""
    unit = _unit(data)
    chart = (
        alt.Chart(data)
        .mark_line(strokeWidth=2.5, point={"size": 28, "filled": True})
        .encode(
            x=alt.X("day:T", title=None, axis=alt.Axis(format="%d %b", tickCount=8)),
            y=alt.Y("events:Q", title="events", axis=short_axis(5)),
            color=alt.Color("file:N", scale=file_scale()),
            tooltip=[
                "file:N",
                alt.Tooltip("day:T", title="day" if unit == "day" else "week from", format="%a %d %b %Y"),
                alt.Tooltip("events:Q", format=","),
                alt.Tooltip("buys:Q", title="purchases", format=","),
            ],
        )
    )
    return finished(chart, f"Events by {unit}. {finding(data)}")
