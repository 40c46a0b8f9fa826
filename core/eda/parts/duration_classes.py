"""Classes of durations, narrower where durations are short."""

from __future__ import annotations

import polars as pl

from core.base.text import short_duration

ENDS = (1, 10, 30, 60, 180, 600, 1_800, 3_600, 10_800, 43_200)
"""Upper ends of the classes in seconds; the last class has no end. The first holds only 0 s, as times are whole."""
LABELS = ("0 s", *(f"to {short_duration(end)}" for end in ENDS[1:]), "longer")


def duration_class(seconds: pl.Expr) -> pl.Expr:
    """Return an expression for the index of a duration's class, from 0."""
    return pl.sum_horizontal(*(seconds >= end if end == 1 else seconds > end for end in ENDS)).cast(pl.Int64)


def count_by_class(durations: pl.DataFrame, count: str) -> pl.DataFrame:
    """Count durations by file and class; one row per (file, class) that occurs.

    Args:
        durations: one row per duration: file (an Enum of the roles) and seconds.
        count: name of the column of counts.

    Returns:
        file: `train` or `test`.
        place, label: index (from 0) and label of the class.
        `count`, share: number of durations, and share of the file's durations.
        median: median duration in seconds; the same in every row of a file.
    """
    medians = durations.group_by("file").agg(pl.col("seconds").median().alias("median"))
    return (
        durations.group_by("file", duration_class(pl.col("seconds")).alias("place"))
        .agg(pl.len().cast(pl.Int64).alias(count))
        .join(medians, on="file")
        .sort("file", "place")
        .select(
            pl.col("file").cast(pl.String),
            "place",
            pl.col("place").replace_strict(dict(enumerate(LABELS)), return_dtype=pl.String).alias("label"),
            count,
            (pl.col(count) / pl.col(count).sum().over("file")).alias("share"),
            "median",
        )
    )
