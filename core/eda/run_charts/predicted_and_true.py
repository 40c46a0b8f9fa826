"""Out-of-fold predictions against true values, as a density."""

from __future__ import annotations

import altair as alt
import numpy as np
import polars as pl

from core.base.amounts import value_unit
from core.base.text import percent
from core.eda.parts.density import CELL_SCHEMA, count_cells, diagonal
from core.eda.parts.theme import ACCENT, Figure, Hover, finished, short_axis
from core.schema import STACK, VALUE

TITLE = "Do predictions follow the values?"
_BINS = 40
_AXIS_START = 0.01
"""Lower end of the log axes as a share of the average value; smaller values count in the lowest cells."""
_SCHEMA = CELL_SCHEMA | dict.fromkeys(("explained", "near"), pl.Float64)


def frame(oof: pl.DataFrame) -> pl.DataFrame:
    """Count sessions by prediction and true value, on log scales; one row per cell that has any.

    Returns:
        low_x, high_x: range of the prediction.
        low_y, high_y: range of the true value.
        sessions: number of sessions.
        explained: share of the variance of the values that the predictions explain; the same in every row.
        near: share of the sessions whose value is between half and twice the prediction; the same in every row.

        Empty if there is no prediction, or if no prediction and no value is above 0.
    """
    rows = oof.select(VALUE, pl.col(STACK).fill_nan(None)).drop_nulls()
    true, predicted = (rows.get_column(name).to_numpy() for name in (VALUE, STACK))
    if not len(true) or not max(true.max(), predicted.max()) > 0:
        return pl.DataFrame(schema=_SCHEMA).rename({"count": "sessions"})
    low = max(_AXIS_START * float(true.mean()), float(np.finfo(float).tiny))
    high = max(float(true.max()), float(predicted.max()), 2 * low)
    edges = np.geomspace(low, high * (1 + 1e-9), _BINS + 1)
    variance = float(true.var())
    explained = 1 - float(np.mean((true - predicted) ** 2)) / variance if variance else 0.0
    # not computed from the cells, because the lowest ones also contain everything below the start of the axis
    near = float(np.mean((true >= predicted / 2) & (true <= predicted * 2)))
    cells = count_cells(predicted, true, edges, edges).rename({"count": "sessions"})
    return cells.with_columns(pl.lit(explained).alias("explained"), pl.lit(near).alias("near"))


def finding(data: pl.DataFrame) -> str:
    """State the explained share of the variance, and the share of sessions whose prediction is close."""
    if data.is_empty():
        return "No session has an out-of-fold prediction above 0."
    return (
        f"Out-of-fold predictions explain {percent(data.item(0, 'explained'))} of the variance of session values; "
        f"{percent(data.item(0, 'near'))} of the sessions are worth between half and twice their prediction."
    )


def figure(data: pl.DataFrame) -> Figure:
    """Draw the density, and the line on which predictions are right."""
    ends = data.select("low_x", "low_y", "high_x", "high_y").to_numpy()
    low, high = (float(ends.min()), float(ends.max())) if len(ends) else (1.0, 10.0)
    scale = alt.Scale(type="log", domain=[low, high], nice=False)
    axis = short_axis(6)
    colours = alt.Scale(type="log", range=["#C5D0F5", ACCENT])
    base = alt.Chart(data).encode(
        x=alt.X("low_x:Q", title=f"predicted ({value_unit()}, log scale)", scale=scale, axis=axis),
        x2="high_x:Q",
        y=alt.Y("low_y:Q", title=f"actual ({value_unit()}, log scale)", scale=scale, axis=axis),
        y2="high_y:Q",
        color=alt.Color("sessions:Q", title="sessions", scale=colours, legend=None),
        tooltip=[
            *Hover.amounts(low_x="predicted from", high_x="predicted to", low_y="true from", high_y="true to"),
            *Hover.counts("sessions"),
        ],
    )
    cells = base.mark_rect()
    chart = cells + diagonal(low, high, scale)
    return finished(chart, f"Predicted against actual values, out of fold. {finding(data)}", height=360)
