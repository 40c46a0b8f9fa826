"""Events day by day, with train and test on one time axis."""

from __future__ import annotations

import datetime

import altair as alt
import polars as pl

from core.base.text import count, number
from core.dataset import Dataset
from core.eda.parts import picking
from core.eda.parts.day_bins import bin_start, count_by_day
from core.eda.parts.sentences import NO_EVENTS, join_clauses
from core.eda.parts.theme import Figure, Hover, file_scale, finished, short_axis
from core.schema import ROLES, SECONDS_PER_DAY

TITLE = "How busy is the shop from day to day?"
PICK = picking.day_span("day")
_DAYS_PER_WEEK = 7
_MAX_DAYS = 400
"""A longer log is shown by week, because a point per day would be finer than the screen."""


def frame(dataset: Dataset) -> pl.DataFrame:
    """Count events by file and day (UTC), or by week from Monday in a long log; one row per (file, day or week).

    Days without events are included between the first and the last day of their file.

    Returns:
        file: `train` or `test`.
        day: the day, or the first day of the week.
        events, buys: number of events, and of purchases among them.
        days: days per row, 1 or 7.
        first, last: first and last day with an event; the same in every row of a file.
    """
    by_day = _fill_gaps(count_by_day(dataset))
    step = _DAYS_PER_WEEK if by_day.get_column("day_number").n_unique() > _MAX_DAYS else 1
    day = pl.from_epoch(bin_start(step) * SECONDS_PER_DAY, time_unit="s").dt.cast_time_unit("ms").alias("day")
    return (
        by_day.group_by("file", day, "first", "last")
        .agg(pl.col("events", "buys").sum())
        .sort(pl.col("file").cast(pl.Enum(ROLES)), "day")
        .select("file", "day", "events", "buys", pl.lit(step, dtype=pl.Int64).alias("days"), "first", "last")
    )


def _fill_gaps(by_day: pl.DataFrame) -> pl.DataFrame:
    """Add the days without events between the first and the last day of each file."""
    number = pl.col("day_number")
    files = by_day.group_by("file", "first", "last").agg(number.min().alias("begin"), number.max().alias("end"))
    rows = [(*keys, day) for *keys, begin, end in files.iter_rows() for day in range(begin, end + 1)]
    schema = {name: by_day.schema[name] for name in ("file", "first", "last", "day_number")}
    all_days = pl.DataFrame(rows, schema=schema, orient="row").join(by_day, on=list(schema), how="left")
    return all_days.with_columns(pl.col("events", "buys").fill_null(0))


def finding(data: pl.DataFrame) -> str:
    """State the days that each file covers and its average number of events."""
    clauses = []
    for (file, first, last, step), rows in data.group_by("file", "first", "last", "days", maintain_order=True):
        days = (last - first).days + 1
        # the first and the last week may be cut off, so the average is over days
        mean = float(rows.get_column("events").sum()) / max(days / step, 1)
        amount = f"{number(mean)} events per {_unit(data)} on average"
        clauses.append(f"the {file} file has {count(days, 'day')}{_dates(first, last)}, {amount}")
    return join_clauses(clauses, NO_EVENTS)


def _dates(first: datetime.date, last: datetime.date) -> str:
    if first == last:
        return f", {first:%d %b %Y}"
    return f" from {first:%d %b %Y} to {last:%d %b %Y}"


def _unit(data: pl.DataFrame) -> str:
    return "week" if data.height and data.item(0, "days") == _DAYS_PER_WEEK else "day"


def figure(data: pl.DataFrame) -> Figure:
    """Draw one line per file."""
    unit = _unit(data)
    base = alt.Chart(data).encode(
        x=alt.X("day:T", title=None, axis=alt.Axis(format="%d %b", tickCount=8)),
        y=alt.Y("events:Q", title="events", axis=short_axis(5)),
        color=alt.Color("file:N", scale=file_scale()),
        tooltip=[
            "file:N",
            alt.Tooltip("day:T", title="day" if unit == "day" else "week from", format="%a %d %b %Y"),
            *Hover.counts("events", buys="purchases"),
        ],
    )
    chart = base.mark_line(strokeWidth=2.5, point={"size": 28, "filled": True})
    return finished(chart, f"Events by {unit}. {finding(data)}")
