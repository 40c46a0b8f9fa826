"""How long people pause within a session."""

from __future__ import annotations

from typing import Any

import polars as pl

from core.base.text import duration, percent
from core.dataset import Dataset
from core.eda.parts.by_file import by_file
from core.eda.parts.duration_classes import LABELS, counted
from core.eda.parts.theme import finished
from core.schema import ROLES, TIME, UNIT

TITLE = "How long are the pauses between two events?"
_QUICK = 10
"""Seconds."""
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
    """One row a file and class of the seconds from an event to the next of its session: file, place (of the class, from
    0), label, pauses, share (of the file's pauses); median (seconds) and quick (share of the pauses of ten seconds or
    less) are the same in every row of a file.
    """
    # sorted by unit and time: what stands after is the same unit's, or the unit ends
    pause = (pl.col(TIME).shift(-1) - pl.col(TIME)).alias("pause")
    parts = []
    for role in ROLES:
        events = dataset.events(role).select(UNIT, TIME)
        pauses = events.select(pause, (pl.col(UNIT) == pl.col(UNIT).shift(-1)).alias("within"))
        mine = pauses.filter("within").select("pause").collect()
        if mine.is_empty():
            continue
        seconds = mine.get_column("pause")
        parts.append(
            counted(seconds, "pauses").select(
                pl.lit(role).alias("file"),
                pl.all(),
                pl.lit(seconds.median(), pl.Float64).alias("median"),
                pl.lit((seconds <= _QUICK).mean(), pl.Float64).alias("quick"),
            )
        )
    return pl.concat(parts) if parts else pl.DataFrame(schema=_SCHEMA)


def finding(data: pl.DataFrame) -> str:
    """The usual pause, in a sentence."""
    if data.is_empty():
        return "No session has two events, so there is no pause."
    row = data.row(0, named=True)
    return (
        f"In {row['file']} half of the pauses within a session last at most {duration(row['median'])}; "
        f"{percent(row['quick'])} last {_QUICK} s or less."
    )


def figure(data: pl.DataFrame) -> Any:  # noqa: ANN401 (Altair's charts share no type)
    """Draw a bar a class, the files beside each other."""
    chart = by_file(data, "from an event to the next", LABELS, of="the pauses", tooltip="pause", counted="pauses")
    return finished(chart, f"Pauses within sessions. {finding(data)}")
