"""The categories with the most events, and how often people buy in them."""

from __future__ import annotations

import altair as alt
import polars as pl

from core.base.text import percent, whole
from core.dataset import LABEL, Dataset
from core.eda.parts import picking
from core.eda.parts.labels import shown_column
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
    label = [LABEL] if LABEL in ranked.columns else []
    return ranked.select("category_id", *label, "events", "share", "buys", "buy_rate", "products")


def frame(categories: pl.DataFrame) -> pl.DataFrame:
    """Return the categories with the most events of both files, at most 20; one row per category.

    Returns:
        category_id: id of the category.
        label: its name, with the id if several have it; only if the log has names.
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
    top, label_column = data.row(0, named=True), shown_column(data, CATEGORY_ID)
    sentence = f"{top[label_column]} has the most events ({percent(top['share'])})"
    if data.height == 1:
        return f"{sentence} and is the only category."
    if not data.get_column("buys").sum():
        return f"{sentence}; there are no purchases in the {whole(data.height)} categories shown."
    by_rate = data.sort("buy_rate", descending=True)
    best, lowest_rate = by_rate.row(0, named=True), by_rate.item(-1, "buy_rate")
    rate = percent(best["buy_rate"])
    if rate == percent(lowest_rate):
        return f"{sentence}; in each of the {whole(data.height)} categories shown, {rate} of the events are purchases."
    return f"{sentence}; {best[label_column]} has the highest share of purchases ({rate} of its events)."


def category_tooltip(data: pl.DataFrame) -> list[alt.Tooltip]:
    """Return the hover text of a category: its name, if it has one, and its id."""
    names = {LABEL: "category", "category_id": "id"} if LABEL in data.columns else {"category_id": "category"}
    return [
        *Hover.texts(**names),
        *Hover.counts("events", buys="purchases"),
        *Hover.shares(share="share of events", buy_rate="purchases per event"),
    ]


def figure(data: pl.DataFrame) -> Figure:
    """Draw one bar of events per category, and the purchases among them."""
    label_column = shown_column(data, CATEGORY_ID)
    order = data.get_column(label_column).to_list()
    base = alt.Chart(data).encode(
        y=alt.Y(f"{label_column}:N", sort=order, title=None, axis=alt.Axis(labelLimit=220)),
        tooltip=[*category_tooltip(data), *Hover.counts("products")],
    )
    events = base.mark_bar(color=FILE_COLOURS["train"], height=12).encode(
        x=alt.X("events:Q", title="events (green: purchases)", axis=short_axis(5))
    )
    buys = base.mark_bar(color=EVENT_COLOURS[BUY], height=12).encode(x="buys:Q")
    return finished(events + buys, f"Categories with the most events. {finding(data)}", height=22 * _MAX_BARS + 40)
