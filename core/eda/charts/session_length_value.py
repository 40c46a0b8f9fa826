"""Session value by number of events."""

from __future__ import annotations

import polars as pl

from core.base.text import number
from core.eda.charts.session_length import LABEL, LABELS, LENGTH
from core.eda.parts.sentences import NO_VALUES
from core.eda.parts.session_table import EVENTS
from core.eda.parts.theme import Figure, finished
from core.eda.parts.value_by_class import SUMMARY_COLUMNS, draw_summary, summarize
from core.schema import VALUE

TITLE = "Are longer sessions worth more?"


def frame(sessions: pl.DataFrame) -> pl.DataFrame:
    """Summarize the value of train sessions by number of events; one row per length.

    Returns:
        length (20 means 20 or more), label, sessions, mean, median, low and high (quartiles), in value units.
    """
    counted = sessions.select(EVENTS, VALUE).filter(pl.col(EVENTS) > 0)
    return summarize(counted, LENGTH).select("length", LABEL, *SUMMARY_COLUMNS)


def finding(data: pl.DataFrame) -> str:
    """Compare the average value of the shortest and the longest sessions."""
    if data.is_empty():
        return NO_VALUES
    shortest, longest = data.row(0, named=True), data.row(-1, named=True)
    event = "event" if shortest["length"] == 1 else "events"
    sentence = f"Sessions of {shortest['label']} {event} are worth {number(shortest['mean'])} on average"
    if data.height == 1:
        return f"{sentence}."
    return f"{sentence}, those of {longest['label']} events {number(longest['mean'])}."


def figure(data: pl.DataFrame) -> Figure:
    """Draw quartiles, median and average of the value by length."""
    chart = draw_summary(data, "events in the session", LABELS, tooltip="events")
    return finished(chart, f"Session value by number of events. {finding(data)}")
