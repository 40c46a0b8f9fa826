"""The time that the two files cover."""

from __future__ import annotations

import altair as alt
import polars as pl

from core.base.text import count
from core.dataset import Dataset
from core.eda.parts.day_bins import bin_start, day_number, first_and_last_day
from core.eda.parts.sentences import NO_EVENTS, join_clauses
from core.eda.parts.theme import Figure, file_scale, finished
from core.schema import ROLES, TIME

TITLE = "What time do the files cover?"
_MAX_BARS = 1_500
"""More bars than this are slow to draw and finer than the page; longer logs get wider bins."""
_BIN_DAYS = (1, 7, 28, 364)


def frame(dataset: Dataset) -> pl.DataFrame:
    """Count events by file and day (UTC); very long logs by 7, 28 or 364 days.

    Days without events have no row, so that a gap in the log is a gap in the chart.

    Returns:
        day, until: First day of the bin, and the day after its last.
        days: Days per bin.
        events: Number of events.
        first, last: First and last day with an event; the same in every row of a file.
    """
    counts = [
        dataset.events(role)
        .group_by(day_number(pl.col(TIME)))
        .agg(pl.len().cast(pl.Int64).alias("events"))
        .select(pl.lit(role).alias("file"), "number", "events")
        .collect()
        for role in ROLES
    ]
    by_day = pl.concat(counts).with_columns(*first_and_last_day())
    by_step = (_bin_days(by_day, step) for step in _BIN_DAYS)
    return next((bins for bins in by_step if bins.height <= _MAX_BARS), _bin_days(by_day, _BIN_DAYS[-1]))


def _bin_days(by_day: pl.DataFrame, step: int) -> pl.DataFrame:
    start = bin_start(step).cast(pl.Int32).alias("number")
    bins = by_day.group_by("file", "first", "last", start).agg(pl.col("events").sum())
    return bins.select(
        "file",
        pl.col("number").cast(pl.Date).alias("day"),
        (pl.col("number") + step).cast(pl.Date).alias("until"),
        pl.lit(step, dtype=pl.Int64).alias("days"),
        "events",
        "first",
        "last",
    ).sort(pl.col("file").cast(pl.Enum(ROLES)), "day")


def finding(data: pl.DataFrame) -> str:
    """State the first and the last day of each file and its number of events."""
    clauses = []
    for role in ROLES:
        of_file = data.filter(pl.col("file") == role)
        if of_file.height:
            first, last = of_file.select("first", "last").row(0)
            events = count(int(of_file.get_column("events").sum()), "event")
            clauses.append(f"{role} runs from {first} to {last} ({events})")
    return join_clauses(clauses, NO_EVENTS)


def figure(data: pl.DataFrame) -> Figure:
    """Draw one bar per bin and file; bars are stacked where the files overlap."""
    days = data.get_column("days")[0] if data.height else 1
    unit = "day" if days == 1 else f"{days} days"
    chart = (
        alt.Chart(data)
        .mark_bar(orient="vertical", binSpacing=0)
        .encode(
            x=alt.X("day:T", title="day (UTC)"),
            x2="until:T",
            y=alt.Y("events:Q", title=f"events per {unit}", stack="zero"),
            color=alt.Color("file:N", scale=file_scale()),
            tooltip=[
                "file:N",
                alt.Tooltip("day:T", title="day" if days == 1 else "from", format="%Y-%m-%d"),
                alt.Tooltip("events:Q", format=","),
            ],
        )
    )
    return finished(chart, f"Events per {unit} and file. {finding(data)}")
