"""The recovered prices as a result to look at: what an event of each type on each product adds to a session's value."""

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
_FOLLOWED_BY = {CATEGORY: CATEGORY_ID, PRODUCT: PRODUCT_ID}


def price_table(baskets: Baskets, prices: Prices, dataset: Dataset, without: Sequence[Prices] = ()) -> pl.DataFrame:
    """One row a product and event type that occur in the sessions, the most frequent first.

    `without` are prices recovered without each group of users in turn.

    Columns: product_id, category_id (one of its categories, where it has several), event_type; price: what one such
    event adds, in value units, below 0 where it speaks against value; standard_error: of the price, in value units,
    null without groups; events: how many of them the sessions have, those to predict included; learned: whether a
    training session has one, else the price is that of its category.
    """
    errors = standard_errors([each.of_items(baskets) for each in without])
    events = np.bincount(baskets.item, minlength=baskets.items.height)
    table = baskets.items.with_columns(
        pl.Series(PRICE, prices.of_items(baskets)),
        pl.lit(None, pl.Float64).alias(ERROR) if errors is None else pl.Series(ERROR, errors),
        pl.Series(EVENTS, events, dtype=pl.Int64),
        pl.Series(LEARNED, prices.seen),
    )
    for column, name in _FOLLOWED_BY.items():
        ids = dataset.dictionary(name).select(column, name).collect()
        table = table.join(ids, on=column, how="left", maintain_order="left")
    words = pl.col(TYPE).replace_strict(dict(enumerate(EVENT_TYPES)), return_dtype=pl.String).alias(EVENT)
    return table.select(PRODUCT_ID, CATEGORY_ID, words, PRICE, ERROR, EVENTS, LEARNED).sort(
        EVENTS, PRODUCT_ID, EVENT, descending=[True, False, False]
    )


def standard_errors(estimates: Sequence[NDArray[np.float64]]) -> NDArray[np.float64] | None:
    """Of numbers that were estimated without each of some groups in turn: the grouped jackknife.

    It counts the noise, not that a price of few sessions is drawn to that of its category (Efron and Tibshirani 1993,
    An introduction to the bootstrap, section 11.5). None with fewer than two groups.
    """
    groups = len(estimates)
    if groups < 2:
        return None
    return np.asarray(np.sqrt(groups - 1) * np.std(estimates, axis=0))


PriceOrder = Literal["events", "price"]


def prices_by_product(table: pl.DataFrame, most: int, by: PriceOrder = "events") -> pl.DataFrame:
    """The products with most events, or those whose purchase is worth most (of the products that train learned it
    of), one row each: product_id, category_id, events, and a structure an event type.

    It has the columns price, standard_error, events and learned of `price_table`; null where there is no such event.
    """
    if ERROR not in table.columns:  # of a run made before there were any
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
    """What an event of each type adds on average, in a sentence."""
    means = {
        word: rows.select((pl.col(PRICE) * pl.col(EVENTS)).sum() / pl.col(EVENTS).sum()).item()
        for word, rows in ((word, table.filter(pl.col(EVENT) == word)) for word in EVENT_TYPES)
        if rows.height
    }
    ordered = sorted(means.items(), key=lambda pair: -pair[1])
    told = ", ".join(f"{word} {number(mean)}" for word, mean in ordered)
    return f"Value units that one event adds to its session on average: {told}."
