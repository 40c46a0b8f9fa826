"""Events by hour of the day."""

from __future__ import annotations

import altair as alt
import polars as pl

from core.base.text import percent
from core.dataset import Dataset
from core.eda.parts.sentences import NO_EVENTS
from core.eda.parts.theme import Figure, file_scale, finished, share_axis
from core.eda.parts.week_hours import SECONDS_PER_HOUR
from core.schema import BUY, EVENT_CODE, ROLES, SECONDS_PER_DAY, TIME, TYPE

TITLE = "When is the shop busy?"


def frame(dataset: Dataset) -> pl.DataFrame:
    """Count events by file and hour of the day; one row per (file, hour), all 24 hours present.

    Returns:
        hour: Hour of the day (UTC), 0 to 23.
        events, share: Number of events, and share of the file's events.
        buy_share: Share of the hour's events that are purchases; null for an hour without events.
    """
    hours = pl.DataFrame({"hour": range(24)}, schema={"hour": pl.Int64})
    hour = ((pl.col(TIME) % SECONDS_PER_DAY) // SECONDS_PER_HOUR).cast(pl.Int64).alias("hour")
    parts = []
    for role in ROLES:
        counts = (
            dataset.events(role)
            .group_by(hour)
            .agg(pl.len().cast(pl.Int64).alias("events"), (pl.col(TYPE) == EVENT_CODE[BUY]).sum().alias("buys"))
            .collect()
        )
        of_day = hours.join(counts, on="hour", how="left").with_columns(pl.col("events", "buys").fill_null(0))
        total = max(of_day.get_column("events").sum(), 1)
        parts.append(
            of_day.select(
                pl.lit(role).alias("file"),
                "hour",
                "events",
                (pl.col("events") / total).alias("share"),
                pl.when(pl.col("events") > 0).then(pl.col("buys") / pl.col("events")).alias("buy_share"),
            )
        )
    return pl.concat(parts)


def finding(data: pl.DataFrame) -> str:
    """Name the busiest and the quietest hour of train, or of test if train has no events."""
    with_events = data.filter(pl.col("events").sum().over("file") > 0)
    if with_events.is_empty():
        return NO_EVENTS
    file = with_events.item(0, "file")
    hours = with_events.filter(pl.col("file") == file).sort("share", descending=True)
    busiest, quietest = hours.row(0, named=True), hours.row(-1, named=True)
    return (
        f"The busiest hour in {file} is {busiest['hour']:02d}:00 UTC ({percent(busiest['share'])} of the events), the "
        f"quietest {quietest['hour']:02d}:00 ({percent(quietest['share'])})."
    )


def figure(data: pl.DataFrame) -> Figure:
    """Draw one line over the day per file."""
    hours = alt.Axis(values=list(range(0, 24, 3)), format="02d")
    chart = (
        alt.Chart(data)
        .mark_line(point={"size": 36, "filled": True}, strokeWidth=2.5)
        .encode(
            x=alt.X("hour:Q", title="hour of the day (UTC)", axis=hours),
            y=alt.Y("share:Q", title="share of the file's events", axis=share_axis()),
            color=alt.Color("file:N", scale=file_scale()),
            tooltip=[
                "file:N",
                alt.Tooltip("hour:Q", title="hour (UTC)"),
                alt.Tooltip("events:Q", format=","),
                alt.Tooltip("share:Q", format=".1%"),
                alt.Tooltip("buy_share:Q", title="purchases", format=".1%"),
            ],
        )
    )
    return finished(chart, f"Events by hour of the day. {finding(data)}")
