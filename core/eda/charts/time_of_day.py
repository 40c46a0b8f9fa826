"""Events by hour of the day."""

from __future__ import annotations

import altair as alt
import polars as pl

from core.base.text import percent
from core.dataset import Dataset
from core.eda.parts.day_bins import BUY_SHARE, EVENTS_AND_BUYS
from core.eda.parts.sentences import NO_EVENTS
from core.eda.parts.theme import Figure, Hover, file_scale, finished, share_axis
from core.eda.parts.week_hours import SECONDS_PER_HOUR
from core.schema import ROLES, SECONDS_PER_DAY, TIME

TITLE = "When is the shop busy?"


def frame(dataset: Dataset) -> pl.DataFrame:
    """Count events by file and hour of the day; one row per (file, hour), all 24 hours present.

    Returns:
        file: `train` or `test`.
        hour: hour of the day (UTC), 0 to 23.
        events, share: number of events, and share of the file's events.
        buy_share: share of the hour's events that are purchases; null for an hour without events.
    """
    hour = ((pl.col(TIME) % SECONDS_PER_DAY) // SECONDS_PER_HOUR).cast(pl.Int64).alias("hour")
    counts = [
        dataset.events(role).group_by(hour).agg(EVENTS_AND_BUYS).with_columns(pl.lit(role).alias("file"))
        for role in ROLES
    ]
    rows = [(role, number) for role in ROLES for number in range(24)]
    total = pl.col("events").sum().over("file").clip(lower_bound=1)
    return (
        pl.DataFrame(rows, schema={"file": pl.String, "hour": pl.Int64}, orient="row")
        .join(pl.concat(counts).collect(), on=["file", "hour"], how="left", maintain_order="left")
        .with_columns(pl.col("events", "buys").fill_null(0))
        .select("file", "hour", "events", (pl.col("events") / total).alias("share"), BUY_SHARE)
    )


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
    base = alt.Chart(data).encode(
        x=alt.X("hour:Q", title="hour of the day (UTC)", axis=hours),
        y=alt.Y("share:Q", title="share of the file's events", axis=share_axis()),
        color=alt.Color("file:N", scale=file_scale()),
        tooltip=[
            *Hover.texts("file", hour="hour (UTC)"),
            *Hover.counts("events"),
            *Hover.shares("share", buy_share="purchases"),
        ],
    )
    chart = base.mark_line(point={"size": 36, "filled": True}, strokeWidth=2.5)
    return finished(chart, f"Events by hour of the day. {finding(data)}")
