"""Days, and bins of several days that begin on a Monday."""

from __future__ import annotations

import polars as pl

from core.schema import SECONDS_PER_DAY

_FIRST_MONDAY = 4
"""Days from 1970-01-01, a Thursday, to the first Monday."""


def day_number(seconds: pl.Expr) -> pl.Expr:
    """Return the number of the day (UTC) since 1970-01-01, from epoch seconds."""
    return (seconds // SECONDS_PER_DAY).alias("number")


def bin_start(step: int) -> pl.Expr:
    """Return the day on which the bin of the column `number` begins; bins have `step` days."""
    return (pl.col("number") - _FIRST_MONDAY) // step * step + _FIRST_MONDAY


def first_and_last_day() -> tuple[pl.Expr, pl.Expr]:
    """Return the columns first and last: the first and the last date of each file, from the column `number`."""
    date = pl.col("number").cast(pl.Int32).cast(pl.Date)
    return date.min().over("file").alias("first"), date.max().over("file").alias("last")
