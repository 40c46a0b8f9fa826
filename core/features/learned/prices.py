"""Recovered prices: how much an event on a product adds to a session's value, estimated from session values.

The model of a session's value is a base plus a price for each event. Datasets contain no prices, so they are estimated
by a ridge regression (Hoerl and Kennard 1970) of session values on counts of events. The price of an event is a sum:

    price(product, category, type) = type + (category, type) + (product, type)
                                     + share of the type * (category + product + product's categories in own columns)

A product that is expensive to buy is also worth more in a cart, so its price is learned from all of its events.
`product` is this price, and the share of a type says how much of the price an event of that type adds. The shares are
estimated first, from event types alone. The other coefficients allow exceptions for single event types and have a
larger penalty. Penalties shrink the price of a rare product towards that of its category, and of a rare category
towards that of its event type.

Features are cross-fitted in `core.training.learned_columns`: no session has prices that were learned from its value.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from core.base.arrays import Vector, extended
from core.features.learned.baskets import Baskets
from core.features.learned.ridge import TOLERANCE, ridge, thread_pools
from core.schema import EVENT_TYPES

_TYPE_PENALTY = 1.0
"""Penalty of the coefficients of event types, in sessions: they are hardly shrunk."""
_BASE_PENALTY = 100.0
"""Penalty of the base in the fit of the shares, in sessions."""
_EXCEPTION_PENALTY = 30.0
"""Penalty of the coefficients of (product, type) and (category, type), relative to those of products and categories."""
PRODUCT_BLOCK = 3
"""Number of the block of coefficients of products; see PriceDesign."""
_COARSE_PENALTY = 10.0
"""Penalty of the coefficients of (category, type) in the fit that determines the error weights, in sessions."""
_SHARE_POWER = 0.5
"""Power of the variance function in the fit of the shares; see PriceSettings."""
_MIN_EXPECTED_VALUE = 0.1
"""Lower limit of a session's expected value in the error weights, relative to the mean value. Without it, sessions of
very low expected value would dominate the fit."""


@dataclass(frozen=True)
class PriceSettings:
    """How prices are recovered; see core.training.start for how the settings are chosen.

    Attributes:
        shrinkage: penalty of the squared price of a product, in sessions. A penalty of 3 halves the price of a product
            in 3 sessions of equal weight.
        power: power of the variance function. Squared errors are divided by the expected value to this power (McCullagh
            and Nelder 1989, Generalized linear models, chapter 9).
    """

    shrinkage: float = 3.0
    power: float = 0.5


@dataclass(frozen=True)
class Prices:
    """Recovered prices, in value units.

    Items, groups, products and categories with higher numbers than those of the arrays are new: they have the
    coefficient 0. So a new product has the price of its category, and a new category that of its event type.

    Attributes:
        base: value of a session without events.
        item: coefficient of each item number.
        group: coefficient of each group number.
        kind: coefficient of each event type.
        seen: mask of the items that occur in the sessions used for fitting. Other items have the coefficient 0.
        share: share of the price of a product that an event of each type adds.
        product: price of each product number; see Catalogue.item_products.
        category: price of each category number; see Catalogue.group_categories.
        own: for each own column of the catalogue, the price of each category number; empty if it does not describe
            products.
    """

    base: float
    item: Vector
    group: Vector
    kind: Vector
    seen: NDArray[np.bool_]
    share: Vector
    product: Vector
    category: Vector
    own: tuple[Vector, ...] = ()

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return all attributes as arrays by name."""
        common = {name: np.asarray(value) for name, value in vars(self).items() if name != "own"}
        return common | {f"own{number}": values for number, values in enumerate(self.own)}

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Prices:
        """Return the prices with these arrays. Those of older versions have no prices that all event types share."""
        older = {"share": np.zeros(len(EVENT_TYPES)), "product": np.zeros(0), "category": np.zeros(0)}
        common = older | {name: array for name, array in arrays.items() if not name.startswith("own")}
        n_own = sum(name.startswith("own") for name in arrays)
        own = tuple(arrays[f"own{number}"] for number in range(n_own))
        return cls(**(common | {"base": float(common["base"]), "own": own}))

    def of_events(self, baskets: Baskets) -> Vector:
        """Return the price of each event. It is negative if such events lower the value of their session."""
        catalogue, n_items, n_groups = baskets.catalogue, baskets.items.height, baskets.groups
        product = extended(self.product, n_items)[catalogue.item_products]
        category = extended(self.category, n_groups)[catalogue.group_categories]
        shared = product[baskets.item] + category[baskets.group]
        own_numbers = baskets.own[: len(self.own)]  # stored prices of an older version have none of own columns
        for prices, numbers in zip(self.own, own_numbers, strict=True):
            shared += np.append(extended(prices, _n_codes(numbers)), 0.0)[numbers]  # the number -1 is an empty cell
        alone = extended(self.item, n_items)[baskets.item] + extended(self.group, n_groups)[baskets.group]
        price: Vector = self.kind[baskets.kind] + alone + self.share[baskets.kind] * shared
        return price

    def of_items(self, baskets: Baskets) -> Vector:
        """Return the price of each item number. A product with several categories has the price in one of them."""
        price = np.zeros(baskets.items.height)
        price[baskets.item] = self.of_events(baskets)
        return price

    def of_sessions(self, baskets: Baskets) -> Vector:
        """Return the base plus the prices of the events of each session."""
        events = np.bincount(baskets.row, weights=self.of_events(baskets), minlength=baskets.rows)
        return np.asarray(events + self.base, dtype=np.float64)


