"""The Lorenz curve of session values: how the total value is distributed over the sessions."""

from __future__ import annotations

import altair as alt
import numpy as np
import polars as pl

from core.base.text import fixed, percent
from core.eda.parts.density import diagonal
from core.eda.parts.theme import FILE_COLOURS, Figure, Hover, finished, share_axis
from core.schema import VALUE

TITLE = "Do few sessions hold most of the value?"
_POINTS = 200
_SCHEMA = {"sessions": pl.Float64, "value": pl.Float64, "gini": pl.Float64}


def frame(sessions: pl.DataFrame) -> pl.DataFrame:
    """Compute the Lorenz curve; one row per point, sessions with the lowest value first.

    Returns:
        sessions: share of the sessions, 0 to 1.
        value: share of the total value that these sessions hold.
        gini: Gini coefficient (Gini 1912), from the trapezoids under the curve; the same in every row.

        Empty if no session has a value above 0.
    """
    values = np.sort(sessions.get_column(VALUE).drop_nulls().to_numpy())
    n = len(values)
    if not n or not values.sum() > 0:
        return pl.DataFrame(schema=_SCHEMA)
    held = np.concatenate([[0.0], np.cumsum(values)]) / values.sum()
    gini = 1.0 - float(np.sum((held[1:] + held[:-1]) / n))
    at = np.unique(np.round(np.linspace(0, n, min(_POINTS, n) + 1)).astype(np.int64))
    return pl.DataFrame({"sessions": at / n, "value": held[at], "gini": np.full(len(at), gini)}, schema=_SCHEMA)


def finding(data: pl.DataFrame) -> str:
    """State the share of the total value in the top 10% of the sessions."""
    if data.is_empty():
        return "No train session has a value above 0."
    below_top = float(np.interp(0.9, data.get_column("sessions").to_numpy(), data.get_column("value").to_numpy()))
    return (
        f"The top 10% of the sessions hold {percent(1 - below_top)} of the total value (Gini coefficient "
        f"{fixed(data.item(0, 'gini'), 2)}, where 0 means all are equal)."
    )


def figure(data: pl.DataFrame) -> Figure:
    """Draw the curve, and the line on which all sessions would have the same value."""
    colour = FILE_COLOURS["train"]
    base = alt.Chart(data).encode(
        x=alt.X("sessions:Q", title="share of the sessions, lowest value first", axis=share_axis()),
        y=alt.Y("value:Q", title="share of all value", axis=share_axis()),
        tooltip=Hover.shares("sessions", value="total value"),
    )
    curve = base.mark_area(color=colour, opacity=0.25, line={"color": colour, "strokeWidth": 2.5})
    return finished(curve + diagonal(0.0, 1.0), f"Lorenz curve of session values. {finding(data)}")
