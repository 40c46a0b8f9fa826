"""Learned columns of an open session, for all fits of a model at once.

They are those of core.features.learned.fold_transform. Arrays have one column per fit.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from core.base.arrays import extended
from core.features.learned.baskets import Catalogue
from core.features.learned.prices import Prices
from core.features.learned.value_statistics import n_statistics
from core.live.session_features import LiveEvent
from core.live.user_value import UserValue
from core.model.fitted_stack import FittedStack
from core.own_columns import OwnColumn
from core.schema import CATEGORY, EVENT_TYPES, PRODUCT, TYPE

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class PricedItem:
    """Recovered prices of an event of a type on a product and category; arrays have one number per fit.

    Attributes:
        item, group: numbers of the item and of the group; None for new ones.
        price: (fits,) recovered price.
        is_seen: (fits,) 1 where the item occurs in the training sessions of the fit, else 0.
    """

    item: int | None
    group: int | None
    price: Array
    is_seen: Array


class _PriceArrays(NamedTuple):
    """Recovered prices of all fits; see `Prices`. Numbers of new items, groups, products and categories have no row.

    Attributes:
        base: (fits,).
        kind, share: (event types, fits).
        item, group, product, category: (numbers, fits).
        seen: (items, fits), 1 or 0.
    """

    base: Array
    kind: Array
    share: Array
    item: Array
    group: Array
    product: Array
    category: Array
    seen: Array

    @classmethod
    def of(cls, prices: Sequence[Prices], catalogue: Catalogue) -> _PriceArrays:
        """Return the prices of the fits, for the items and groups of a catalogue."""
        n_items, n_groups = catalogue.items.height, catalogue.groups.height
        return cls(
            base=np.array([fit.base for fit in prices]),
            kind=np.column_stack([fit.kind for fit in prices]),
            share=np.column_stack([fit.share for fit in prices]),
            item=_columns([fit.item for fit in prices], n_items),
            group=_columns([fit.group for fit in prices], n_groups),
            product=_columns([fit.product for fit in prices], _n_codes(catalogue.item_products)),
            category=_columns([fit.category for fit in prices], _n_codes(catalogue.group_categories)),
            seen=_columns([fit.seen for fit in prices], n_items),
        )


class _OwnCategories(NamedTuple):
    """What the fits have learned of the categories of an own column.

    Attributes:
        place: position of the column among the own columns of the model.
        numbers: category -> its number; new ones have none.
        values: (categories and one row for new ones, fits) statistics.
        prices: (categories, fits) prices; None if the column has none, because it does not describe products.
        n_statistics: number of features: the mean, or the mean and the maximum.
    """

    place: int
    numbers: dict[str | float, int]
    values: Array
    prices: Array | None
    n_statistics: int

    def number(self, event: LiveEvent) -> int | None:
        """Return the number of the category of an event; None if it is new or the cell is empty."""
        return self.numbers.get(event.own[self.place])


class LearnedColumns:
    """The prices and statistics of a model's fits for new sessions.

    The arithmetic is that of `price_features` and `ValueStatistics`, for one session and all fits. Parity tests compare
    the results bit for bit, so a change there needs the same change here.

    Args:
        own: the own columns of the model.
    """

    def __init__(self, fitted: FittedStack, own: Sequence[OwnColumn] = ()) -> None:
        catalogue = fitted.catalogue
        items, groups = catalogue.items, catalogue.groups
        self._items = {pair: number for number, pair in enumerate(items.select(PRODUCT, TYPE).iter_rows())}
        self._groups = {pair: number for number, pair in enumerate(groups.select(CATEGORY, TYPE).iter_rows())}
        self._products = _numbers(items.get_column(PRODUCT), catalogue.item_products)
        self._categories = _numbers(groups.get_column(CATEGORY), catalogue.group_categories)

        transforms = [fitted.transforms[fit] for fit in fitted.fits_for_test]
        self._prices = _PriceArrays.of([transform.prices for transform in transforms], catalogue)
        statistics = [transform.statistics for transform in transforms]
        unseen = np.array([fit.unseen for fit in statistics])
        self._item_value = _with_unseen([fit.item for fit in statistics], items.height, unseen)
        self._group_value = _with_unseen([fit.group for fit in statistics], groups.height, unseen)
        self._own = [_own_categories(fitted, number, own) for number in range(len(catalogue.own))]
        self._priors = [transform.factor.prior for transform in transforms]
        self._fixed = [transform.factor.fixed for transform in transforms]
        self._zeros = np.zeros(len(transforms))
        self._missing = np.full(len(transforms), np.nan)

    def price(self, event: LiveEvent) -> PricedItem:
        """Return the recovered prices of an event."""
        prices, event_type = self._prices, event.type
        item = self._items.get((event.product, event_type))
        group = self._groups.get((event.category, event_type))
        of_type = self._row(prices.item, item) + self._row(prices.group, group)
        of_all_types = self._row(prices.product, self._products.get(event.product))
        of_all_types = of_all_types + self._row(prices.category, self._categories.get(event.category))
        for own in self._own:
            if own.prices is not None:
                of_all_types = of_all_types + self._row(own.prices, own.number(event))
        price = prices.kind[event_type] + of_type + prices.share[event_type] * of_all_types
        return PricedItem(item, group, price, self._row(prices.seen, item))

    def columns(self, events: Sequence[tuple[LiveEvent, PricedItem]], user: UserValue) -> Array:
        """Return the learned columns in the order of `learned_features`, shape (fits, columns).

        Args:
            events: the session's events in any order, at least one.
        """
        # Sums depend on the order of the summands: that of Baskets.of.
        ordered = sorted(events, key=self._with_own_order if self._own else _order)
        prices = np.array([priced.price for _, priced in ordered])
        is_seen = np.array([priced.is_seen for _, priced in ordered])
        total, n_events = _total(prices), len(ordered)
        value = self._prices.base + total
        sums, maxima = self._by_type([event.type for event, _ in ordered], prices)
        item_numbers = {(event.product, event.type): priced.item for event, priced in ordered}
        group_numbers = {(event.category, event.type): priced.group for event, priced in ordered}
        columns = [
            *self._own_statistics(events),
            value,
            total / n_events,
            prices.max(axis=0),
            *sums,
            *maxima,
            _total(is_seen) / n_events,
            *_mean_and_maximum(self._item_value, item_numbers),
            *_mean_and_maximum(self._group_value, group_numbers),
            *user.columns,
            user.start(value),
        ]
        return np.column_stack(columns)

    def user_value(self, n_sessions: int, value: float, predicted: Array) -> UserValue:
        """Return the features of a user's earlier sessions; `predicted` has their summed recovered values by fit."""
        return UserValue(n_sessions, value, predicted, self._priors, self._fixed)

    def _row(self, values: Array, number: int | None) -> Array:
        """Return the row of a number; zeros for a new one, which has no number."""
        return self._zeros if number is None else values[number]

    def _by_type(self, types: Sequence[int], prices: Array) -> tuple[list[Array], list[Array]]:
        """Return the sum (0 without an event) and the maximum (NaN) of the prices of each event type.

        Args:
            types: event type of each row of `prices`, ascending.
        """
        ends = [bisect_right(types, code) for code in range(len(EVENT_TYPES))]
        parts = [prices[begin:end] for begin, end in pairwise([0, *ends])]
        return [_total(part) for part in parts], [part.max(axis=0) if len(part) else self._missing for part in parts]

    def _with_own_order(self, pair: tuple[LiveEvent, PricedItem]) -> tuple[object, ...]:
        return *_order(pair), *(pair[0].own[own.place] for own in self._own)

    def _own_statistics(self, events: Sequence[tuple[LiveEvent, PricedItem]]) -> Iterator[Array]:
        """Yield the statistics of each own column of categories; NaN for a session without one."""
        for own in self._own:
            categories = {event.own[own.place]: own.number(event) for event, _ in events if event.own[own.place]}
            statistics = _mean_and_maximum(own.values, categories) if categories else (self._missing, self._missing)
            yield from statistics[: own.n_statistics]


