"""Share of purchases among the events, by weekday and hour."""

from __future__ import annotations

import polars as pl

from core.base.text import percent
from core.dataset import Dataset
from core.eda.charts import week
from core.eda.parts.sentences import NO_EVENTS
from core.eda.parts.theme import EVENT_COLOURS, Figure, Hover
from core.eda.parts.week_hours import heat_map
from core.schema import BUY

TITLE = "When do people buy?"
NEEDS_TYPES = True


def frame(dataset: Dataset) -> pl.DataFrame:
    """Count events and purchases by hour of the week; see `core.eda.charts.week.frame` for the columns."""
    return week.frame(dataset)


def finding(data: pl.DataFrame) -> str:
    """Name the weekdays with the highest and the lowest share of purchases."""
    buys = (pl.col("events") * pl.col("buy_share")).alias("buys")
    busy = data.filter(pl.col("events") > 0).select("weekday", "events", buys)
    if busy.is_empty():
        return NO_EVENTS
    rate = (pl.col("buys").sum() / pl.col("events").sum()).alias("rate")
    overall = float(busy.select(rate).item())
    if not overall:
        return "There are no purchases."
    by_day = busy.group_by("weekday", maintain_order=True).agg(rate).sort("rate", descending=True, maintain_order=True)
    (best_day, high), (worst_day, low) = by_day.row(0), by_day.row(-1)
    sentence = f"{percent(overall)} of all events are purchases"
    if by_day.height == 1:
        return f"{sentence}, all on {best_day}."
    if percent(high) == percent(low):
        return f"{sentence}, with no difference between weekdays."
    return f"{sentence}, from {percent(low)} on {worst_day} to {percent(high)} on {best_day}."


def figure(data: pl.DataFrame) -> Figure:
    """Draw a heat map, darker where more of an hour's events are purchases."""
    tooltip = [*Hover.shares(buy_share="purchases"), *Hover.counts("events")]
    description = f"Purchases by weekday and hour. {finding(data)}"
    return heat_map(
        data,
        "buy_share",
        tooltip,
        description,
        colour=EVENT_COLOURS[BUY],
        title="purchases per event",
        number_format=".0%",
    )
