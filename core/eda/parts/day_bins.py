"""Counts of events by day (UTC), and bins of several days that begin on a Monday."""

from __future__ import annotations

import polars as pl

from core.dataset import Dataset
from core.schema import BUY, EVENT_CODE, ROLES, SECONDS_PER_DAY, TIME, TYPE

EVENTS_AND_BUYS = (
    pl.len().cast(pl.Int64).alias("events"),
    (pl.col(TYPE) == EVENT_CODE[BUY]).sum().cast(pl.Int64).alias("buys"),
)
"""Aggregations of a group of events: the number of events, and of purchases among them."""
BUY_SHARE = (pl.col("buys") / pl.col("events")).fill_nan(None).alias("buy_share")
"""Expression for the share of purchases among the events; null without events."""
_FIRST_MONDAY = 4
"""Days from 1970-01-01, a Thursday, to the first Monday."""


def count_by_day(dataset: Dataset) -> pl.DataFrame:
    """Count events by file and day; one row per (file, day) with an event.

    Returns:
        file: `train` or `test`.
        day_number: days since 1970-01-01.
        events, buys: number of events, and of purchases among them.
        first, last: first and last date with an event; the same in every row of a file.
    """
    day_number = (pl.col(TIME) // SECONDS_PER_DAY).alias("day_number")
    counts = [
        dataset.events(role).group_by(day_number).agg(EVENTS_AND_BUYS).select(pl.lit(role).alias("file"), pl.all())
        for role in ROLES
    ]
    date = pl.col("day_number").cast(pl.Int32).cast(pl.Date)
    ends = (date.min().over("file").alias("first"), date.max().over("file").alias("last"))
    return pl.concat(counts).collect().with_columns(ends)


def bin_start(days_per_bin: int) -> pl.Expr:
    """Return an expression for the day number on which the bin of a row's `day_number` begins."""
    return (pl.col("day_number") - _FIRST_MONDAY) // days_per_bin * days_per_bin + _FIRST_MONDAY
