"""From when to when the two files run, and how much happens each day."""

from __future__ import annotations

from typing import Any

import altair as alt
import polars as pl

from core.base.text import count
from core.dataset import Dataset
from core.eda.parts.theme import file_scale, finished
from core.schema import ROLES, TIME

TITLE = "What time do the files cover?"
_DAY = 86_400
_MONDAY = 4  # 1970-01-01 was a Thursday: the first Monday came four days later
_MOST_BARS = 1_500
"""Bars that a laptop draws at once and a page is wide for; more days than that are taken together."""
_STEPS = (1, 7, 28, 364)


def frame(dataset: Dataset) -> pl.DataFrame:
    """One row a file and day (UTC) with events, by file and day: file, day, until (the day after), days (1), events,
    first and last (days with an event; the same in every row of a file).

    A log of very many days is told by weeks, four weeks or 364 days; `until` and `days` say so. Days without events
    have no row, so that a hole in the log is a gap in the chart.
    """
    counted = [
        dataset.events(role)
        .group_by((pl.col(TIME) // _DAY).alias("number"))
        .agg(pl.len().cast(pl.Int64).alias("events"))
        .select(pl.lit(role).alias("file"), "number", "events")
        .collect()
        for role in ROLES
    ]
    number = pl.col("number").cast(pl.Int32).cast(pl.Date)
    ends = (number.min().over("file").alias("first"), number.max().over("file").alias("last"))
    days = pl.concat(counted).with_columns(*ends)
    by_step = (_binned(days, step) for step in _STEPS)
    return next((binned for binned in by_step if binned.height <= _MOST_BARS), _binned(days, _STEPS[-1]))


def _binned(days: pl.DataFrame, step: int) -> pl.DataFrame:
    """Take `step` days together; bins of several days begin on a Monday."""
    begin = (pl.col("number") - _MONDAY) // step * step + _MONDAY
    summed = days.group_by("file", "first", "last", begin.alias("number")).agg(pl.col("events").sum())
    day = pl.col("number").cast(pl.Int32)
    return summed.select(
        "file",
        day.cast(pl.Date).alias("day"),
        (day + step).cast(pl.Date).alias("until"),
        pl.lit(step, dtype=pl.Int64).alias("days"),
        "events",
        "first",
        "last",
    ).sort(pl.col("file").cast(pl.Enum(ROLES)), "day")


def finding(data: pl.DataFrame) -> str:
    """From when to when the files run, in a sentence."""
    told = []
    for file in ROLES:
        own = data.filter(pl.col("file") == file)
        if own.height:
            events = int(own.get_column("events").sum())
            told.append(f"{file} runs from {own.item(0, 'first')} to {own.item(0, 'last')} ({count(events, 'event')})")
    sentence = ", ".join(told)
    return f"{sentence[:1].upper()}{sentence[1:]}." if told else "The files hold no event."


def figure(data: pl.DataFrame) -> Any:  # noqa: ANN401 (Altair's charts share no type)
    """Draw a bar a day and file, side by side in time, on top of each other where the files overlap."""
    days = data.get_column("days")[0] if data.height else 1
    span = "day" if days == 1 else f"{days} days"
    chart = (
        alt.Chart(data)
        .mark_bar(orient="vertical", binSpacing=0)
        .encode(
            x=alt.X("day:T", title="day (UTC)"),
            x2="until:T",
            y=alt.Y("events:Q", title=f"events by {span}", stack="zero"),
            color=alt.Color("file:N", scale=file_scale()),
            tooltip=[
                "file:N",
                alt.Tooltip("day:T", title="day" if days == 1 else "from", format="%Y-%m-%d"),
                alt.Tooltip("events:Q", format=","),
            ],
        )
    )
    return finished(chart, f"Events by {span} and file. {finding(data)}")