def _order(pair: tuple[LiveEvent, PricedItem]) -> tuple[int, int, int]:
    return pair[0].type, pair[0].product, pair[0].category


def _own_categories(fitted: FittedStack, number: int, own: Sequence[OwnColumn]) -> _OwnCategories:
    """Return what the fits have learned of an own column of categories, by its number in the catalogue."""
    column, table = list(fitted.catalogue.own.items())[number]
    transforms = [fitted.transforms[fit] for fit in fitted.fits_for_test]
    unseen = np.array([each.statistics.unseen for each in transforms])
    values = _with_unseen([each.statistics.own[number] for each in transforms], table.height, unseen)
    prices_of_fits = [each.prices.own[number] for each in transforms if number < len(each.prices.own)]
    has_prices = any(len(values) for values in prices_of_fits)
    prices = _columns(prices_of_fits, table.height) if has_prices else None
    numbers = {category: place for place, category in enumerate(table.get_column(column.stored).to_list())}
    return _OwnCategories(own.index(column), numbers, values, prices, n_statistics(column))


def _columns(values_of_fits: Sequence[NDArray[Any]], size: int) -> Array:
    """Return the values of the first `size` numbers, one column per fit; 0 where a fit has no value."""
    return np.column_stack([extended(values, size)[:size] for values in values_of_fits]).astype(np.float64)


def _with_unseen(statistics_of_fits: Sequence[Array], size: int, unseen: Array) -> Array:
    """Return the statistics by number, one column per fit, with those of a new code in the last row."""
    statistics = [
        extended(values, size, float(fill))[:size] for values, fill in zip(statistics_of_fits, unseen, strict=True)
    ]
    return np.vstack([np.column_stack(statistics), unseen])


def _mean_and_maximum(values: Array, numbers: Mapping[Any, int | None]) -> tuple[Array, Array]:
    """Return the mean and the maximum of the statistics of distinct codes, at least one.

    Args:
        values: statistics by number, with those of new codes in the last row.
        numbers: code -> its number; None if it is new. The sum takes known numbers in ascending order, then new codes.
    """
    known = sorted(number for number in numbers.values() if number is not None)
    rows = values[known + [len(values) - 1] * (len(numbers) - len(known))]
    return _total(rows) / len(rows), rows.max(axis=0)


def _numbers(codes: pl.Series, numbers: NDArray[np.int64]) -> dict[int, int]:
    """Return code -> number."""
    return dict(zip(codes.to_list(), numbers.tolist(), strict=True))


def _n_codes(numbers: NDArray[np.int64]) -> int:
    return int(numbers.max(initial=-1)) + 1


def _total(rows: Array) -> Array:
    """Add up rows one after the other, as the batch does; `sum` may add them pairwise. Zeros for no rows."""
    return rows.cumsum(axis=0)[-1] if len(rows) else np.zeros(rows.shape[1])
