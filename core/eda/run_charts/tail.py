"""How few sessions decide the mean squared error."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import polars as pl

from core.base.text import percent
from core.eda.parts.theme import FILE_COLOURS, finished

TITLE = "How few sessions decide the score?"
_TOLD = 0.001
"""The share of the sessions that the sentence is about: one in a thousand."""
_COLOUR = FILE_COLOURS["train"]


def frame(records: Sequence[Mapping[str, object]]) -> pl.DataFrame:
    """The curve, one row a point, by sessions: sessions (share of train's sessions, those farthest from the mean value
    first, above 0), deviation (share of all squared deviation from the mean that they have, 0 to 1).

    `records` is the table of the audit's finding on the tail; empty gives an empty frame.
    """
    schema = {"sessions": pl.Float64, "deviation": pl.Float64}
    return pl.DataFrame([{name: record[name] for name in schema} for record in records], schema=schema).sort("sessions")


def finding(data: pl.DataFrame) -> str:
    """What one session in a thousand has, in a sentence."""
    if data.is_empty():
        return "No tail of the values was noted."
    row = data.sort((pl.col("sessions").log() - math.log(_TOLD)).abs(), "sessions").row(0, named=True)
    return (
        f"The {percent(row['sessions'])} of the sessions that lie farthest from the mean value have "
        f"{percent(row['deviation'])} of all squared deviation."
    )


def figure(data: pl.DataFrame) -> Any:  # noqa: ANN401 (Altair's charts share no type)
    """Draw the curve; the axis of the sessions is logarithmic, because the steep part lies in its first thousandths."""
    chart = (
        alt.Chart(data)
        .mark_line(color=_COLOUR, strokeWidth=2.5, point={"size": 30, "filled": True, "color": _COLOUR})
        .encode(
            x=alt.X(
                "sessions:Q",
                title="share of the sessions, farthest from the mean first (log scale)",
                scale=alt.Scale(type="log", nice=False),
                axis=alt.Axis(format="~%", tickCount=5),
            ),
            y=alt.Y(
                "deviation:Q",
                title="share of the squared deviation",
                scale=alt.Scale(domain=[0, 1]),
                axis=alt.Axis(format="%", tickCount=5),
            ),
            tooltip=[
                alt.Tooltip("sessions:Q", title="sessions", format=".3%"),
                alt.Tooltip("deviation:Q", title="squared deviation", format=".1%"),
            ],
        )
    )
    return finished(chart, f"Share of the squared deviation by share of the sessions. {finding(data)}")
