"""Classes of durations, finer where they are short, for all charts of durations."""

from __future__ import annotations

import polars as pl

ENDS = (1, 10, 30, 60, 180, 600, 1_800, 3_600, 10_800, 43_200)
"""Seconds at which a class ends; the last class has no end."""
LABELS = (
    "0 s",
    "to 10 s",
    "to 30 s",
    "to 1 min",
    "to 3 min",
    "to 10 min",
    "to 30 min",
    "to 1 h",
    "to 3 h",
    "to 12 h",
    "longer",
)


def place_of(seconds: pl.Expr) -> pl.Expr:
    """The place of a duration's class, from 0."""
    return pl.sum_horizontal(*(seconds >= end if end == 1 else seconds > end for end in ENDS)).cast(pl.Int64)


def counted(seconds: pl.Series, name: str) -> pl.DataFrame:
    """One row a class that has one of these: place (from 0), label, how many (a column by that name), share."""
    return (
        pl.DataFrame({"seconds": seconds})
        .group_by(place_of(pl.col("seconds")).alias("place"))
        .agg(pl.len().cast(pl.Int64).alias(name))
        .sort("place")
        .select(
            "place",
            pl.col("place").replace_strict(dict(enumerate(LABELS)), return_dtype=pl.String).alias("label"),
            name,
            (pl.col(name) / len(seconds)).alias("share"),
        )
    )
