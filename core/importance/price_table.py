"""Recovered prices as a table: how much an event of each type on each product adds to the value of a session."""

from __future__ import annotations

from typing import Literal

import numpy as np
import polars as pl

from core.base.amounts import value_text, value_unit
from core.base.arrays import Vector
from core.base.number_format import UNIT
from core.base.text import listed
from core.dataset import LABEL, Dataset
from core.features.learned.baskets import Baskets
from core.features.learned.prices import Prices
from core.schema import BUY, CATEGORY, CATEGORY_ID, EVENT_TYPES, PRODUCT, PRODUCT_ID, TYPE

EVENT, PRICE, ERROR, EVENTS, LEARNED = "event_type", "price", "standard_error", "events", "learned"
_ID_COLUMNS = {CATEGORY: CATEGORY_ID, PRODUCT: PRODUCT_ID}
_LABELS = {PRODUCT_ID: "product", CATEGORY_ID: "category"}


def price_table(baskets: Baskets, prices: Prices, errors: Vector, dataset: Dataset) -> pl.DataFrame:
    """Return the recovered prices: one row per (product, event type) that occurs, the most frequent first.

    Args:
        baskets: events of the sessions.
        prices: prices recovered from all training sessions.
        errors: standard error of the price of each item number.
        dataset: the dataset with the ids of products and categories.

    Returns:
        product_id, category_id, event_type: the product, one of its categories, and the event type.
        price: value that one such event adds to its session, in value units; may be negative.
        standard_error: standard error of the price, in value units; see core.features.learned.price_standard_errors.
        events: number of such events, including those of sessions to predict.
        learned: whether a training session has such an event. If not, the price is that of the category.
    """
    table = baskets.items.with_columns(
        pl.Series(PRICE, prices.of_items(baskets)),
        pl.Series(ERROR, errors),
        pl.Series(EVENTS, np.bincount(baskets.item, minlength=baskets.items.height), dtype=pl.Int64),
        pl.Series(LEARNED, prices.seen),
    )
    for column, id_column in _ID_COLUMNS.items():
        ids = dataset.dictionary(id_column).select(column, id_column).collect()
        table = table.join(ids, on=column, how="left", maintain_order="left")
    event_type = pl.col(TYPE).replace_strict(dict(enumerate(EVENT_TYPES)), return_dtype=pl.String).alias(EVENT)
    return table.select(PRODUCT_ID, CATEGORY_ID, event_type, PRICE, ERROR, EVENTS, LEARNED).sort(
        EVENTS, PRODUCT_ID, EVENT, descending=[True, False, False]
    )


PriceOrder = Literal["events", "price"]


def prices_by_product(table: pl.DataFrame, max_products: int, by: PriceOrder = "events") -> pl.DataFrame:
    """Return the top products, one row per product.

    Args:
        table: result of `price_table`.
        max_products: number of products.
        by: rank all products by number of events, or products with a learned purchase price by that price.

    Returns:
        product_id, category_id, events, and for each event type a struct of price, standard_error, events and learned.
        The struct is null if the product has no such event.
    """
    if ERROR not in table.columns:  # stored by an older version
        table = table.with_columns(pl.lit(None, pl.Float64).alias(ERROR))
    prices = pl.struct(PRICE, ERROR, EVENTS, LEARNED)
    wide = table.group_by(PRODUCT_ID, maintain_order=True).agg(
        pl.col(CATEGORY_ID).first(),
        pl.col(EVENTS).sum(),
        *(prices.filter(pl.col(EVENT) == event_type).first().alias(event_type) for event_type in EVENT_TYPES),
    )
    if by == "events":
        return wide.sort(EVENTS, PRODUCT_ID, descending=[True, False]).head(max_products)
    buy = pl.col(BUY).struct
    learned = wide.filter(buy.field(LEARNED))
    return learned.sort(buy.field(PRICE), PRODUCT_ID, descending=[True, False]).head(max_products)


def with_labels(products: pl.DataFrame, dataset: Dataset) -> pl.DataFrame:
    """Add the columns product and category with display names, each only if at least one row has a name."""
    for column, name in _LABELS.items():
        ids = products.select(pl.col(column).unique())
        labels = dataset.labels(column).join(ids.lazy(), on=column, how="semi").rename({LABEL: name}).collect()
        if labels.height:
            products = products.join(labels, on=column, how="left", maintain_order="left")
            products = products.with_columns(pl.col(name).fill_null(pl.col(column)))
    return products


def price_finding(table: pl.DataFrame) -> str:
    """Return a sentence with the average estimated price of an event of each type, highest first."""
    mean_price = (pl.col(PRICE) * pl.col(EVENTS)).sum() / pl.col(EVENTS).sum()
    means = {
        event_type: rows.select(mean_price).item()
        for event_type in EVENT_TYPES
        if (rows := table.filter(pl.col(EVENT) == event_type)).height
    }
    ranked = sorted(means.items(), key=lambda item: -item[1])
    prices = listed(f"{event_type} {value_text(mean)}" for event_type, mean in ranked)
    much = f"many {UNIT}" if value_unit() == UNIT else "much"
    return f"On average, one event adds this {much} to its session: {prices}."
