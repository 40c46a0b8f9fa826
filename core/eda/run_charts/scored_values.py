"""How the values of scored sessions are distributed, on a logarithmic axis."""

from __future__ import annotations

import polars as pl

from core.base.amounts import value_text
from core.base.text import percent
from core.eda.parts.histogram import draw_histogram, log_histogram, top_phrase
from core.eda.parts.theme import ACCENT, Figure
from core.schema import SESSION_VALUE

TITLE = "How do the values differ between sessions?"


def frame(values: pl.DataFrame) -> pl.DataFrame:
    """Count sessions by predicted value on a logarithmic scale; one row per bin, empty without sessions.

    Args:
        values: one row per session with the column session_value.

    Returns:
        low, high: ends of the bin. Values of 0 count in the lowest bin.
        sessions: number of sessions.
        median: median value; the same in every row.
        top_share: share of the total value in the top 1% of the sessions (at least one); the same in every row.
    """
    return log_histogram(values.get_column(SESSION_VALUE).sort().to_numpy(), "sessions")


def finding(data: pl.DataFrame) -> str:
    """State the median value and the share of the top 1% of the sessions."""
    if data.is_empty():
        return "No session was scored."
    row, n_sessions = data.row(0, named=True), int(data.get_column("sessions").sum())
    if n_sessions == 1:
        return f"The only session has a predicted value of {value_text(row['median'])}."
    return (
        f"Half of the sessions have a predicted value of at most {value_text(row['median'])}; "
        f"{top_phrase(n_sessions, 'session', 'hold')} {percent(row['top_share'])} of the total."
    )


def figure(data: pl.DataFrame) -> Figure:
    """Draw the histogram with a logarithmic value axis."""
    description = f"Histogram of predicted session values. {finding(data)}"
    return draw_histogram(data, description, title="predicted value", count="sessions", log=True, colour=ACCENT)
