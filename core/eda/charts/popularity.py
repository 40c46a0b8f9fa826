"""Whether popular products occur in high-value sessions."""

from __future__ import annotations

import altair as alt
import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.stats import spearmanr

from core.base.text import count, number
from core.eda.parts.density import CELL_SCHEMA, count_cells
from core.eda.parts.product_counts import MEAN_VALUE, SESSIONS
from core.eda.parts.theme import ACCENT, Figure, finished, short_axis
from core.schema import VALUE_UNIT

TITLE = "Are popular products in high-value sessions?"
_COLUMNS, _ROWS = 24, 20
"""Cells across and up: at most 480 marks, whatever the number of products."""
_WEAK = 0.1
"""A rank correlation closer to 0 counts as no relation."""
_MIN_SESSIONS = 3
"""The average value of fewer sessions says little about a product."""
_NAMES = {
    "low_x": "low_sessions",
    "high_x": "high_sessions",
    "low_y": "low_value",
    "high_y": "high_value",
    "count": "products",
}
_SCHEMA = {_NAMES[name]: kind for name, kind in CELL_SCHEMA.items()} | {"spearman": pl.Float64, "all": pl.Int64}


def frame(products: pl.DataFrame) -> pl.DataFrame:
    """Count products by popularity and average value, on log scales; one row per cell that has any.

    Products with fewer than three valued sessions, or with an average value of 0, are left out.

    Returns:
        low_sessions, high_sessions: Range of the number of train sessions with the product.
        low_value, high_value: Range of the average value of these sessions, in value units.
        products: Number of products in the cell.
        spearman: Rank correlation over all products; null if either quantity does not vary. The same in every row.
        all: Number of products counted; the same in every row.
    """
    products = products.filter(pl.col(SESSIONS) >= _MIN_SESSIONS, pl.col(MEAN_VALUE) > 0)
    if products.is_empty():
        return pl.DataFrame(schema=_SCHEMA)
    sessions = products.get_column(SESSIONS).to_numpy().astype(np.float64)
    value = products.get_column(MEAN_VALUE).to_numpy()
    varies = np.ptp(sessions) > 0 and np.ptp(value) > 0
    spearman = float(spearmanr(sessions, value).statistic) if varies else None
    cells = count_cells(sessions, value, _log_edges(sessions, _COLUMNS), _log_edges(value, _ROWS)).rename(_NAMES)
    return cells.with_columns(
        pl.lit(spearman, pl.Float64).alias("spearman"), pl.lit(len(sessions), pl.Int64).alias("all")
    )


def _log_edges(values: NDArray[np.float64], cells: int) -> NDArray[np.float64]:
    """Return the edges of cells of equal width on a log scale; values that differ only by rounding share a cell."""
    return np.geomspace(values.min(), max(values.max(), values.min() * 1.01), cells + 1)


def finding(data: pl.DataFrame) -> str:
    """State whether popularity goes with higher or lower values."""
    if data.is_empty():
        return f"No product has {_MIN_SESSIONS} train sessions with an average value above 0."
    products, spearman = count(data.item(0, "all"), "product"), data.item(0, "spearman")
    if spearman is None:
        return f"The {products} do not differ in popularity or in value."
    if abs(spearman) < _WEAK:
        return f"Popularity says little about value (rank correlation {number(spearman)} over {products})."
    side = "higher" if spearman > 0 else "lower"
    return (
        f"More popular products are in sessions of {side} value (rank correlation {number(spearman)} over {products})."
    )


def figure(data: pl.DataFrame) -> Figure:
    """Draw the cells, darker where there are more products."""
    top = max(int(data.get_column("products").to_numpy().max(initial=2)), 2)
    scale = alt.Scale(type="log", nice=False)
    axis = short_axis(6)
    darkness = alt.Scale(type="log", domain=[1, top], range=[0.22, 1])
    chart = (
        alt.Chart(data)
        .mark_rect(color=ACCENT)
        .encode(
            x=alt.X("low_sessions:Q", title="train sessions with the product (log scale)", scale=scale, axis=axis),
            x2="high_sessions:Q",
            y=alt.Y("low_value:Q", title=f"average value ({VALUE_UNIT}, log scale)", scale=scale, axis=axis),
            y2="high_value:Q",
            opacity=alt.Opacity("products:Q", scale=darkness, legend=None),
            tooltip=[
                alt.Tooltip("low_sessions:Q", title="sessions from", format=",.0f"),
                alt.Tooltip("high_sessions:Q", title="to", format=",.0f"),
                alt.Tooltip("low_value:Q", title="average value from", format=",.3~r"),
                alt.Tooltip("high_value:Q", title="up to", format=",.3~r"),
                alt.Tooltip("products:Q", format=","),
            ],
        )
    )
    description = f"Products by popularity and by the average value of their sessions. {finding(data)}"
    return finished(chart, description, height=320)
