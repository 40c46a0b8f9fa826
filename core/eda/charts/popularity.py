"""Whether what many look at is what valuable sessions look at."""

from __future__ import annotations

from typing import Any

import altair as alt
import numpy as np
import polars as pl
from scipy.stats import spearmanr

from core.base.text import count, number
from core.eda.parts.product_counts import MEAN_VALUE, SESSIONS
from core.eda.parts.theme import ACCENT, finished, short_axis
from core.schema import VALUE_UNIT

TITLE = "Are popular products in valuable sessions?"
_ACROSS, _UP = 24, 20
"""Cells: 480 at most, whatever the number of products."""
_WEAK = 0.1
"""Rank correlations nearer to 0 are called no relation."""
_FEWEST_SESSIONS = 3
"""Of a product, below which its mean says little."""
_SCHEMA = {
    "low_sessions": pl.Float64,
    "high_sessions": pl.Float64,
    "low_value": pl.Float64,
    "high_value": pl.Float64,
    "products": pl.Int64,
    "spearman": pl.Float64,
    "all": pl.Int64,
}


def frame(products: pl.DataFrame) -> pl.DataFrame:
    """A cell a range of popularity (train sessions with the product) and mean value of those sessions (value units),
    both on log scales: low_sessions, high_sessions, low_value, high_value, products in it; spearman (rank correlation
    over products; null where one of the two is the same everywhere) and all (products counted) are the same in every
    row. Products of fewer than three sessions with a value, or of mean 0, are left out. `products` are those of
    core.eda.parts.product_counts.
    """
    products = products.filter(pl.col(SESSIONS) >= _FEWEST_SESSIONS, pl.col(MEAN_VALUE) > 0)
    if products.is_empty():
        return pl.DataFrame(schema=_SCHEMA)
    sessions = products.get_column(SESSIONS).to_numpy().astype(np.float64)
    value = products.get_column(MEAN_VALUE).to_numpy()
    across, up = _edges(sessions, _ACROSS), _edges(value, _UP)
    cells, _, _ = np.histogram2d(np.clip(sessions, across[0], across[-1]), np.clip(value, up[0], up[-1]), (across, up))
    varied = np.ptp(sessions) > 0 and np.ptp(value) > 0
    found = np.argwhere(cells > 0)
    return pl.DataFrame(
        {
            "low_sessions": across[found[:, 0]],
            "high_sessions": across[found[:, 0] + 1],
            "low_value": up[found[:, 1]],
            "high_value": up[found[:, 1] + 1],
            "products": cells[found[:, 0], found[:, 1]].astype(np.int64),
            "spearman": [float(spearmanr(sessions, value).statistic) if varied else None] * len(found),
            "all": [len(sessions)] * len(found),
        },
        schema=_SCHEMA,
    )


def _edges(values: Any, cells: int) -> Any:  # noqa: ANN401 (NumPy arrays)
    """Equally wide on a log scale, never narrower than a rounding error."""
    return np.geomspace(values.min(), max(values.max(), values.min() * 1.01), cells + 1)


def finding(data: pl.DataFrame) -> str:
    """Which way it goes, in a sentence."""
    if data.is_empty():
        return f"No product stands in {_FEWEST_SESSIONS} sessions or more with values of a mean above 0."
    of, rank = count(data.item(0, "all"), "product"), data.item(0, "spearman")
    if rank is None:
        return f"Of {of} all are equally popular, or in sessions of equal value."
    clear = f"goes with {'higher' if rank > 0 else 'lower'}"
    how = "hardly says anything about" if abs(rank) < _WEAK else clear
    return f"Over {of} popularity {how} value: the rank correlation is {number(rank)}."


def figure(data: pl.DataFrame) -> Any:  # noqa: ANN401 (Altair's charts share no type)
    """Draw the cells, darker where more products are."""
    most = max(int(data.get_column("products").max()), 2) if data.height else 2  # type: ignore[arg-type]
    scale = alt.Scale(type="log", nice=False)
    axis = short_axis(6)
    chart = (
        alt.Chart(data)
        .mark_rect(color=ACCENT)
        .encode(
            x=alt.X("low_sessions:Q", title="train sessions with the product (log scale)", scale=scale, axis=axis),
            x2="high_sessions:Q",
            y=alt.Y("low_value:Q", title=f"their mean value ({VALUE_UNIT}, log scale)", scale=scale, axis=axis),
            y2="high_value:Q",
            opacity=alt.Opacity(
                "products:Q", scale=alt.Scale(type="log", domain=[1, most], range=[0.22, 1]), legend=None
            ),
            tooltip=[
                alt.Tooltip("low_sessions:Q", title="sessions from", format=",.0f"),
                alt.Tooltip("high_sessions:Q", title="to", format=",.0f"),
                alt.Tooltip("low_value:Q", title="mean value from", format=",.3~r"),
                alt.Tooltip("high_value:Q", title="up to", format=",.3~r"),
                alt.Tooltip("products:Q", format=","),
            ],
        )
    )
    return finished(
        chart, f"Products by popularity and by the mean value of their sessions. {finding(data)}", height=320
    )
