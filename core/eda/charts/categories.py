"""The categories with the most events, and how often people buy in them."""

from __future__ import annotations

import altair as alt
import polars as pl

from core.base.text import percent
from core.dataset import Dataset
from core.eda.parts import picking
from core.eda.parts.product_counts import EVENTS, add_rates
from core.eda.parts.sentences import NO_EVENTS
from core.eda.parts.theme import EVENT_COLOURS, FILE_COLOURS, Figure, Hover, finished, short_axis
from core.schema import BUY, CATEGORY, CATEGORY_ID, ROLES

TITLE = "Which categories are most frequent?"
PICK = picking.category_clicks("category_id")
_MAX_BARS = 20


def rank_categories(categories: pl.DataFrame) -> pl.DataFrame:
    """Return all categories, most events first, with their shares; columns as in `frame`."""
    ranked = add_rates(categories).sort(EVENTS, CATEGORY_ID, descending=[True, False])
    return ranked.select("category_id", "events", "share", "buys", "buy_rate", "products")


def frame(categories: pl.DataFrame) -> pl.DataFrame:
    """Return the categories with the most events of both files, at most 20; one row per category.

    Returns:
        category_id: id of the category.
        events, share: number of events, and share of all events.
        buys, buy_rate: number of purchases, and share of the category's events.
        products: number of distinct products.
    """
    return rank_categories(categories).head(_MAX_BARS)


def most_frequent(dataset: Dataset, max_categories: int) -> list[str]:
    """Return the ids of the categories with the most events of both files."""
    counts = pl.concat([dataset.events(role).select(CATEGORY) for role in ROLES]).group_by(CATEGORY).len()
    names = dataset.dictionary(CATEGORY_ID).select(CATEGORY, CATEGORY_ID)
    ranked = counts.join(names, on=CATEGORY).sort("len", CATEGORY_ID, descending=[True, False])
    return list(ranked.head(max_categories).collect().get_column(CATEGORY_ID))


def finding(data: pl.DataFrame) -> str:
    """Name the most frequent category and the one with the highest share of purchases."""
    if data.is_empty():
        return NO_EVENTS
    top = data.row(0, named=True)
    sentence = f"{top['category_id']} has the most events ({percent(top['share'])})"
    if data.height == 1:
        return f"{sentence} and is the only category."
    if not data.get_column("buys").sum():
        return f"{sentence}; there are no purchases in the {data.height:,} categories shown."
    by_rate = data.sort("buy_rate", descending=True)
    best, lowest_rate = by_rate.row(0, named=True), by_rate.item(-1, "buy_rate")
    rate = percent(best["buy_rate"])
    if rate == percent(lowest_rate):
        return f"{sentence}; in each of the {data.height:,} shown, {rate} of the events are purchases."
    return f"{sentence}; {best['category_id']} has the highest share of purchases ({rate} of its events)."


def category_tooltip() -> list[alt.Tooltip]:
    """Return the hover text of a category."""
    return [
        *Hover.texts(category_id="category"),
        *Hover.counts("events", buys="purchases"),
        *Hover.shares(share="share of events", buy_rate="purchases per event"),
    ]


def figure(data: pl.DataFrame) -> Figure:
    """Draw one bar of events per category, and the purchases among them."""
    order = data.get_column("category_id").to_list()
    base = alt.Chart(data).encode(
        y=alt.Y("category_id:N", sort=order, title=None, axis=alt.Axis(labelLimit=220)),
        tooltip=[*category_tooltip(), *Hover.counts("products")],
    )
    events = base.mark_bar(color=FILE_COLOURS["train"], height=12).encode(
        x=alt.X("events:Q", title="events (green: purchases)", axis=short_axis(5))
    )
    buys = base.mark_bar(color=EVENT_COLOURS[BUY], height=12).encode(x="buys:Q")
    return finished(events + buys, f"Categories with the most events. {finding(data)}", height=22 * _MAX_BARS + 40)
