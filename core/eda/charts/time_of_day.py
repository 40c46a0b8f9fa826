"""Events by hour of the day."""

from __future__ import annotations

import altair as alt
import polars as pl

from core.base.text import percent
from core.dataset import Dataset
from core.eda.parts.day_bins import BUY_SHARE, EVENTS_AND_BUYS
from core.eda.parts.sentences import NO_EVENTS
from core.eda.parts.session_table import FILE
from core.eda.parts.split import GROUP, all_groups, group_colour, group_column, group_labels, group_sentence
from core.eda.parts.theme import Figure, Hover, finished, share_axis
from core.eda.parts.week_hours import SECONDS_PER_HOUR
from core.schema import ROLES, SECONDS_PER_DAY, TIME, TYPE, UNIT

TITLE = "When is the shop busy?"
SPLITS = ("users", "category", "purchase")


def frame(dataset: Dataset, by: pl.DataFrame | None = None) -> pl.DataFrame:
    """Count events by file and hour of the day; one row per (file, hour), all 24 hours present.

    Args:
        by: groups that are compared instead of the files, see `core.eda.parts.split.group_units`.

    Returns:
        file: `train` or `test`. With `by`, there is `group` instead.
        hour: hour of the day (UTC), 0 to 23.
        events, share: number of events, and share of the events of the file or group.
        buy_share: share of the hour's events that are purchases; null for an hour without events.
    """
    hour = ((pl.col(TIME) % SECONDS_PER_DAY) // SECONDS_PER_HOUR).cast(pl.Int64).alias("hour")
    events = pl.concat([dataset.events(role).select(UNIT, TIME, TYPE, pl.lit(role).alias(FILE)) for role in ROLES])
    column: str = FILE
    labels: list[str] = list(ROLES)
    if by is not None:
        column, labels = GROUP, all_groups(by)
        events = events.join(by.lazy().with_columns(pl.col(GROUP).cast(pl.String)), on=UNIT)
    counts = events.group_by(column, hour).agg(EVENTS_AND_BUYS).collect()
    rows = [(label, number) for label in labels for number in range(24)]
    total = pl.col("events").sum().over(column).clip(lower_bound=1)
    return (
        pl.DataFrame(rows, schema={column: pl.String, "hour": pl.Int64}, orient="row")
        .join(counts, on=[column, "hour"], how="left", maintain_order="left")
        .with_columns(pl.col("events", "buys").fill_null(0))
        .select(column, "hour", "events", (pl.col("events") / total).alias("share"), BUY_SHARE)
    )


def finding(data: pl.DataFrame) -> str:
    """Name the busiest and the quietest hour of the train file, or of the test file if the train file has no events."""
    column = group_column(data)
    with_events = data.filter(pl.col("events").sum().over(column) > 0)
    if with_events.is_empty():
        return NO_EVENTS
    if column != FILE:
        top = with_events.sort("share", descending=True, maintain_order=True).unique(column, maintain_order=True)
        busiest_hours = {row[column]: f"{row['hour']:02d}:00 UTC" for row in top.iter_rows(named=True)}
        amounts = {label: busiest_hours[label] for label in group_labels(with_events)}
        return group_sentence("The busiest hour", amounts)
    file = with_events.item(0, "file")
    hours = with_events.filter(pl.col("file") == file).sort("share", descending=True)
    busiest, quietest = hours.row(0, named=True), hours.row(-1, named=True)
    return (
        f"The busiest hour in the {file} file is {busiest['hour']:02d}:00 UTC ({percent(busiest['share'])} of the "
        f"events), the quietest {quietest['hour']:02d}:00 ({percent(quietest['share'])})."
    )


def figure(data: pl.DataFrame) -> Figure:
    """Draw one line over the day per file."""
    column = group_column(data)
    hours = alt.Axis(values=list(range(0, 24, 3)), format="02d")
    base = alt.Chart(data).encode(
        x=alt.X("hour:Q", title="hour of the day (UTC)", axis=hours),
        y=alt.Y("share:Q", title=f"share of the {column}'s events", axis=share_axis()),
        color=group_colour(column, group_labels(data)),
        tooltip=[
            *Hover.texts(column, hour="hour (UTC)"),
            *Hover.counts("events"),
            *Hover.shares("share", buy_share="purchases"),
        ],
    )
    chart = base.mark_line(point={"size": 36, "filled": True}, strokeWidth=2.5)
    return finished(chart, f"Events by hour of the day. {finding(data)}")