@dataclass(frozen=True)
class PriceDesign:
    """A regression of session values on counts of events, whose solution are recovered prices.

    The coefficients are in blocks: event types, groups, items, and the prices that all event types share, which are
    those of products, of categories, and of the categories of each own column.

    Attributes:
        counts: (sessions, coefficients) counts of events, those of shared prices times the share of their type.
        penalties: (coefficients,) penalties.
        weights: (sessions,) weights of the squared errors.
        sizes: number of coefficients of each block.
        share, seen: see Prices.
    """

    counts: sparse.csr_matrix
    penalties: Vector
    weights: Vector
    sizes: tuple[int, ...]
    share: Vector
    seen: NDArray[np.bool_]

    @property
    def blocks(self) -> NDArray[np.int64]:
        """(coefficients,) number of each coefficient's block, ascending."""
        return np.repeat(np.arange(len(self.sizes)), self.sizes)

    def part(self, rows: NDArray[np.int64]) -> PriceDesign:
        """Return the design of some sessions."""
        return replace(self, counts=self.counts[rows], weights=self.weights[rows])

    def solve(self, values: Vector, tolerance: float = TOLERANCE) -> tuple[float, Vector]:
        """Return the base and the coefficients for these session values; see `ridge` for the tolerance."""
        return ridge(self.counts, values, self.penalties, self.weights, tolerance)

    def prices(self, base: float, coefficients: Vector) -> Prices:
        """Return coefficients as prices."""
        ends = np.cumsum(self.sizes)[:-1]
        kind, group, item, product, category, *own = np.split(coefficients, ends)
        return Prices(base, item, group, kind, self.seen, self.share, product, category, tuple(own))


