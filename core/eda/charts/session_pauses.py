"""How long the pauses between the events of a session are."""

from __future__ import annotations

import polars as pl

from core.base.text import duration, percent
from core.dataset import Dataset
from core.eda.parts.by_file import draw_by_file
from core.eda.parts.duration_classes import LABELS, count_by_class
from core.eda.parts.theme import Figure, finished
from core.schema import ROLES, TIME, UNIT

TITLE = "How long are the pauses between two events?"
_QUICK_SECONDS = 10
_SCHEMA = {
    "file": pl.String,
    "place": pl.Int64,
    "label": pl.String,
    "pauses": pl.Int64,
    "share": pl.Float64,
    "median": pl.Float64,
    "quick": pl.Float64,
}


def frame(dataset: Dataset) -> pl.DataFrame:
    """Count the pauses between consecutive events of a session; one row per file and class of duration.

    Returns:
        place, label: Index (from 0) and label of the class.
        pauses, share: Number of pauses, and share of the file's pauses.
        median: Median pause, in seconds; the same in every row of a file.
        quick: Share of the pauses of ten seconds or less; the same in every row of a file.
    """
    # events are sorted by unit and time, so the next row is the next event of the unit, or of another unit
    pause = (pl.col(TIME).shift(-1) - pl.col(TIME)).alias("pause")
    same_unit = (pl.col(UNIT) == pl.col(UNIT).shift(-1)).alias("same_unit")
    parts = []
    for role in ROLES:
        pauses = dataset.events(role).select(pause, same_unit).filter("same_unit").collect().get_column("pause")
        if pauses.is_empty():
            continue
        parts.append(
            count_by_class(pauses, "pauses").select(
                pl.lit(role).alias("file"),
                pl.all(),
                pl.lit(pauses.median(), pl.Float64).alias("median"),
                pl.lit((pauses <= _QUICK_SECONDS).mean(), pl.Float64).alias("quick"),
            )
        )
    return pl.concat(parts) if parts else pl.DataFrame(schema=_SCHEMA)


def finding(data: pl.DataFrame) -> str:
    """State the median pause and the share of short pauses."""
    if data.is_empty():
        return "No session has two events, so there are no pauses."
    row = data.row(0, named=True)
    return (
        f"Half of the pauses in {row['file']} last at most {duration(row['median'])}; {percent(row['quick'])} last at "
        f"most {_QUICK_SECONDS} s."
    )


def figure(data: pl.DataFrame) -> Figure:
    """Draw one bar per class and file."""
    chart = draw_by_file(data, "time to the next event", LABELS, whole="the pauses", tooltip="pause", count="pauses")
    return finished(chart, f"Pauses within sessions. {finding(data)}")
