"""Out-of-fold predictions against the values that came, as a density: never a point for every session."""

from __future__ import annotations

from typing import Any

import altair as alt
import numpy as np
import polars as pl

from core.base.text import number, percent
from core.eda.parts.theme import ACCENT, MUTED, finished, short_axis
from core.schema import STACK, VALUE, VALUE_UNIT

TITLE = "Do predictions follow the values?"
_BINS = 40
_LEAST_SHARE = 0.01
"""Of the mean value: what lies below stands at the lower end of the logarithmic axes."""
_SCHEMA = {
    "low_x": pl.Float64,
    "high_x": pl.Float64,
    "low_y": pl.Float64,
    "high_y": pl.Float64,
    "sessions": pl.Int64,
    "explained": pl.Float64,
    "near": pl.Float64,
}


def frame(oof: pl.DataFrame) -> pl.DataFrame:
    """One row a cell that holds sessions: low_x to high_x predicted, low_y to high_y true (value units, on a log
    scale), sessions; the same in every row: explained (share of the values' variance) and near (share of the sessions
    worth between half and twice what was predicted, both included).

    `oof` has value and stack, NaN or null where nothing was predicted; such rows are left out.
    """
    told = oof.select(VALUE, pl.col(STACK).fill_nan(None)).drop_nulls()
    true, predicted = (told.get_column(name).to_numpy() for name in (VALUE, STACK))
    if not len(true) or not max(true.max(), predicted.max()) > 0:
        return pl.DataFrame(schema=_SCHEMA)
    least = max(_LEAST_SHARE * float(true.mean()), float(np.finfo(float).tiny))
    most = max(float(true.max()), float(predicted.max()), 2 * least)
    edges = np.geomspace(least, most * (1 + 1e-9), _BINS + 1)
    counts, _, _ = np.histogram2d(np.clip(predicted, least, most), np.clip(true, least, most), bins=(edges, edges))
    x, y = np.nonzero(counts)
    variance = float(true.var())
    explained = 1 - float(np.mean((true - predicted) ** 2)) / variance if variance else 0.0
    # not counted from the cells: the lowest hold 0 and a hundredth of the mean alike
    near = float(np.mean((true >= predicted / 2) & (true <= predicted * 2)))
    return pl.DataFrame(
        {
            "low_x": edges[x],
            "high_x": edges[x + 1],
            "low_y": edges[y],
            "high_y": edges[y + 1],
            "sessions": counts[x, y],
            "explained": np.full(len(x), explained),
            "near": np.full(len(x), near),
        },
        schema=_SCHEMA,
        strict=False,
    )


def finding(data: pl.DataFrame) -> str:
    """How much of the differences between sessions is foreseen, in a sentence."""
    if data.is_empty():
        return "No session has an out-of-fold prediction above 0."
    return (
        f"Out of fold, {percent(data.item(0, 'explained'))} of the variance of session values is foreseen; "
        f"{percent(data.item(0, 'near'))} of the sessions are worth between half and twice what was said."
    )


def figure(data: pl.DataFrame) -> Any:  # noqa: ANN401 (Altair's charts share no type)
    """Draw the density, and the line on which predictions are right."""
    ends = data.select("low_x", "low_y", "high_x", "high_y").to_numpy()
    low, high = (float(ends.min()), float(ends.max())) if len(ends) else (1.0, 10.0)
    scale = alt.Scale(type="log", domain=[low, high], nice=False)
    axis = short_axis(6)
    cells = (
        alt.Chart(data.with_columns(pl.col("sessions").map_elements(number, return_dtype=pl.String).alias("told")))
        .mark_rect()
        .encode(
            x=alt.X("low_x:Q", title=f"predicted ({VALUE_UNIT}, log scale)", scale=scale, axis=axis),
            x2="high_x:Q",
            y=alt.Y("low_y:Q", title=f"true ({VALUE_UNIT}, log scale)", scale=scale, axis=axis),
            y2="high_y:Q",
            color=alt.Color(
                "sessions:Q",
                title="sessions",
                scale=alt.Scale(type="log", range=["#C5D0F5", ACCENT]),
                legend=None,
            ),
            tooltip=[
                alt.Tooltip("low_x:Q", title="predicted from", format=",.3~r"),
                alt.Tooltip("high_x:Q", title="to", format=",.3~r"),
                alt.Tooltip("low_y:Q", title="true from", format=",.3~r"),
                alt.Tooltip("high_y:Q", title="to", format=",.3~r"),
                alt.Tooltip("told:N", title="sessions"),
            ],
        )
    )
    right = (
        alt.Chart(pl.DataFrame({"at": [low, high]}))
        .mark_line(color=MUTED, strokeDash=[4, 4])
        .encode(x=alt.X("at:Q", scale=scale), y=alt.Y("at:Q", scale=scale))
    )
    return finished(cells + right, f"Predicted against true values, out of fold. {finding(data)}", height=360)
