"""The recovered prices as a result to look at: what an event of each type on each product adds to a session's value."""

from __future__ import annotations

import numpy as np
import polars as pl

from core.dataset import Dataset
from core.features.prices import Baskets, Prices
from core.schema import CATEGORY, CATEGORY_ID, EVENT_TYPES, PRODUCT, PRODUCT_ID, TYPE
from core.wording import number

EVENT, PRICE, EVENTS = "event_type", "price", "events"
_FOLLOWED_BY = {CATEGORY: CATEGORY_ID, PRODUCT: PRODUCT_ID}


def price_table(baskets: Baskets, prices: Prices, dataset: Dataset) -> pl.DataFrame:
    """One row a product and event type that occur in the sessions, the most frequent first.

    Columns: product_id, category_id (one of its categories, where it has several), event_type; price: what one such
    event adds, in value units, below 0 where it speaks against value; events: how many of them the sessions have,
    those to predict included; learned: whether a training session has one, else the price is that of its category.
    """
    price = np.zeros(baskets.items.height)
    price[baskets.item] = prices.of_events(baskets)
    events = np.bincount(baskets.item, minlength=baskets.items.height)
    table = baskets.items.with_columns(
        pl.Series(PRICE, price), pl.Series(EVENTS, events, dtype=pl.Int64), pl.Series("learned", prices.seen)
    )
    for column, name in _FOLLOWED_BY.items():
        ids = dataset.dictionary(name).select(column, name).collect()
        table = table.join(ids, on=column, how="left", maintain_order="left")
    words = pl.col(TYPE).replace_strict(dict(enumerate(EVENT_TYPES)), return_dtype=pl.String).alias(EVENT)
    return table.select(PRODUCT_ID, CATEGORY_ID, words, PRICE, EVENTS, "learned").sort(
        EVENTS, PRODUCT_ID, EVENT, descending=[True, False, False]
    )


def prices_by_product(table: pl.DataFrame, most: int) -> pl.DataFrame:
    """The products with most events, one row each: product_id, category_id, events, a price a event type (or null)."""
    wide = table.group_by(PRODUCT_ID, maintain_order=True).agg(
        pl.col(CATEGORY_ID).first(),
        pl.col(EVENTS).sum(),
        *(pl.col(PRICE).filter(pl.col(EVENT) == word).first().alias(word) for word in EVENT_TYPES),
    )
    return wide.sort(EVENTS, PRODUCT_ID, descending=[True, False]).head(most)


def price_finding(table: pl.DataFrame) -> str:
    """What an event of each type adds on average, in a sentence."""
    means = {
        word: rows.select((pl.col(PRICE) * pl.col(EVENTS)).sum() / pl.col(EVENTS).sum()).item()
        for word, rows in ((word, table.filter(pl.col(EVENT) == word)) for word in EVENT_TYPES)
        if rows.height
    }
    ordered = sorted(means.items(), key=lambda pair: -pair[1])
    told = ", ".join(f"{word} {number(mean)}" for word, mean in ordered)
    return f"Value units that one event adds to its session on average: {told}."
