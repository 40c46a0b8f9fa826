"""Learned columns of an open session, for all fits of a model at once.

They are those of core.features.learned.fold_transform. Arrays have one column per fit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from core.base.arrays import extended
from core.features.learned.value_statistics import n_statistics
from core.live.session_features import LiveEvent
from core.model.fitted_stack import FittedStack
from core.own_columns import OwnColumn
from core.schema import CATEGORY, EVENT_TYPES, PRODUCT, TYPE

Array = NDArray[np.float64]
_N_TYPES = len(EVENT_TYPES)


class PricedItem:
    """Recovered prices of an event of a type on a product and category; arrays have one number per fit.

    Attributes:
        item, group: numbers of the item and of the group; None for new ones.
        price: (fits,) recovered price.
        is_seen: (fits,) 1 where the item occurs in the training sessions of the fit, else 0.
    """

    __slots__ = ("group", "is_seen", "item", "price")

    def __init__(self, item: int | None, group: int | None, price: Array, is_seen: Array) -> None:
        self.item, self.group, self.price, self.is_seen = item, group, price, is_seen


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

    Args:
        own: the own columns of the model.
    """

    def __init__(self, fitted: FittedStack, own: Sequence[OwnColumn] = ()) -> None:
        catalogue = fitted.catalogue
        transforms = [fitted.transforms[fit] for fit in fitted.fits_for_test]
        prices, statistics = [each.prices for each in transforms], [each.statistics for each in transforms]
        n_items, n_groups = catalogue.items.height, catalogue.groups.height
        products, categories = catalogue.item_products, catalogue.group_categories
        self._base = np.array([each.base for each in prices])
        self._kind, self._share = (
            np.column_stack([getattr(each, name) for each in prices]) for name in ("kind", "share")
        )
        self._item, self._group = _columns(prices, "item", n_items), _columns(prices, "group", n_groups)
        self._product = _columns(prices, "product", _n_codes(products))
        self._category = _columns(prices, "category", _n_codes(categories))
        self._seen = _columns(prices, "seen", n_items)
        self._unseen = np.array([each.unseen for each in statistics])
        self._item_value = _with_unseen([each.item for each in statistics], n_items, self._unseen)
        self._group_value = _with_unseen([each.group for each in statistics], n_groups, self._unseen)
        items, groups = catalogue.items, catalogue.groups
        self._items = {pair: number for number, pair in enumerate(items.select(PRODUCT, TYPE).iter_rows())}
        self._groups = {pair: number for number, pair in enumerate(groups.select(CATEGORY, TYPE).iter_rows())}
        self._products = dict(zip(items.get_column(PRODUCT).to_list(), products.tolist(), strict=True))
        self._categories = dict(zip(groups.get_column(CATEGORY).to_list(), categories.tolist(), strict=True))
        self._nothing = np.zeros(len(transforms))
        self._own = [_own_categories(fitted, number, own) for number in range(len(catalogue.own))]
        self._priors, self._fixed = ([getattr(each.factor, name) for each in transforms] for name in ("prior", "fixed"))

    def price(self, event: LiveEvent) -> PricedItem:
        """Return the recovered prices of an event."""
        nothing, kind = self._nothing, event.type
        item, group = self._items.get((event.product, kind)), self._groups.get((event.category, kind))
        product, category = self._products.get(event.product), self._categories.get(event.category)
        alone = _row(self._item, item, nothing) + _row(self._group, group, nothing)
        shared = _row(self._product, product, nothing) + _row(self._category, category, nothing)
        for own in self._own:
            if own.prices is not None:
                shared = shared + _row(own.prices, own.number(event), nothing)
        price = self._kind[kind] + alone + self._share[kind] * shared
        return PricedItem(item, group, price, _row(self._seen, item, nothing))

    def columns(self, events: Sequence[tuple[LiveEvent, PricedItem]], user: UserValue) -> Array:
        """Return the learned columns in the order of the catalogue, shape (fits, columns).

        Args:
            events: the session's events in any order.
        """
        # Sums depend on the order of the summands: that of Baskets.of.
        ordered = sorted(events, key=self._with_own_order if self._own else _order)
        prices = np.array([priced.price for _, priced in ordered])
        n_events, total = len(ordered), _total(prices)
        columns = [self._base + total, total / n_events, prices.max(axis=0)]
        sums, maxima, first = [], [], 0
        for code in range(_N_TYPES):
            last = first + sum(event.type == code for event, _ in ordered[first:])
            of_type = prices[first:last]
            sums.append(_total(of_type))
            maxima.append(of_type.max(axis=0) if last > first else np.full(len(self._base), np.nan))
            first = last
        known_share = _total(np.array([priced.is_seen for _, priced in ordered])) / n_events
        items = self._statistics(self._item_value, {(e.product, e.type): p.item for e, p in ordered})
        groups = self._statistics(self._group_value, {(e.category, e.type): p.group for e, p in ordered})
        columns += [*sums, *maxima, known_share, *items, *groups, *user.columns, user.start(columns[0])]
        return np.column_stack([*self._own_statistics(events), *columns])

    def _with_own_order(self, pair: tuple[LiveEvent, PricedItem]) -> tuple[object, ...]:
        return *_order(pair), *(pair[0].own[own.place] for own in self._own)

    def _own_statistics(self, events: Sequence[tuple[LiveEvent, PricedItem]]) -> Iterator[Array]:
        """Yield the statistics of each own column of categories; NaN for a session without one."""
        for own in self._own:
            numbers = {event.own[own.place]: own.number(event) for event, _ in events if event.own[own.place]}
            nothing = self._nothing + np.nan
            statistics = self._statistics(own.values, numbers) if numbers else (nothing, nothing)
            yield from statistics[: own.n_statistics]

    def _statistics(self, values: Array, numbers: Mapping[Any, int | None]) -> tuple[Array, Array]:
        """Return the mean and the maximum of the statistics of distinct codes; new codes come last."""
        known_numbers = sorted(number for number in numbers.values() if number is not None)
        rows = values[known_numbers + [len(values) - 1] * (len(numbers) - len(known_numbers))]
        return _total(rows) / len(rows), rows.max(axis=0)

    def user_value(self, n_sessions: int, value: float, predicted: Array) -> UserValue:
        """Return the features of a user's earlier sessions; `predicted` has their summed recovered values by fit."""
        return UserValue(n_sessions, value, predicted, self._priors, self._fixed)


