"""How long the pauses between the events of a session are."""

from __future__ import annotations

import polars as pl

from core.base.text import duration, percent
from core.dataset import Dataset
from core.eda.parts.by_file import draw_by_file
from core.eda.parts.duration_classes import ENDS, LABELS, count_by_class
from core.eda.parts.theme import Figure
from core.schema import ROLES, TIME, UNIT

TITLE = "How long are the pauses between two events?"
_QUICK_SECONDS = 10
"""Must be the upper end of a class of durations."""


def frame(dataset: Dataset) -> pl.DataFrame:
    """Count the pauses between consecutive events of a session; one row per (file, class of duration).

    Returns:
        file: `train` or `test`.
        place, label: index (from 0) and label of the class.
        pauses, share: number of pauses, and share of the file's pauses.
        median: median pause, in seconds; the same in every row of a file.
        quick: share of the pauses of ten seconds or less; the same in every row of a file.
    """
    # events are sorted by unit and time, so the next row is the next event of the unit, or of another unit
    seconds = (pl.col(TIME).shift(-1) - pl.col(TIME)).alias("seconds")
    is_pause = (pl.col(UNIT) == pl.col(UNIT).shift(-1)).alias("is_pause")
    pauses = [
        dataset.events(role)
        .select(seconds, is_pause)
        .filter("is_pause")
        .select(pl.lit(role).cast(pl.Enum(ROLES)).alias("file"), "seconds")
        for role in ROLES
    ]
    n_quick = pl.col("pauses").filter(pl.col("place") <= ENDS.index(_QUICK_SECONDS)).sum()
    quick = (n_quick / pl.col("pauses").sum()).over("file").alias("quick")
    return count_by_class(pl.concat(pauses).collect(), "pauses").with_columns(quick)


def finding(data: pl.DataFrame) -> str:
    """State the median pause and the share of short pauses."""
    if data.is_empty():
        return "No session has two events, so there are no pauses."
    row = data.row(0, named=True)
    return (
        f"Half of the pauses in the {row['file']} file last at most {duration(row['median'])}; "
        f"{percent(row['quick'])} last at most {_QUICK_SECONDS} s."
    )


def figure(data: pl.DataFrame) -> Figure:
    """Draw one bar per class and file."""
    description, title = f"Pauses within sessions. {finding(data)}", "time to the next event"
    return draw_by_file(data, description, "pauses", title=title, labels=LABELS, whole="the pauses", class_name="pause")
