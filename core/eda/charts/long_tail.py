"""How the events are spread over the products: a few that everybody looks at, and the long tail."""

from __future__ import annotations

from typing import Any, Literal

import altair as alt
import numpy as np
import polars as pl

from core.base.text import count, percent
from core.eda.parts.product_counts import BUYS, EVENTS
from core.eda.parts.theme import ACCENT, finished, short_axis
from core.schema import PRODUCT_ID

TITLE = "Is it few products or many?"
Order = Literal["events", "buy_rate"]
FEWEST_EVENTS = 20
"""Of a product, below which its purchases an event say little."""
_POINTS = 200
_SCHEMA = {"rank": pl.Int64, "events": pl.Int64, "held": pl.Float64, "products": pl.Int64}


def frame(products: pl.DataFrame) -> pl.DataFrame:
    """One row a product, the most frequent first, thinned to some 200: rank (from 1), events (of both files), held
    (share of all events on it and those before), products (how many there are; the same in every row). `products` are
    those of core.eda.parts.product_counts.
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
    """The products with most events, or with most purchases an event (of those with 20 events or more): product_id,
    events, buys, share (of all events), buy_rate (purchases an event).
    """
    total = max(int(products.get_column(EVENTS).sum()), 1)
    told = products.select(
        PRODUCT_ID,
        EVENTS,
        BUYS,
        (pl.col(EVENTS) / total).alias("share"),
        (pl.col(BUYS) / pl.col(EVENTS)).alias("buy_rate"),
    )
    if by == "buy_rate":
        told = told.filter(pl.col(EVENTS) >= FEWEST_EVENTS)
    order = {by: True, EVENTS: True, PRODUCT_ID: False}
    # not all of a million products are sorted for a few of them
    few = told.top_k(most, by=list(order), reverse=[not falls for falls in order.values()])
    return few.sort(list(order), descending=list(order.values()))


def finding(data: pl.DataFrame) -> str:
    """What the most frequent hundredth holds, in a sentence."""
    if data.is_empty():
        return "There is no event."
    products = data.item(0, "products")
    first = max(1, round(products / 100))
    held = float(np.interp(first, data.get_column("rank").to_numpy(), data.get_column("held").to_numpy()))
    return f"Of {count(products, 'product')}, {_the_first(first)} {percent(held)} of all events."


def _the_first(products: int) -> str:
    return "the most frequent one has" if products == 1 else f"the {products:,} most frequent ones have"


def figure(data: pl.DataFrame) -> Any:  # noqa: ANN401 (Altair's charts share no type)
    """Draw the share of events held over the rank, on a log scale."""
    chart = (
        alt.Chart(data)
        .mark_line(color=ACCENT, strokeWidth=2.5)
        .encode(
            x=alt.X(
                "rank:Q",
                title="products, most frequent first (log scale)",
                scale=alt.Scale(type="log", nice=False),
                axis=short_axis(6),
            ),
            y=alt.Y("held:Q", title="share of all events on them", axis=alt.Axis(format="%", tickCount=5)),
            tooltip=[
                alt.Tooltip("rank:Q", format=","),
                alt.Tooltip("events:Q", title="its events", format=","),
                alt.Tooltip("held:Q", title="held so far", format=".1%"),
            ],
        )
    )
    return finished(chart, f"Share of events held by the most frequent products. {finding(data)}")
