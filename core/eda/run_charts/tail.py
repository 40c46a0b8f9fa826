"""How few sessions decide the mean squared error."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import altair as alt
import polars as pl

from core.base.text import percent
from core.eda.parts.theme import FILE_COLOURS, Figure, finished, share_axis

TITLE = "How few sessions decide the score?"
_STATED_SHARE = 0.001
"""The finding is about this share of the sessions, or the nearest that the audit recorded."""
_COLOUR = FILE_COLOURS["train"]
_SCHEMA = {"sessions": pl.Float64, "deviation": pl.Float64}


def frame(records: Sequence[Mapping[str, object]]) -> pl.DataFrame:
    """Return the curve of squared deviation over sessions; one row per point, in order of `sessions`.

    Args:
        records: Table of the audit's finding on the tail of the values. May be empty.

    Returns:
        sessions: Share of the train sessions, those farthest from the average value first; above 0.
        deviation: Share of all squared deviation from the average value that they have, 0 to 1.
    """
    rows = [{name: record[name] for name in _SCHEMA} for record in records]
    return pl.DataFrame(rows, schema=_SCHEMA).sort("sessions")


def finding(data: pl.DataFrame) -> str:
    """State the share of the squared deviation that the most extreme sessions have."""
    if data.is_empty():
        return "The audit recorded no tail of the values."
    distance = (pl.col("sessions").log() - math.log(_STATED_SHARE)).abs()
    row = data.sort(distance, "sessions").row(0, named=True)
    return (
        f"The {percent(row['sessions'])} of the sessions that are farthest from the average value have "
        f"{percent(row['deviation'])} of all squared deviation."
    )


def figure(data: pl.DataFrame) -> Figure:
    """Draw the curve on a log axis of sessions, as it is steepest within the first 1%."""
    sessions = alt.X(
        "sessions:Q",
        title="share of the sessions, farthest from the average first (log scale)",
        scale=alt.Scale(type="log", nice=False),
        axis=alt.Axis(format="~%", tickCount=5),
    )
    deviation = alt.Y(
        "deviation:Q", title="share of squared deviation", scale=alt.Scale(domain=[0, 1]), axis=share_axis()
    )
    chart = (
        alt.Chart(data)
        .mark_line(color=_COLOUR, strokeWidth=2.5, point={"size": 30, "filled": True, "color": _COLOUR})
        .encode(
            x=sessions,
            y=deviation,
            tooltip=[
                alt.Tooltip("sessions:Q", title="sessions", format=".3%"),
                alt.Tooltip("deviation:Q", title="squared deviation", format=".1%"),
            ],
        )
    )
    return finished(chart, f"Share of the squared deviation by share of the sessions. {finding(data)}")
