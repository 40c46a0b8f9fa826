"""Session value by duration."""

from __future__ import annotations

import polars as pl

from core.base.amounts import value_text
from core.base.text import count, short_duration
from core.eda.charts.session_duration import AXIS_TITLE
from core.eda.parts.duration_classes import ENDS, LABELS, duration_class
from core.eda.parts.session_table import DURATION, EVENTS, valued_sessions
from core.eda.parts.theme import Figure
from core.eda.parts.value_by_class import SUMMARY_COLUMNS, draw_summary, summarize

TITLE = "Are sessions that last longer worth more?"
SINGLE_EVENT = -1
"""Class of the sessions with one event, which have no duration."""
_LABELS = {SINGLE_EVENT: "1 event", **dict(enumerate(LABELS))}
MIN_SESSIONS = 30
"""The finding does not compare classes with fewer sessions, because their average is too uncertain."""


def frame(sessions: pl.DataFrame) -> pl.DataFrame:
    """Summarize the value of train sessions by duration; one row per class that occurs.

    Returns:
        place, label: index (from 0, and -1 for sessions of one event) and label of the class.
        sessions: number of sessions.
        mean, median, low, high: average, median, first and third quartile of their values.
    """
    place = pl.when(pl.col(EVENTS) > 1).then(duration_class(pl.col(DURATION))).otherwise(SINGLE_EVENT)
    label = pl.col("place").replace_strict(_LABELS, return_dtype=pl.String).alias("label")
    by_class = summarize(valued_sessions(sessions, DURATION), place.cast(pl.Int64).alias("place"))
    return by_class.select("place", label, *SUMMARY_COLUMNS)


def finding(data: pl.DataFrame) -> str:
    """Name the classes with the highest and the lowest average value, among those of at least 30 sessions."""
    by_mean = data.filter(pl.col("sessions") >= MIN_SESSIONS).sort("mean")
    if by_mean.height < 2:
        return f"Fewer than two classes have {MIN_SESSIONS} sessions with a value."
    lowest, highest = by_mean.row(0, named=True), by_mean.row(-1, named=True)
    low, high = value_text(lowest["mean"]), value_text(highest["mean"])
    condition = f"classes with fewer than {count(MIN_SESSIONS, 'session')} are left out"
    if low == high:
        return f"The average session value is {high} at every duration; {condition}."
    return (
        f"The average value is highest for sessions of {_describe_class(highest['place'])} ({high}) and lowest for "
        f"those of {_describe_class(lowest['place'])} ({low}); {condition}."
    )


def _describe_class(place: int) -> str:
    if place == SINGLE_EVENT:
        return "a single event"
    if place == 0:
        return "several events within a second"
    if place == len(ENDS):
        return f"more than {short_duration(ENDS[-1])}"
    return f"{short_duration(ENDS[place - 1])} to {short_duration(ENDS[place])}"


def figure(data: pl.DataFrame) -> Figure:
    """Draw quartiles, median and average of the value by duration."""
    description = f"Session value by duration. {finding(data)}"
    return draw_summary(data, description, title=AXIS_TITLE, labels=list(_LABELS.values()), class_name="duration")
