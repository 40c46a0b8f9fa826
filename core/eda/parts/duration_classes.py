"""Classes of durations, narrower where durations are short."""

from __future__ import annotations

import polars as pl

ENDS = (1, 10, 30, 60, 180, 600, 1_800, 3_600, 10_800, 43_200)
"""Upper ends of the classes in seconds; the last class has no end. The first holds only 0 s, as times are whole."""
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


def duration_class(seconds: pl.Expr) -> pl.Expr:
    """Return the index of a duration's class, from 0."""
    return pl.sum_horizontal(*(seconds >= end if end == 1 else seconds > end for end in ENDS)).cast(pl.Int64)


def count_by_class(seconds: pl.Series, name: str) -> pl.DataFrame:
    """Count durations by class; one row per class that occurs.

    Returns:
        place (index of the class), label, the count in a column called `name`, share (of all durations).
    """
    return (
        pl.DataFrame({"seconds": seconds})
        .group_by(duration_class(pl.col("seconds")).alias("place"))
        .agg(pl.len().cast(pl.Int64).alias(name))
        .sort("place")
        .select(
            "place",
            pl.col("place").replace_strict(dict(enumerate(LABELS)), return_dtype=pl.String).alias("label"),
            name,
            (pl.col(name) / len(seconds)).alias("share"),
        )
    )