class PriceModel:
    """Recovers prices from any subset of the sessions; the subsets share the counts of events."""

    def __init__(self, baskets: Baskets) -> None:
        self._baskets, catalogue = baskets, baskets.catalogue
        self._types = baskets.counts(baskets.kind, len(EVENT_TYPES))
        self._groups = baskets.counts(baskets.group, baskets.groups)
        self._items = baskets.counts(baskets.item, baskets.items.height)
        products, categories = catalogue.item_products, catalogue.group_categories
        # one array of codes per price that all event types share, with its number of codes
        self._shared = [(products[baskets.item], _n_codes(products)), (categories[baskets.group], _n_codes(categories))]
        for numbers, (column, table) in zip(baskets.own, catalogue.own.items(), strict=True):
            if column.level == "product":
                self._shared.append((numbers, table.height))
            else:  # no price: an empty block, so that the blocks stay those of the columns
                self._shared.append((np.full_like(numbers, -1), 0))

    def fit(
        self, rows: NDArray[np.int64], values: Vector, settings: PriceSettings, expected: Vector | None = None
    ) -> Prices:
        """Recover prices from some sessions by weighted ridge regression.

        Args:
            rows: rows of the sessions to learn from.
            values: their session values.
            expected: their `expected_values`, if they are known.
        """
        with thread_pools().limit(limits=1):  # so that sums do not depend on the number of threads
            design = self.design(rows, values, settings, expected)
            return design.prices(*design.solve(values))

    def design(
        self, rows: NDArray[np.int64], values: Vector, settings: PriceSettings, expected: Vector | None = None
    ) -> PriceDesign:
        """Return the regression that `fit` solves. The arguments are those of `fit`."""
        expected = self.expected_values(rows, values) if expected is None else expected
        share = self._shares(rows, values, expected)
        weights = share[self._baskets.kind]
        shared = [self._baskets.counts(codes, size, weights) for codes, size in self._shared]
        matrices = [self._types, self._groups, self._items, *shared]
        exception = _EXCEPTION_PENALTY * settings.shrinkage
        sizes = tuple(matrix.shape[1] for matrix in matrices)
        return PriceDesign(
            counts=sparse.hstack(matrices, format="csr")[rows],
            penalties=np.repeat([_TYPE_PENALTY, exception, exception, *[settings.shrinkage] * len(shared)], sizes),
            weights=expected**-settings.power,
            sizes=sizes,
            share=share,
            seen=np.diff(self._items[rows].tocsc().indptr) > 0,
        )

    def expected_values(self, rows: NDArray[np.int64], values: Vector) -> Vector:
        """Return the expected value of each session for the error weights, relative to the mean value.

        It is the average of the actual value and the value predicted from categories and event types. The actual value
        gives an extraordinary session a low weight, so that it does not determine the price of a rare product.
        """
        mean = float(values.mean())
        if mean <= 0:
            return np.ones(len(values))
        coarse = sparse.hstack([self._types, self._groups], format="csr")[rows]
        penalties = np.repeat([_TYPE_PENALTY, _COARSE_PENALTY], [self._types.shape[1], self._groups.shape[1]])
        with thread_pools().limit(limits=1):
            base, coefficients = ridge(coarse, values, penalties, np.ones(len(values)))
        expected = (base + coarse @ coefficients + values) / 2
        return np.asarray(np.maximum(expected / mean, _MIN_EXPECTED_VALUE), dtype=np.float64)

    def _shares(self, rows: NDArray[np.int64], values: Vector, expected: Vector) -> Vector:
        """Return how much an event of each type adds, relative to the type that adds most; at least 0.

        The penalty of the base matters only if base and events cannot be separated, such as in a log with one event per
        session. Then the whole value is attributed to the events.
        """
        design = np.column_stack([np.ones(len(rows)), self._types[rows].toarray()])
        weights = expected**-_SHARE_POWER
        weighted = design * (weights / weights.mean())[:, None]
        penalties = np.diag([_BASE_PENALTY, *[_TYPE_PENALTY] * len(EVENT_TYPES)])
        added = np.maximum(np.linalg.solve(weighted.T @ design + penalties, weighted.T @ values)[1:], 0.0)
        return added / added.max() if added.max() > 0 else np.ones_like(added)


def _n_codes(codes: NDArray[np.int64]) -> int:
    return int(codes.max(initial=-1)) + 1
