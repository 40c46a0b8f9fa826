"""Recovered prices as a table: what an event of each type on each product adds to a session's value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from core.base.text import number
from core.dataset import Dataset
from core.features.learned.prices import Baskets, Prices
from core.schema import BUY, CATEGORY, CATEGORY_ID, EVENT_TYPES, PRODUCT, PRODUCT_ID, TYPE

EVENT, PRICE, ERROR, EVENTS, LEARNED = "event_type", "price", "standard_error", "events", "learned"
_ID_COLUMNS = {CATEGORY: CATEGORY_ID, PRODUCT: PRODUCT_ID}


def price_table(baskets: Baskets, prices: Prices, dataset: Dataset, without: Sequence[Prices] = ()) -> pl.DataFrame:
    """Return the recovered prices; one row per (product, event type) that occurs, the most frequent first.

    Args:
        baskets: The sessions, by product and event type.
        prices: Prices recovered from all training sessions.
        dataset: The dataset, for the ids.
        without: Prices recovered without each group of users in turn, for the standard errors. May be empty.

    Returns:
        product_id, category_id, event_type: The product, one of its categories, and the event type.
        price: What one such event adds to the session value, in value units; may be negative.
        standard_error: Standard error of the price, in value units; null with fewer than two groups.
        events: Number of such events, including those of sessions to predict.
        learned: Whether a training session has such an event; otherwise the price is that of the category.
    """
    errors = standard_errors([estimate.of_items(baskets) for estimate in without])
    events = np.bincount(baskets.item, minlength=baskets.items.height)
    table = baskets.items.with_columns(
        pl.Series(PRICE, prices.of_items(baskets)),
        pl.lit(None, pl.Float64).alias(ERROR) if errors is None else pl.Series(ERROR, errors),
        pl.Series(EVENTS, events, dtype=pl.Int64),
        pl.Series(LEARNED, prices.seen),
    )
    for column, name in _ID_COLUMNS.items():
        ids = dataset.dictionary(name).select(column, name).collect()
        table = table.join(ids, on=column, how="left", maintain_order="left")
    words = pl.col(TYPE).replace_strict(dict(enumerate(EVENT_TYPES)), return_dtype=pl.String).alias(EVENT)
    return table.select(PRODUCT_ID, CATEGORY_ID, words, PRICE, ERROR, EVENTS, LEARNED).sort(
        EVENTS, PRODUCT_ID, EVENT, descending=[True, False, False]
    )


def standard_errors(estimates: Sequence[NDArray[np.float64]]) -> NDArray[np.float64] | None:
    """Return the grouped jackknife standard errors (Efron and Tibshirani 1993, An introduction to the bootstrap, 11.5).

    They measure noise, not the bias of rare products' prices towards that of their category.

    Args:
        estimates: The same quantities, estimated without each group in turn.

    Returns:
        One standard error per quantity, or None with fewer than two groups.

    >>> standard_errors([np.array([1.0, 5.0]), np.array([3.0, 5.0])])
    array([1., 0.])
    """
    n_groups = len(estimates)
    if n_groups < 2:
        return None
    return np.asarray(np.sqrt(n_groups - 1) * np.std(estimates, axis=0))


PriceOrder = Literal["events", "price"]


def prices_by_product(table: pl.DataFrame, most: int, by: PriceOrder = "events") -> pl.DataFrame:
    """Return the top products, one row each.

    Args:
        table: Result of `price_table`.
        most: Number of products.
        by: Rank by number of events, or by price of a purchase, among products whose purchase price was learned.

    Returns:
        product_id, category_id, events, and for each event type a struct of price, standard_error, events and learned;
        null if the product has no such event.
    """
    if ERROR not in table.columns:  # runs of older versions
        table = table.with_columns(pl.lit(None, pl.Float64).alias(ERROR))
    of_type = pl.struct(PRICE, ERROR, EVENTS, LEARNED)
    wide = table.group_by(PRODUCT_ID, maintain_order=True).agg(
        pl.col(CATEGORY_ID).first(),
        pl.col(EVENTS).sum(),
        *(of_type.filter(pl.col(EVENT) == word).first().alias(word) for word in EVENT_TYPES),
    )
    if by == "events":
        return wide.sort(EVENTS, PRODUCT_ID, descending=[True, False]).head(most)
    buy = pl.col(BUY).struct
    learned = wide.filter(buy.field(LEARNED))
    return learned.sort(buy.field(PRICE), PRODUCT_ID, descending=[True, False]).head(most)


def price_finding(table: pl.DataFrame) -> str:
    """State the average price of an event of each type, highest first."""
    price = (pl.col(PRICE) * pl.col(EVENTS)).sum() / pl.col(EVENTS).sum()
    means = {
        word: of_type.select(price).item()
        for word in EVENT_TYPES
        if (of_type := table.filter(pl.col(EVENT) == word)).height
    }
    ranked = sorted(means.items(), key=lambda item: -item[1])
    prices = ", ".join(f"{word} {number(mean)}" for word, mean in ranked)
    return f"On average, one event adds this many value units to its session: {prices}."
