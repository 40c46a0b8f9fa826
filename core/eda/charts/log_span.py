"""The time that the two files cover."""

from __future__ import annotations

import altair as alt
import polars as pl

from core.base.text import count, span
from core.dataset import Dataset
from core.eda.parts.day_bins import bin_start, count_by_day
from core.eda.parts.sentences import NO_EVENTS, join_clauses
from core.eda.parts.theme import Figure, Hover, file_scale, finished, short_axis
from core.schema import ROLES

TITLE = "What time do the files cover?"
_MAX_BARS = 1_500
"""More bars are slow to draw and finer than the page, so longer logs have wider bins."""
_BIN_DAYS = (1, 7, 28, 364)


def frame(dataset: Dataset) -> pl.DataFrame:
    """Count events by file and day (UTC), or by 7, 28 or 364 days in a long log; one row per (file, bin) with an event.

    Returns:
        file: `train` or `test`.
        day, until: first day of the bin, and the day after its last.
        days: days per bin.
        events: number of events.
        first, last: first and last day with an event; the same in every row of a file.
    """
    by_day = count_by_day(dataset)
    for days_per_bin in _BIN_DAYS:
        bins = _bin_days(by_day, days_per_bin)
        if bins.height <= _MAX_BARS:
            break
    return bins


def _bin_days(by_day: pl.DataFrame, days_per_bin: int) -> pl.DataFrame:
    start = bin_start(days_per_bin).cast(pl.Int32).alias("start")
    bins = by_day.group_by("file", "first", "last", start).agg(pl.col("events").sum())
    return bins.select(
        "file",
        pl.col("start").cast(pl.Date).alias("day"),
        (pl.col("start") + days_per_bin).cast(pl.Date).alias("until"),
        pl.lit(days_per_bin, dtype=pl.Int64).alias("days"),
        "events",
        "first",
        "last",
    ).sort(pl.col("file").cast(pl.Enum(ROLES)), "day")


def finding(data: pl.DataFrame) -> str:
    """State the first and the last day of each file and its number of events."""
    clauses = [
        f"the {file} file covers {span(str(first), str(last))} ({count(int(rows.get_column('events').sum()), 'event')})"
        for (file, first, last), rows in data.group_by("file", "first", "last", maintain_order=True)
    ]
    return join_clauses(clauses, NO_EVENTS)


def figure(data: pl.DataFrame) -> Figure:
    """Draw one bar per bin and file; bars are stacked where the files overlap."""
    days = data.item(0, "days") if data.height else 1
    unit = "day" if days == 1 else f"{days} days"
    base = alt.Chart(data).encode(
        x=alt.X("day:T", title="day (UTC)"),
        x2="until:T",
        y=alt.Y("events:Q", title=f"events per {unit}", stack="zero", axis=short_axis(5)),
        color=alt.Color("file:N", scale=file_scale()),
        tooltip=[
            "file:N",
            alt.Tooltip("day:T", title="day" if days == 1 else "from", format="%Y-%m-%d"),
            *Hover.counts("events"),
        ],
    )
    return finished(base.mark_bar(orient="vertical", binSpacing=0), f"Events per {unit} and file. {finding(data)}")