class UserValue:
    """Values of a user's earlier sessions, as columns of each fit, and the factor of the start value."""

    __slots__ = ("_fixed", "_ratio", "columns", "n_sessions")

    def __init__(
        self, n_sessions: int, value: float, predicted: Array, priors: list[float], fixed: list[float]
    ) -> None:
        ratios = [
            _ratio(n_sessions, value, float(each), prior, part)
            for each, prior, part in zip(predicted, priors, fixed, strict=True)
        ]
        self.n_sessions, self._ratio, self._fixed = n_sessions, np.array(ratios), np.array(fixed)
        ones = np.ones(len(ratios))
        mean = value / n_sessions if n_sessions else np.nan
        self.columns = (ones * n_sessions, ones * mean, self._ratio)

    def start(self, recovered: Array) -> Array:
        """Return the start values of the learners by fit, given the session's values at recovered prices."""
        recovered = np.maximum(recovered, 0.0)
        fixed = np.minimum(recovered, self._fixed)
        return np.asarray(fixed + (recovered - fixed) * self._ratio)


def _ratio(n_sessions: int, value: float, predicted: float, prior: float, fixed: float) -> float:
    """Return the ratio of one user by fit; see `UserFactor.ratios`."""
    if np.isinf(prior):
        return 1.0
    value, predicted = (max(total - fixed * n_sessions, 0.0) + prior for total in (value, predicted))
    return value / predicted if predicted > 0 else 1.0


def _order(pair: tuple[LiveEvent, PricedItem]) -> tuple[int, int, int]:
    return pair[0].type, pair[0].product, pair[0].category


def _own_categories(fitted: FittedStack, number: int, own: Sequence[OwnColumn]) -> _OwnCategories:
    """Return what the fits have learned of an own column of categories, by its number in the catalogue."""
    column, table = list(fitted.catalogue.own.items())[number]
    transforms = [fitted.transforms[fit] for fit in fitted.fits_for_test]
    unseen = np.array([each.statistics.unseen for each in transforms])
    values = _with_unseen([each.statistics.own[number] for each in transforms], table.height, unseen)
    by_fit = [each.prices.own[number] for each in transforms if number < len(each.prices.own)]
    prices = np.column_stack([extended(each, table.height) for each in by_fit]) if any(map(len, by_fit)) else None
    numbers = {category: place for place, category in enumerate(table.get_column(column.stored).to_list())}
    return _OwnCategories(own.index(column), numbers, values, prices, n_statistics(column))


def _columns(parts: Sequence[object], name: str, size: int) -> Array:
    return np.column_stack([extended(getattr(part, name), size)[:size] for part in parts]).astype(np.float64)


def _with_unseen(statistics: Sequence[Array], size: int, unseen: Array) -> Array:
    """Return the statistics by number, with those of a new code in the last row."""
    statistics_of_fits = [
        extended(each, size, float(fill))[:size] for each, fill in zip(statistics, unseen, strict=True)
    ]
    return np.vstack([np.column_stack(statistics_of_fits), unseen])


def _n_codes(numbers: NDArray[np.int64]) -> int:
    return int(numbers.max(initial=-1)) + 1


def _row(values: Array, number: int | None, nothing: Array) -> Array:
    return nothing if number is None else values[number]


def _total(rows: Array) -> Array:
    """Add up rows one after the other, as the batch does; `sum` may add them pairwise."""
    return rows.cumsum(axis=0)[-1] if len(rows) else np.zeros(rows.shape[1])
