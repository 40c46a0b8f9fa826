"""When the shop is busy."""

from __future__ import annotations

from typing import Any

import altair as alt
import polars as pl

from core.base.text import percent
from core.dataset import Dataset
from core.eda.parts.theme import file_scale, finished
from core.schema import BUY, EVENT_CODE, ROLES, TIME, TYPE

TITLE = "When is the shop busy?"
_HOUR, _DAY = 3_600, 86_400


def frame(dataset: Dataset) -> pl.DataFrame:
    """One row a file and hour of the day (UTC, 0 to 23, all present): file, hour, events, share (of the file's events),
    buy_share (part of the hour's events that are purchases, null for an hour without events).
    """
    hours = pl.DataFrame({"hour": range(24)}, schema={"hour": pl.Int64})
    parts = []
    for role in ROLES:
        counted = (
            dataset.events(role)
            .group_by(((pl.col(TIME) % _DAY) // _HOUR).cast(pl.Int64).alias("hour"))
            .agg(pl.len().cast(pl.Int64).alias("events"), (pl.col(TYPE) == EVENT_CODE[BUY]).sum().alias("buys"))
            .collect()
        )
        part = hours.join(counted, on="hour", how="left").with_columns(pl.col("events", "buys").fill_null(0))
        total = max(part.get_column("events").sum(), 1)
        parts.append(
            part.select(
                pl.lit(role).alias("file"),
                "hour",
                "events",
                (pl.col("events") / total).alias("share"),
                pl.when(pl.col("events") > 0).then(pl.col("buys") / pl.col("events")).alias("buy_share"),
            )
        )
    return pl.concat(parts)


def finding(data: pl.DataFrame) -> str:
    """The busiest and the quietest hour, in a sentence."""
    there = [role for role in ROLES if data.filter(pl.col("file") == role).get_column("events").sum()]
    if not there:
        return "There is no event."
    mine = data.filter(pl.col("file") == there[0]).sort("share", descending=True)
    busiest, quietest = mine.row(0, named=True), mine.row(-1, named=True)
    return (
        f"In {there[0]} the busiest hour begins at {busiest['hour']:02d}:00 UTC "
        f"({percent(busiest['share'])} of the events), "
        f"the quietest at {quietest['hour']:02d}:00 ({percent(quietest['share'])})."
    )


def figure(data: pl.DataFrame) -> Any:  # noqa: ANN401 (Altair's charts share no type)
    """Draw a line over the day for each file."""
    chart = (
        alt.Chart(data)
        .mark_line(point={"size": 36, "filled": True}, strokeWidth=2.5)
        .encode(
            x=alt.X("hour:Q", title="hour of the day (UTC)", axis=alt.Axis(values=list(range(0, 24, 3)), format="02d")),
            y=alt.Y("share:Q", title="share of the file's events", axis=alt.Axis(format="%", tickCount=5)),
            color=alt.Color("file:N", scale=file_scale()),
            tooltip=[
                "file:N",
                alt.Tooltip("hour:Q", title="hour (UTC)"),
                alt.Tooltip("events:Q", format=","),
                alt.Tooltip("share:Q", format=".1%"),
                alt.Tooltip("buy_share:Q", title="of them purchases", format=".1%"),
            ],
        )
    )
    return finished(chart, f"Events by hour of the day. {finding(data)}")
