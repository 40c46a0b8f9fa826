"""Day by day: how much happens, train and test on one axis."""

from __future__ import annotations

from typing import Any

import altair as alt
import polars as pl

from core.dataset import Dataset
from core.eda import picking
from core.eda.theme import file_scale, finished, short_axis
from core.schema import BUY, EVENT_CODE, ROLES, TIME, TYPE
from core.wording import count, number

TITLE = "How does the shop do from day to day?"
PICK = picking.days("day")
_DAY = 86_400
_DAYS_A_WEEK = 7
_MOST_DAYS = 400
"""Beyond, days are counted by the week: a point a day would be more than a screen has pixels."""


def frame(dataset: Dataset) -> pl.DataFrame:
    """One row a file and day (UTC; of a log of more than 400 days, a week): file, day, events, buys. Days without
    events stand in it with 0, between the first and the last of their file.
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
    day = pl.from_epoch(pl.col("number") // step * step * _DAY, time_unit="s").dt.cast_time_unit("ms").alias("day")
    order = pl.col("file").cast(pl.Enum(ROLES))
    return days.group_by("file", day).agg(pl.col("events", "buys").sum()).sort(order, "day")


def finding(data: pl.DataFrame) -> str:
    """How long the files are and what a usual day has, in a sentence."""
    told = []
    for role in ROLES:
        mine = data.filter(pl.col("file") == role)
        if mine.height:
            first, last = mine.item(0, "day"), mine.item(-1, "day")
            middle = float(mine.get_column("events").to_numpy().mean())
            told.append(
                f"{role} has {count(mine.height, _step(mine))} from {first:%d %b %Y} to {last:%d %b %Y}, "
                f"{number(middle)} events a {_step(mine)} on average"
            )
    sentence = "; ".join(told)
    return f"{sentence[0].upper()}{sentence[1:]}." if told else "There is no event."


def _step(mine: pl.DataFrame) -> str:
    """What a row is."""
    return "week" if mine.height > 1 and (mine.item(1, "day") - mine.item(0, "day")).days == _DAYS_A_WEEK else "day"


def figure(data: pl.DataFrame) -> Any:  # noqa: ANN401 (Altair's charts share no type)
    """Draw a line a file."""
    chart = (
        alt.Chart(data)
        .mark_line(strokeWidth=2.5, point={"size": 28, "filled": True})
        .encode(
            x=alt.X("day:T", title=None, axis=alt.Axis(format="%d %b", tickCount=8)),
            y=alt.Y("events:Q", title="events", axis=short_axis(5)),
            color=alt.Color("file:N", scale=file_scale()),
            tooltip=[
                "file:N",
                alt.Tooltip("day:T", format="%a %d %b %Y"),
                alt.Tooltip("events:Q", format=","),
                alt.Tooltip("buys:Q", title="purchases", format=","),
            ],
        )
    )
    return finished(chart, f"Events by day. {finding(data)}")
