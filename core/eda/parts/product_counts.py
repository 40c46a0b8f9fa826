"""What happened to each product and in each category: what the charts about them are counted from.

A filter shows some sessions of a dataset, and to group millions of events by product anew for each filter takes longer
than anybody waits for a chart. So the events get the places of their product and category once for a dataset; what a
filter leaves of them is then counted by place.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from core.dataset import Dataset
from core.schema import (
    BUY,
    CATEGORY,
    CATEGORY_ID,
    EVENT_CODE,
    PRODUCT,
    PRODUCT_ID,
    ROLES,
    TYPE,
    UNIT,
    VALUE,
)

EVENTS, BUYS, PRODUCTS, SESSIONS, MEAN_VALUE = "events", "buys", "products", "sessions", "mean_value"
_PAIR = "pair"


@dataclass(frozen=True)
class ProductCounts:
    """What some sessions did, in no order.

    Attributes:
        products: one row a product with an event: product_id, events and buys (purchases among them) of both files,
            sessions (train sessions with a value that have it) and mean_value of those (value units; null without one).
        categories: one row a category with an event: category_id, events, buys, products (distinct ones in it).
    """

    products: pl.DataFrame
    categories: pl.DataFrame


@dataclass(frozen=True)
class ProductEvents:
    """The events of both files of a dataset, with the places of what they are on; some 15 bytes an event."""

    unit: NDArray[np.int64]
    pair: NDArray[np.uint32]
    """Of an event: the place of its product and category, which stand together."""
    is_buy: NDArray[np.bool_]
    tells_value: NDArray[np.bool_]
    """The first event on a product in a train session with a value."""
    value: NDArray[np.float64]
    """By unit; NaN where there is none, or where it is of several users together."""
    product: NDArray[np.intp]
    """Of a pair: the place of its product in `product_ids`."""
    category: NDArray[np.intp]
    product_ids: pl.Series
    category_ids: pl.Series

    @classmethod
    def of(cls, dataset: Dataset) -> ProductEvents:
        """Those of a whole dataset."""
        events = pl.concat([dataset.events(role).select(UNIT, PRODUCT, CATEGORY, TYPE) for role in ROLES]).collect()
        pairs = events.select(PRODUCT, CATEGORY).unique().with_row_index(_PAIR)
        placed = events.join(pairs, on=[PRODUCT, CATEGORY], how="left", maintain_order="left")
        (product, product_ids), (category, category_ids) = (
            _places(dataset, pairs, column, name) for column, name in ((PRODUCT, PRODUCT_ID), (CATEGORY, CATEGORY_ID))
        )
        unit = placed.get_column(UNIT).to_numpy()
        pair = placed.get_column(_PAIR).to_numpy()
        value = _values(dataset, int(unit.max()) + 1)
        return cls(
            unit=unit,
            pair=pair,
            is_buy=(placed.get_column(TYPE) == EVENT_CODE[BUY]).to_numpy(),
            tells_value=_is_first(unit, product[pair]) & ~np.isnan(value[unit]),
            value=value,
            product=product,
            category=category,
            product_ids=product_ids,
            category_ids=category_ids,
        )

    def counted(self, chosen: pl.Series | None = None) -> ProductCounts:
        """What the chosen units (booleans, by unit) did; without, what all did."""
        unit, pair, is_buy, tells_value = self.unit, self.pair, self.is_buy, self.tells_value
        if chosen is not None:
            mine = chosen.to_numpy()[unit]
            unit, pair, is_buy, tells_value = (each[mine] for each in (unit, pair, is_buy, tells_value))
        telling = pair[tells_value]
        events, buys, sessions = (self._by_pair(each) for each in (pair, pair[is_buy], telling))
        value = self._by_pair(telling, self.value[unit[tells_value]])
        products = _table(
            self.product_ids, self.product, {EVENTS: events, BUYS: buys, SESSIONS: sessions, VALUE: value}
        )
        mean = pl.when(pl.col(SESSIONS) > 0).then(pl.col(VALUE) / pl.col(SESSIONS)).alias(MEAN_VALUE)
        categories = _table(self.category_ids, self.category, {EVENTS: events, BUYS: buys, PRODUCTS: events > 0})
        return ProductCounts(
            products.with_columns(pl.col(EVENTS, BUYS, SESSIONS).cast(pl.Int64), mean).drop(VALUE),
            categories.with_columns(pl.col(EVENTS, BUYS, PRODUCTS).cast(pl.Int64)),
        )

    def _by_pair(self, pair: NDArray[np.uint32], amounts: NDArray[np.float64] | None = None) -> NDArray[Any]:
        return np.bincount(pair, amounts, minlength=len(self.product))


def _table(ids: pl.Series, place: NDArray[np.intp], by_pair: dict[str, NDArray[Any]]) -> pl.DataFrame:
    """Sums over the pairs of each id that has an event."""
    sums = {name: np.bincount(place, amounts, minlength=len(ids)) for name, amounts in by_pair.items()}
    return pl.DataFrame([ids, *(pl.Series(name, each) for name, each in sums.items())]).filter(pl.col(EVENTS) > 0)


def _places(dataset: Dataset, pairs: pl.DataFrame, column: str, name: str) -> tuple[NDArray[np.intp], pl.Series]:
    """Of each pair the place of its id among the ids, and these."""
    codes = pairs.lazy().select(pl.col(column).unique())
    ids = (
        dataset.dictionary(name).select(column, name).join(codes, on=column, how="semi").collect().with_row_index("at")
    )
    placed = pairs.join(ids, on=column, how="left", maintain_order="left")
    return placed.get_column("at").to_numpy().astype(np.intp), ids.get_column(name)


def _values(dataset: Dataset, units: int) -> NDArray[np.float64]:
    value = np.full(units, np.nan)
    known = dataset.units().filter(~pl.col("composite"), pl.col(VALUE).is_not_null()).select(UNIT, VALUE).collect()
    value[known.get_column(UNIT).to_numpy()] = known.get_column(VALUE).to_numpy()
    return value


def _is_first(unit: NDArray[np.int64], product: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Whether no event before it in its unit is on the same product; events stand by unit."""
    met = unit * (int(product.max()) + 1) + product
    order = np.argsort(met, kind="stable")  # nearly sorted as they are: a twentieth of the time of sorting by two keys
    first = np.empty(len(unit), dtype=bool)
    first[order] = np.diff(met[order], prepend=-1) != 0
    return first
