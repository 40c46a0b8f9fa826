"""Session value by number of events."""

from __future__ import annotations

import polars as pl

from core.base.amounts import value_text
from core.eda.charts.session_length import LABEL, LABELS, LENGTH
from core.eda.parts.sentences import NO_VALUES
from core.eda.parts.session_table import FILE, valued_sessions
from core.eda.parts.split import GROUP, add_groups, all_groups, group_column, group_sentence
from core.eda.parts.theme import Figure
from core.eda.parts.value_by_class import SUMMARY_COLUMNS, draw_averages, draw_summary, summarize
from core.schema import UNIT

TITLE = "Are longer sessions worth more?"
SPLITS = ("users", "category", "purchase")


def frame(sessions: pl.DataFrame, by: pl.DataFrame | None = None) -> pl.DataFrame:
    """Summarize the value of train sessions by number of events; one row per length that occurs.

    Args:
        by: groups that are compared, see `core.eda.parts.split.group_units`.

    Returns:
        group: with `by` only; there is then one row per (group, length).
        length, label: number of events, where 20 means 20 or more, and the number as text.
        sessions: number of sessions.
        mean, median, low, high: average, median, first and third quartile of their values.
    """
    if by is None:
        return summarize(valued_sessions(sessions), LENGTH).select("length", LABEL, *SUMMARY_COLUMNS)
    rows, _ = add_groups(valued_sessions(sessions, UNIT), by)
    summaries = [
        summarize(rows.filter(pl.col(GROUP) == group), LENGTH).select(
            pl.lit(group).alias(GROUP), "length", LABEL, *SUMMARY_COLUMNS
        )
        for group in all_groups(by)
    ]
    return pl.concat(summaries)


def finding(data: pl.DataFrame) -> str:
    """Compare the average value of the shortest and the longest sessions."""
    if data.is_empty():
        return NO_VALUES
    if group_column(data) != FILE:
        total, weight = (pl.col("mean") * pl.col("sessions")).sum(), pl.col("sessions").sum()
        means = data.group_by(GROUP, maintain_order=True).agg((total / weight).alias("mean"))
        return group_sentence("The average value", {group: value_text(mean) for group, mean in means.iter_rows()})
    shortest, longest = data.row(0, named=True), data.row(-1, named=True)
    event = "event" if shortest["length"] == 1 else "events"
    sentence = f"Sessions of {shortest['label']} {event} are worth {value_text(shortest['mean'])} on average"
    if data.height == 1:
        return f"{sentence}."
    return f"{sentence}, and those of {longest['label']} events {value_text(longest['mean'])}."


def figure(data: pl.DataFrame) -> Figure:
    """Draw quartiles, median and average of the value by length."""
    description = f"Session value by number of events. {finding(data)}"
    if group_column(data) != FILE:
        return draw_averages(data, description, title="events in the session", labels=LABELS, class_name="events")
    return draw_summary(data, description, title="events in the session", labels=LABELS, class_name="events")
