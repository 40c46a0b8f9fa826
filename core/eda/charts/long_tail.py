"""How events are spread over products: a few popular ones and a long tail."""

from __future__ import annotations

from typing import Literal

import altair as alt
import numpy as np
import polars as pl

from core.base.text import count, percent
from core.eda.parts.product_counts import BUYS, EVENTS
from core.eda.parts.sentences import NO_EVENTS
from core.eda.parts.theme import ACCENT, Figure, finished, share_axis, short_axis
from core.schema import PRODUCT_ID

TITLE = "Do few products get most of the attention?"
Order = Literal["events", "buy_rate"]
FEWEST_EVENTS = 20
"""The share of purchases says little for a product with fewer events."""
_POINTS = 200
_SCHEMA = {"rank": pl.Int64, "events": pl.Int64, "held": pl.Float64, "products": pl.Int64}


def frame(products: pl.DataFrame) -> pl.DataFrame:
    """Rank products by events; one row per product, thinned to about 200 rows.

    Returns:
        rank: 1 for the most frequent product.
        events: Number of events of both files.
        held: Share of all events on this product and those ranked before it.
        products: Number of products; the same in every row.
    """
    events = np.sort(products.get_column(EVENTS).to_numpy())[::-1]
    if not len(events):
        return pl.DataFrame(schema=_SCHEMA)
    at = np.arange(len(events))
    if len(events) > _POINTS:
        at = np.unique(np.geomspace(1, len(events), _POINTS).round().astype(np.int64)) - 1
    held = np.cumsum(events) / events.sum()
    return pl.DataFrame(
        {"rank": at + 1, "events": events[at], "held": held[at], "products": np.full(len(at), len(events))},
        schema=_SCHEMA,
    )


def top_frame(products: pl.DataFrame, most: int = 20, by: Order = "events") -> pl.DataFrame:
    """Return the top products, one row each.

    Args:
        products: Counts by product, see `core.eda.parts.product_counts`.
        most: Number of products.
        by: Rank by number of events, or by share of purchases among products of 20 events or more.

    Returns:
        product_id, events, buys, share (of all events), buy_rate (purchases per event).
    """
    total = max(int(products.get_column(EVENTS).sum()), 1)
    rates = products.select(
        PRODUCT_ID,
        EVENTS,
        BUYS,
        (pl.col(EVENTS) / total).alias("share"),
        (pl.col(BUYS) / pl.col(EVENTS)).alias("buy_rate"),
    )
    if by == "buy_rate":
        rates = rates.filter(pl.col(EVENTS) >= FEWEST_EVENTS)
    descending = {by: True, EVENTS: True, PRODUCT_ID: False}
    # top_k avoids sorting a million products to show a few
    top = rates.top_k(most, by=list(descending), reverse=[not falls for falls in descending.values()])
    return top.sort(list(descending), descending=list(descending.values()))


def finding(data: pl.DataFrame) -> str:
    """State the share of events on the top 1% of the products."""
    if data.is_empty():
        return NO_EVENTS
    n_products = data.item(0, "products")
    top = max(1, round(n_products / 100))
    held = float(np.interp(top, data.get_column("rank").to_numpy(), data.get_column("held").to_numpy()))
    subject = "the top one has" if top == 1 else f"the top {top:,} have"
    return f"Of {count(n_products, 'product')}, {subject} {percent(held)} of all events."


def figure(data: pl.DataFrame) -> Figure:
    """Draw the share of events held against the rank, on a log scale."""
    rank = alt.X(
        "rank:Q",
        title="products, most frequent first (log scale)",
        scale=alt.Scale(type="log", nice=False),
        axis=short_axis(6),
    )
    chart = (
        alt.Chart(data)
        .mark_line(color=ACCENT, strokeWidth=2.5)
        .encode(
            x=rank,
            y=alt.Y("held:Q", title="share of all events", axis=share_axis()),
            tooltip=[
                alt.Tooltip("rank:Q", format=","),
                alt.Tooltip("events:Q", title="events", format=","),
                alt.Tooltip("held:Q", title="cumulative share", format=".1%"),
            ],
        )
    )
    return finished(chart, f"Share of events held by the most frequent products. {finding(data)}")
