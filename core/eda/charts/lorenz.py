"""How unequal session values are: the share of all value that the most valuable sessions hold."""

from __future__ import annotations

from typing import Any

import altair as alt
import numpy as np
import polars as pl

from core.base.text import percent
from core.eda.parts.theme import FILE_COLOURS, MUTED, finished
from core.schema import VALUE

TITLE = "Do few sessions hold most of the value?"
_POINTS = 200
_SCHEMA = {"sessions": pl.Float64, "value": pl.Float64, "gini": pl.Float64}


def frame(sessions: pl.DataFrame) -> pl.DataFrame:
    """One row a point of the Lorenz curve, the least valuable sessions first: sessions (share, 0 to 1), value (the
    share of all value that they hold), gini (the same in every row). `sessions` has value; null ones are left out.
    """
    values = np.sort(sessions.get_column(VALUE).drop_nulls().to_numpy())
    if not len(values) or not values.sum() > 0:
        return pl.DataFrame(schema=_SCHEMA)
    held = np.concatenate([[0.0], np.cumsum(values)]) / values.sum()
    share = np.arange(len(values) + 1) / len(values)
    # trapezes under the curve (Gini 1912)
    gini = 1.0 - float(np.sum((held[1:] + held[:-1]) / len(values)))
    at = np.unique(np.round(np.linspace(0, len(values), min(_POINTS, len(values)) + 1)).astype(np.int64))
    return pl.DataFrame({"sessions": share[at], "value": held[at], "gini": np.full(len(at), gini)}, schema=_SCHEMA)


def finding(data: pl.DataFrame) -> str:
    """What the top tenth holds, in a sentence."""
    if data.is_empty():
        return "No train session here has a value above 0."
    rest = float(np.interp(0.9, data.get_column("sessions").to_numpy(), data.get_column("value").to_numpy()))
    return (
        f"The most valuable tenth of the sessions holds {percent(1 - rest)} of all value "
        f"(Gini coefficient {data.item(0, 'gini'):.2f}; 0: all alike, 1: one has all)."
    )


def figure(data: pl.DataFrame) -> Any:  # noqa: ANN401 (Altair's charts share no type)
    """Draw the curve, and the line on which all sessions would be worth the same."""
    axis = alt.Axis(format="%", tickCount=5)
    curve = (
        alt.Chart(data)
        .mark_area(color=FILE_COLOURS["train"], opacity=0.25, line={"color": FILE_COLOURS["train"], "strokeWidth": 2.5})
        .encode(
            x=alt.X("sessions:Q", title="share of the sessions, least valuable first", axis=axis),
            y=alt.Y("value:Q", title="share of all value", axis=axis),
            tooltip=[
                alt.Tooltip("sessions:Q", title="sessions", format=".1%"),
                alt.Tooltip("value:Q", title="hold", format=".1%"),
            ],
        )
    )
    equal = (
        alt.Chart(pl.DataFrame({"at": [0.0, 1.0]})).mark_line(color=MUTED, strokeDash=[4, 4]).encode(x="at:Q", y="at:Q")
    )
    return finished(curve + equal, f"Lorenz curve of session values. {finding(data)}")
