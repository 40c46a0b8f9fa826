"""How long sessions last, from the first to the last event."""

from __future__ import annotations

import polars as pl

from core.base.text import duration, percent
from core.eda.parts.by_file import draw_by_file
from core.eda.parts.duration_classes import LABELS, count_by_class
from core.eda.parts.session_table import DURATION, EVENTS, FILE
from core.eda.parts.theme import Figure

TITLE = "How long do sessions last?"
AXIS_TITLE = "first to last event"


def frame(sessions: pl.DataFrame) -> pl.DataFrame:
    """Count sessions of two or more events by duration; one row per (file, class of duration).

    Returns:
        file: `train` or `test`.
        place, label: index (from 0) and label of the class.
        sessions, share: number of sessions, and share of the file's sessions of two or more events.
        median: median duration of these sessions, in seconds; the same in every row of a file.
        several: share of the file's sessions that have two or more events; the same in every row of a file.
    """
    has_several = pl.col(EVENTS) > 1
    counted = sessions.select(FILE, EVENTS, pl.col(DURATION).alias("seconds")).filter(pl.col(EVENTS) > 0)
    several = counted.group_by(pl.col(FILE).cast(pl.String)).agg(has_several.mean().alias("several"))
    by_class = count_by_class(counted.filter(has_several), "sessions")
    return by_class.join(several, on=FILE, how="left", maintain_order="left")


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
    description = f"Durations of sessions of two or more events. {finding(data)}"
    return draw_by_file(
        data, description, "sessions", title=AXIS_TITLE, labels=LABELS, whole="the sessions", class_name="duration"
    )
