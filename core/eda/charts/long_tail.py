"""How events are distributed over products: a few popular ones and a long tail."""

from __future__ import annotations

from typing import Literal

import altair as alt
import numpy as np
import polars as pl

from core.base.text import count, percent, whole
from core.dataset import LABEL
from core.eda.parts.histogram import top_count
from core.eda.parts.product_counts import BUYS, EVENTS, add_rates
from core.eda.parts.sentences import NO_EVENTS
from core.eda.parts.theme import ACCENT, Figure, Hover, finished, share_axis, short_axis
from core.schema import PRODUCT_ID

TITLE = "Do few products get most of the attention?"
Order = Literal["events", "buy_rate"]
FEWEST_EVENTS = 20
"""The share of purchases says little about a product with fewer events."""
_POINTS = 200
_SCHEMA = {"rank": pl.Int64, "events": pl.Int64, "held": pl.Float64, "products": pl.Int64}


def frame(products: pl.DataFrame) -> pl.DataFrame:
    """Rank products by number of events; one row per product.

    With more than 200 products, at most 200 ranks are returned, evenly spaced on a log scale.

    Returns:
        rank: 1 for the most frequent product.
        events: number of events of both files.
        held: cumulative share of all events, from rank 1 to this rank.
        products: number of products; the same in every row.
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


def top_frame(products: pl.DataFrame, n_products: int = 20, by: Order = "events") -> pl.DataFrame:
    """Return the top products, one row each.

    Args:
        products: counts by product, see `core.eda.parts.product_counts`.
        n_products: number of rows, if there are so many products.
        by: ranks by number of events, or by share of purchases among products with 20 events or more.

    Returns:
        product_id: id of the product.
        label: its name, with the id if several have it; only if the log has names.
        events, share: number of events, and share of all events.
        buys, buy_rate: number of purchases, and share of the product's events.
    """
    label = [LABEL] if LABEL in products.columns else []
    rates = add_rates(products).select(PRODUCT_ID, *label, EVENTS, BUYS, "share", "buy_rate")
    if by == "buy_rate":
        rates = rates.filter(pl.col(EVENTS) >= FEWEST_EVENTS)
    is_descending = {by: True, EVENTS: True, PRODUCT_ID: False}
    # top_k avoids sorting a million products to show a few
    top = rates.top_k(n_products, by=list(is_descending), reverse=[not descends for descends in is_descending.values()])
    return top.sort(list(is_descending), descending=list(is_descending.values()))


def finding(data: pl.DataFrame) -> str:
    """State the share of events on the top 1% of the products."""
    if data.is_empty():
        return NO_EVENTS
    n_products = data.item(0, "products")
    top = top_count(n_products)
    held = float(np.interp(top, data.get_column("rank").to_numpy(), data.get_column("held").to_numpy()))
    subject = "the top one has" if top == 1 else f"the top {whole(top)} have"
    return f"Of {count(n_products, 'product')}, {subject} {percent(held)} of all events."


def figure(data: pl.DataFrame) -> Figure:
    """Draw the cumulative share of events against the rank, on a log scale."""
    log = alt.Scale(type="log", nice=False)
    base = alt.Chart(data).encode(
        x=alt.X("rank:Q", title="products, most frequent first (log scale)", scale=log, axis=short_axis(6)),
        y=alt.Y("held:Q", title="share of all events", axis=share_axis()),
        tooltip=[*Hover.counts("rank", "events"), *Hover.shares(held="cumulative share")],
    )
    chart = base.mark_line(color=ACCENT, strokeWidth=2.5)
    return finished(chart, f"Share of events held by the most frequent products. {finding(data)}")
