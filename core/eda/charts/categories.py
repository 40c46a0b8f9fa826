"""Which categories people are interested in, and where they buy."""

from __future__ import annotations

from typing import Any

import altair as alt
import polars as pl

from core.base.text import percent
from core.dataset import Dataset
from core.eda.parts import picking
from core.eda.parts.product_counts import BUYS, EVENTS
from core.eda.parts.theme import EVENT_COLOURS, FILE_COLOURS, finished, short_axis
from core.schema import BUY, CATEGORY, CATEGORY_ID, ROLES

TITLE = "Which categories are most frequent?"
PICK = picking.categories("category_id")
_MOST = 20
_SCHEMA = {
    "category_id": pl.String,
    "events": pl.Int64,
    "share": pl.Float64,
    "buys": pl.Int64,
    "buy_rate": pl.Float64,
    "products": pl.Int64,
}


def frame(categories: pl.DataFrame, most: int = _MOST) -> pl.DataFrame:
    """The categories with most events of both files: category_id, events, share (of all events), buys, buy_rate
    (purchases an event), products (distinct ones). `categories` are those of core.eda.parts.product_counts.
    """
    total = max(int(categories.get_column(EVENTS).sum()), 1)
    return (
        categories.sort(EVENTS, CATEGORY_ID, descending=[True, False])
        .head(most)
        .with_columns((pl.col(EVENTS) / total).alias("share"), (pl.col(BUYS) / pl.col(EVENTS)).alias("buy_rate"))
        .select(*_SCHEMA)
    )


def most_frequent(dataset: Dataset, most: int) -> list[str]:
    """The ids of the categories with most events of both files, the most frequent first."""
    counted = pl.concat([dataset.events(role).select(CATEGORY) for role in ROLES]).group_by(CATEGORY).len()
    names = dataset.dictionary(CATEGORY_ID).select(CATEGORY, CATEGORY_ID)
    named = counted.join(names, on=CATEGORY).sort("len", CATEGORY_ID, descending=[True, False])
    return list(named.head(most).collect().get_column(CATEGORY_ID))


def finding(data: pl.DataFrame) -> str:
    """The most frequent category and the one that sells best, in a sentence."""
    if data.is_empty():
        return "There is no event."
    first = data.row(0, named=True)
    told = f"{first['category_id']} has most events ({percent(first['share'])})"
    if data.height == 1:
        return f"{told}; there is no other."
    if not data.get_column("buys").sum():
        return f"{told}; nothing is bought in the {data.height:,} shown."
    by_rate = data.sort("buy_rate", descending=True)
    best = by_rate.row(0, named=True)
    rate = percent(best["buy_rate"])
    if rate == percent(by_rate.item(-1, "buy_rate")):
        return f"{told}; the {data.height:,} shown sell alike ({rate} of their events)."
    return f"{told}; of the {data.height:,} shown {best['category_id']} sells best ({rate} of its events)."


def about_category() -> list[alt.Tooltip]:
    """What is told of a category that is pointed at."""
    return [
        alt.Tooltip("category_id:N", title="category"),
        alt.Tooltip("events:Q", format=","),
        alt.Tooltip("share:Q", title="of all events", format=".1%"),
        alt.Tooltip("buys:Q", title="purchases", format=","),
        alt.Tooltip("buy_rate:Q", title="purchases an event", format=".1%"),
    ]


def figure(data: pl.DataFrame) -> Any:  # noqa: ANN401 (Altair's charts share no type)
    """Draw a bar a category, and the purchases in it."""
    base = alt.Chart(data).encode(
        y=alt.Y(
            "category_id:N", sort=data.get_column("category_id").to_list(), title=None, axis=alt.Axis(labelLimit=220)
        ),
        tooltip=[*about_category(), alt.Tooltip("products:Q", format=",")],
    )
    events = base.mark_bar(color=FILE_COLOURS["train"], height=12).encode(
        x=alt.X("events:Q", title="events; purchases among them in green", axis=short_axis(5))
    )
    buys = base.mark_bar(color=EVENT_COLOURS[BUY], height=12).encode(x="buys:Q")
    return finished(events + buys, f"Categories with most events. {finding(data)}", height=22 * _MOST + 40)
