"""Session value by number of events."""

from __future__ import annotations

import polars as pl

from core.base.text import number
from core.eda.charts.session_length import LABEL, LABELS, LENGTH
from core.eda.parts.sentences import NO_VALUES
from core.eda.parts.session_table import valued_sessions
from core.eda.parts.theme import Figure
from core.eda.parts.value_by_class import SUMMARY_COLUMNS, draw_summary, summarize

TITLE = "Are longer sessions worth more?"


def frame(sessions: pl.DataFrame) -> pl.DataFrame:
    """Summarize the value of train sessions by number of events; one row per length that occurs.

    Returns:
        length, label: number of events, where 20 means 20 or more, and the number as text.
        sessions: number of sessions.
        mean, median, low, high: average, median, first and third quartile of their values.
    """
    return summarize(valued_sessions(sessions), LENGTH).select("length", LABEL, *SUMMARY_COLUMNS)


def finding(data: pl.DataFrame) -> str:
    """Compare the average value of the shortest and the longest sessions."""
    if data.is_empty():
        return NO_VALUES
    shortest, longest = data.row(0, named=True), data.row(-1, named=True)
    event = "event" if shortest["length"] == 1 else "events"
    sentence = f"Sessions of {shortest['label']} {event} are worth {number(shortest['mean'])} on average"
    if data.height == 1:
        return f"{sentence}."
    return f"{sentence}, and those of {longest['label']} events {number(longest['mean'])}."


def figure(data: pl.DataFrame) -> Figure:
    """Draw quartiles, median and average of the value by length."""
    description = f"Session value by number of events. {finding(data)}"
    return draw_summary(data, description, title="events in the session", labels=LABELS, class_name="events")
