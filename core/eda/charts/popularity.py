"""Whether popular products occur in high-value sessions."""

from __future__ import annotations

import altair as alt
import numpy as np
import polars as pl
from scipy.stats import spearmanr

from core.base.amounts import value_unit
from core.base.text import count, number
from core.eda.parts.density import CELL_SCHEMA, count_cells, log_edges
from core.eda.parts.product_counts import MEAN_VALUE, SESSIONS
from core.eda.parts.theme import ACCENT, Figure, Hover, finished, shade_legend, short_axis

TITLE = "Are popular products in high-value sessions?"
_COLUMNS, _ROWS = 24, 20
"""Cells of the grid: at most 480 marks, whatever the number of products."""
_WEAK = 0.1
"""An absolute rank correlation below this counts as no relation."""
_MIN_SESSIONS = 3
"""The average value of fewer sessions says little about a product."""
_NAMES = ("low_sessions", "high_sessions", "low_value", "high_value", "products")
_SCHEMA = dict(zip(_NAMES, CELL_SCHEMA.values(), strict=True)) | {"spearman": pl.Float64, "all": pl.Int64}


def frame(products: pl.DataFrame) -> pl.DataFrame:
    """Count products by popularity and average value, on log scales; one row per cell that has any.

    Products with fewer than three valued sessions, or with an average value of 0, are left out.

    Returns:
        low_sessions, high_sessions: range of the number of train sessions with the product.
        low_value, high_value: range of the average value of these sessions.
        products: number of products in the cell.
        spearman: rank correlation over all products, the same in every row; null if popularity or value does not vary.
        all: number of products counted; the same in every row.
    """
    products = products.filter(pl.col(SESSIONS) >= _MIN_SESSIONS, pl.col(MEAN_VALUE) > 0)
    if products.is_empty():
        return pl.DataFrame(schema=_SCHEMA)
    sessions = products.get_column(SESSIONS).to_numpy().astype(np.float64)
    value = products.get_column(MEAN_VALUE).to_numpy()
    varies = np.ptp(sessions) > 0 and np.ptp(value) > 0
    spearman = float(spearmanr(sessions, value).statistic) if varies else None
    cells = count_cells(sessions, value, log_edges(sessions, _COLUMNS), log_edges(value, _ROWS))
    return cells.rename(dict(zip(CELL_SCHEMA, _NAMES, strict=True))).with_columns(
        pl.lit(spearman, pl.Float64).alias("spearman"), pl.lit(len(sessions), pl.Int64).alias("all")
    )


def finding(data: pl.DataFrame) -> str:
    """State whether popularity goes with higher or lower values."""
    if data.is_empty():
        return f"No product has {_MIN_SESSIONS} train sessions with an average value above 0."
    products, spearman = count(data.item(0, "all"), "product"), data.item(0, "spearman")
    if spearman is None:
        return f"Popularity and value cannot be compared, because one of them does not vary over {products}."
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
    base = alt.Chart(data).encode(
        x=alt.X("low_sessions:Q", title="train sessions with the product (log scale)", scale=scale, axis=axis),
        x2="high_sessions:Q",
        y=alt.Y("low_value:Q", title=f"average value ({value_unit()}, log scale)", scale=scale, axis=axis),
        y2="high_value:Q",
        opacity=alt.Opacity("products:Q", scale=darkness, legend=shade_legend("products", ACCENT, number_format=",")),
        tooltip=[
            *Hover.numbers(",.0f", low_sessions="sessions from", high_sessions="sessions to"),
            *Hover.amounts(low_value="average value from", high_value="average value to"),
            *Hover.counts("products"),
        ],
    )
    description = f"Products by popularity and by the average value of their sessions. {finding(data)}"
    return finished(base.mark_rect(color=ACCENT), description, height=320)
