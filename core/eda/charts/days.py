"""Day by day: how much happens, train and test on one axis."""

from __future__ import annotations

from typing import Any

import altair as alt
import polars as pl

from core.base.text import count, number
from core.dataset import Dataset
from core.eda.parts import picking
from core.eda.parts.theme import file_scale, finished, short_axis
from core.schema import BUY, EVENT_CODE, ROLES, TIME, TYPE

TITLE = "How does the shop do from day to day?"
PICK = picking.days("day")
_DAY = 86_400
_DAYS_A_WEEK = 7
_MONDAY = 4  # 1970-01-01 was a Thursday: the first Monday came four days later
_MOST_DAYS = 400
"""Beyond, days are counted by the week: a point a day would be more than a screen has pixels."""


def frame(dataset: Dataset) -> pl.DataFrame:
    """One row a file and day (UTC; of a log of more than 400 days, a week from Monday on): file, day (the first of its
    week), events, buys. Days without events stand in it with 0, between the first and the last of their file. Days (1,
    or 7 where a row is a week), first and last (days with an event) are the same in every row of a file.
    """
    parts = []
    for role in ROLES:
        counted = (
            dataset.events(role)
            .group_by((pl.col(TIME) // _DAY).alias("number"))
            .agg(pl.len().cast(pl.Int64).alias("events"), (pl.col(TYPE) == EVENT_CODE[BUY]).sum().alias("buys"))
            .collect()
        )
        if counted.height:
            first, last = counted.select(pl.col("number").min(), pl.col("number").max().alias("last")).row(0)
            every = pl.DataFrame({"number": range(first, last + 1)}, schema={"number": counted.schema["number"]})
            counted = every.join(counted, on="number", how="left").with_columns(pl.col("events", "buys").fill_null(0))
        parts.append(counted.select(pl.lit(role).alias("file"), "number", "events", pl.col("buys").cast(pl.Int64)))
    days = pl.concat(parts)
    step = _DAYS_A_WEEK if days.get_column("number").n_unique() > _MOST_DAYS else 1
    begin = (pl.col("number") - _MONDAY) // step * step + _MONDAY
    day = pl.from_epoch(begin * _DAY, time_unit="s").dt.cast_time_unit("ms").alias("day")
    number = pl.col("number").cast(pl.Int32).cast(pl.Date)
    ends = (number.min().over("file").alias("first"), number.max().over("file").alias("last"))
    return (
        days.with_columns(pl.lit(step, dtype=pl.Int64).alias("days"), *ends)
        .group_by("file", day, "days", "first", "last")
        .agg(pl.col("events", "buys").sum())
        .sort(pl.col("file").cast(pl.Enum(ROLES)), "day")
        .select("file", "day", "events", "buys", "days", "first", "last")
    )


def finding(data: pl.DataFrame) -> str:
    """How long the files are and what a usual day, or week, has, in a sentence."""
    told = []
    for role in ROLES:
        mine = data.filter(pl.col("file") == role)
        if mine.height:
            first, last, step = mine.item(0, "first"), mine.item(0, "last"), mine.item(0, "days")
            days = (last - first).days + 1
            # the first week and the last are not whole; a file of less than a week has what it has
            middle = float(mine.get_column("events").sum()) / max(days / step, 1)
            told.append(
                f"{role} has {count(days, 'day')} from {first:%d %b %Y} to {last:%d %b %Y}, "
                f"{number(middle)} events a {_step(data)} on average"
            )
    sentence = "; ".join(told)
    return f"{sentence[0].upper()}{sentence[1:]}." if told else "There is no event."


def _step(data: pl.DataFrame) -> str:
    """What a row is."""
    return "week" if data.height and data.item(0, "days") == _DAYS_A_WEEK else "day"


def figure(data: pl.DataFrame) -> Any:  # noqa: ANN401 (Altair's charts share no type)
    """Draw a line a file."""
    step = _step(data)
    chart = (
        alt.Chart(data)
        .mark_line(strokeWidth=2.5, point={"size": 28, "filled": True})
        .encode(
            x=alt.X("day:T", title=None, axis=alt.Axis(format="%d %b", tickCount=8)),
            y=alt.Y("events:Q", title="events", axis=short_axis(5)),
            color=alt.Color("file:N", scale=file_scale()),
            tooltip=[
                "file:N",
                alt.Tooltip("day:T", title="day" if step == "day" else "week from", format="%a %d %b %Y"),
                alt.Tooltip("events:Q", format=","),
                alt.Tooltip("buys:Q", title="purchases", format=","),
            ],
        )
    )
    return finished(chart, f"Events by {step}. {finding(data)}")
