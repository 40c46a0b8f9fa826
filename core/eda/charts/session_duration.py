"""How long sessions last, from the first to the last event."""

from __future__ import annotations

import polars as pl

from core.base.text import duration, percent
from core.eda.parts.by_file import draw_by_file
from core.eda.parts.duration_classes import LABELS, count_by_class
from core.eda.parts.session_table import DURATION, EVENTS, FILE
from core.eda.parts.theme import Figure, finished
from core.schema import ROLES

TITLE = "How long do sessions last?"
AXIS_TITLE = "first to last event"
_SCHEMA = {
    "file": pl.String,
    "place": pl.Int64,
    "label": pl.String,
    "sessions": pl.Int64,
    "share": pl.Float64,
    "median": pl.Float64,
    "several": pl.Float64,
}


def frame(sessions: pl.DataFrame) -> pl.DataFrame:
    """Count sessions of two or more events by duration; one row per file and class of duration.

    Returns:
        place, label: Index (from 0) and label of the class.
        sessions, share: Number of sessions, and share of the file's sessions of two or more events.
        median: Median duration of these, in seconds; the same in every row of a file.
        several: Share of the file's sessions that have two or more events; the same in every row of a file.
    """
    parts = []
    for role in ROLES:
        of_file = sessions.select(FILE, EVENTS, DURATION).filter(pl.col(FILE) == role, pl.col(EVENTS) > 0)
        durations = of_file.filter(pl.col(EVENTS) > 1).get_column(DURATION)
        if durations.is_empty():
            continue
        parts.append(
            count_by_class(durations, "sessions").select(
                pl.lit(role).alias("file"),
                pl.all(),
                pl.lit(durations.median(), pl.Float64).alias("median"),
                pl.lit(len(durations) / of_file.height).alias("several"),
            )
        )
    return pl.concat(parts) if parts else pl.DataFrame(schema=_SCHEMA)


def finding(data: pl.DataFrame) -> str:
    """State the share of sessions with two or more events and their median duration."""
    if data.is_empty():
        return "No session has two events, so none has a duration."
    row = data.row(0, named=True)
    return (
        f"{percent(row['several'])} of the {row['file']} sessions have two or more events; half of these last at most "
        f"{duration(row['median'])}."
    )


def figure(data: pl.DataFrame) -> Figure:
    """Draw one bar per class and file."""
    chart = draw_by_file(data, AXIS_TITLE, LABELS, whole="the sessions", tooltip="duration")
    return finished(chart, f"Durations of sessions of two or more events. {finding(data)}")
