"""How few sessions determine the mean squared error."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import altair as alt
import polars as pl

from core.base.text import percent
from core.eda.parts.theme import FILE_COLOURS, Figure, Hover, finished, share_axis

TITLE = "How few sessions decide the score?"
_STATED_SHARE = 0.001
"""Share of the sessions in the finding; the nearest share that the audit recorded is used."""
_COLOUR = FILE_COLOURS["train"]
_SCHEMA = {"sessions": pl.Float64, "deviation": pl.Float64}


def frame(records: Sequence[Mapping[str, object]]) -> pl.DataFrame:
    """Return the cumulative share of squared deviation by share of sessions; one row per point, sorted by `sessions`.

    Args:
        records: table of the audit's finding on the tail of the values. May be empty.

    Returns:
        sessions: share of the train sessions, those farthest from the average value first; above 0.
        deviation: share of all squared deviation from the average value in these sessions, 0 to 1.
    """
    rows = [{name: record[name] for name in _SCHEMA} for record in records]
    return pl.DataFrame(rows, schema=_SCHEMA).sort("sessions")


def finding(data: pl.DataFrame) -> str:
    """State the share of the squared deviation in the most extreme sessions."""
    if data.is_empty():
        return "The audit recorded no tail of the values."
    distance = (pl.col("sessions").log() - math.log(_STATED_SHARE)).abs()
    row = data.sort(distance, "sessions").row(0, named=True)
    return (
        f"The {percent(row['sessions'])} of the sessions that are farthest from the average value have "
        f"{percent(row['deviation'])} of all squared deviation."
    )


def figure(data: pl.DataFrame) -> Figure:
    """Draw the curve on a log axis of sessions, because it is steepest within the first 1%."""
    title = "share of the sessions, farthest from the average first (log scale)"
    log, whole = alt.Scale(type="log", nice=False), alt.Scale(domain=[0, 1])
    base = alt.Chart(data).encode(
        x=alt.X("sessions:Q", title=title, scale=log, axis=alt.Axis(format="~%", tickCount=5)),
        y=alt.Y("deviation:Q", title="share of squared deviation", scale=whole, axis=share_axis()),
        tooltip=[*Hover.numbers(".3%", "sessions"), *Hover.shares(deviation="squared deviation")],
    )
    chart = base.mark_line(color=_COLOUR, strokeWidth=2.5, point={"size": 30, "filled": True, "color": _COLOUR})
    return finished(chart, f"Share of the squared deviation by share of the sessions. {finding(data)}")
