"""Recovered prices: how much an event on a product adds to a session's value, estimated from session values.

The model of a session's value is a base plus a price for each event. Datasets contain no prices, so they are estimated
by a ridge regression (Hoerl and Kennard 1970) of session values on counts of events. The price of an event is a sum:

    price(product, category, type) = type + (category, type) + (product, type)
                                     + share of the type * (category + product + product's categories in own columns)

A product that is expensive to buy is also worth more in a cart, so most of what is learned of a product is learned from
all of its events: `product` is its price, and the share of a type says how much of it such an event adds. The shares
are estimated first, from event types alone. The other coefficients allow exceptions for single event types; their
penalty is larger. Penalties shrink the price of a rare product towards that of its category, and of a rare category
towards that of its event type.

Features are cross-fitted in `core.training.learned_columns`: no session has prices that were learned from its value.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.linalg import LinearOperator, cg
from threadpoolctl import ThreadpoolController

from core.features.definition import Feature, features_by_type
from core.features.learned.baskets import Baskets
from core.schema import EVENT_TYPES

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]

_TYPE_PENALTY = 1.0
_BASE_PENALTY = 100.0
_EXCEPTION_PENALTY = 30.0
"""Penalty of the coefficients of (product, type) and (category, type), relative to those of products and categories."""
_COARSE_PENALTY = 10.0
"""Penalty of the coefficients of (category, type) in the fit that determines the error weights, in sessions."""
_SHARE_POWER = 0.5
"""Power of the variance function in the fit of the shares; see PriceSettings."""
_TOLERANCE = 3e-4
_MAX_ITERATIONS = 60
"""Stop the conjugate gradients when prices are accurate to a thousandth of their noise; on pure noise, earlier."""
_MIN_EXPECTED_VALUE = 0.1
"""Lower limit of a session's expected value in the error weights, relative to the mean value. Without it, sessions of
very low expected value would dominate the fit."""

VALUE_FEATURE = Feature(
    "recovered_value", "value units", "Session value at recovered prices.", "Value at estimated prices"
)
_SUMS = {event_type: f"recovered_{event_type.lower()}_sum" for event_type in EVENT_TYPES}
SUM_FEATURES = features_by_type(
    _SUMS, "value units", "Total recovered price of the session's {many}.", "Value of {many} in this session"
)
_MAXIMA = {event_type: f"recovered_{event_type.lower()}_max" for event_type in EVENT_TYPES}
PRICE_FEATURES: tuple[Feature, ...] = (
    VALUE_FEATURE,
    Feature(
        "recovered_mean",
        "value units",
        "Average recovered price of the session's events.",
        "Average estimated price of all events",
    ),
    Feature(
        "recovered_max",
        "value units",
        "Highest recovered price of the session's events.",
        "Highest estimated price of all events",
    ),
    *SUM_FEATURES,
    *features_by_type(
        _MAXIMA,
        "value units",
        "Highest recovered price of the session's {many}; empty without one.",
        "Highest estimated price of the {many}",
    ),
    Feature(
        "recovered_known_share",
        "share",
        "Share of the session's events whose product and type occur in training sessions.",
        "Share of events with a known price",
    ),
)
"""In the column order of `price_features`."""


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
        single = {name: np.asarray(value) for name, value in vars(self).items() if name != "own"}
        return single | {f"own{number}": values for number, values in enumerate(self.own)}

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Prices:
        """Return the prices whose `arrays` these are. Older ones have no prices that all event types share."""
        older = {"share": np.zeros(len(EVENT_TYPES)), "product": np.zeros(0), "category": np.zeros(0)}
        single = older | {name: array for name, array in arrays.items() if not name.startswith("own")}
        own = tuple(arrays[f"own{number}"] for number in range(sum(name.startswith("own") for name in arrays)))
        return cls(**(single | {"base": float(single["base"]), "own": own}))

    def of_events(self, baskets: Baskets) -> Vector:
        """Return the price of each event. It is negative if such events lower the value of their session."""
        catalogue, n_items, n_groups = baskets.catalogue, baskets.items.height, baskets.groups
        product = extended(self.product, n_items)[catalogue.item_products]
        category = extended(self.category, n_groups)[catalogue.group_categories]
        shared = product[baskets.item] + category[baskets.group]
        for prices, numbers in zip(self.own, baskets.own, strict=False):
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


class PriceModel:
    """Recovers prices from any subset of the sessions; the subsets share the counts of events."""

    def __init__(self, baskets: Baskets) -> None:
        self._baskets, catalogue = baskets, baskets.catalogue
        self._types = baskets.counts(baskets.kind, len(EVENT_TYPES))
        self._groups = baskets.counts(baskets.group, baskets.groups)
        self._items = baskets.counts(baskets.item, baskets.items.height)
        products, categories = catalogue.item_products, catalogue.group_categories
        # the codes whose prices all event types share, and how many there are
        self._shared = [(products[baskets.item], _n_codes(products)), (categories[baskets.group], _n_codes(categories))]
        for numbers, (column, table) in zip(baskets.own, catalogue.own.items(), strict=True):
            is_of_product = column.level == "product"
            self._shared.append((numbers if is_of_product else np.full_like(numbers, -1), is_of_product * table.height))

    def fit(
        self, rows: NDArray[np.int64], values: Vector, settings: PriceSettings, expected: Vector | None = None
    ) -> Prices:
        """Recover prices from some sessions by weighted ridge regression.

        Args:
            rows: rows of the sessions to learn from.
            values: their session values.
            expected: their `expected_values`, if they are known.
        """
        with _thread_pools().limit(limits=1):  # so that sums do not depend on the number of threads
            expected = self.expected_values(rows, values) if expected is None else expected
            share = self._shares(rows, values, expected)
            weights = share[self._baskets.kind]
            shared = [self._baskets.counts(codes, size, weights) for codes, size in self._shared]
            blocks = [self._types, self._groups, self._items, *shared]
            exception, sizes = _EXCEPTION_PENALTY * settings.shrinkage, [block.shape[1] for block in blocks]
            penalties = np.repeat([_TYPE_PENALTY, exception, exception, *[settings.shrinkage] * len(shared)], sizes)
            counts = sparse.hstack(blocks, format="csr")[rows]
            base, prices = ridge(counts, values, penalties, expected**-settings.power)
        kind, group, item, product, category, *own = np.split(prices, np.cumsum(sizes)[:-1])
        seen = np.diff(self._items[rows].tocsc().indptr) > 0
        return Prices(base, item, group, kind, seen, share, product, category, tuple(own))

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
        with _thread_pools().limit(limits=1):
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


def ridge(counts: sparse.csr_matrix, values: Vector, penalties: Vector, weights: Vector) -> tuple[float, Vector]:
    """Solve a ridge regression with a penalty per coefficient and an intercept without penalty.

    The normal equations are solved by conjugate gradients, preconditioned with their diagonal. They take a third of the
    iterations of sklearn.linear_model.Ridge, which has no preconditioner.

    Args:
        counts: shape (sessions, coefficients).
        values: (sessions,).
        penalties: (coefficients,), relative to a mean weight of 1.
        weights: (sessions,) weights of the squared errors.

    Returns:
        The intercept, and the coefficients.

    >>> counts = sparse.csr_matrix([[0.0], [1.0], [2.0]])
    >>> intercept, coefficients = ridge(counts, np.array([1.0, 3.0, 5.0]), np.array([2.0]), np.ones(3))
    >>> round(intercept, 6), coefficients.round(6).tolist()
    (2.0, [1.0])
    """
    weights = weights / weights.mean()
    transposed = counts.T.tocsr()
    mean_counts, mean_value = transposed @ weights / len(values), float(weights @ values) / len(values)

    def normal_equations(coefficients: Vector) -> Vector:
        weighted = weights * (counts @ coefficients - mean_counts @ coefficients)
        return np.asarray(transposed @ weighted - mean_counts * weighted.sum() + penalties * coefficients)

    diagonal = transposed.power(2) @ weights - len(values) * mean_counts**2 + penalties
    size = (len(penalties), len(penalties))
    coefficients, _ = cg(
        LinearOperator(size, matvec=normal_equations, dtype=np.float64),
        transposed @ (weights * (values - mean_value)) - mean_counts * float(weights @ (values - mean_value)),
        rtol=_TOLERANCE,
        maxiter=_MAX_ITERATIONS,
        M=LinearOperator(size, matvec=lambda residuals: residuals / diagonal, dtype=np.float64),
    )
    return mean_value - float(mean_counts @ coefficients), coefficients


@cache
def _thread_pools() -> ThreadpoolController:
    """Return the thread pools of the loaded libraries; cached because a search takes longer than a small fit.

    A fit uses the libraries of NumPy, which are loaded before the first one.
    """
    return ThreadpoolController()


def _n_codes(codes: NDArray[np.int64]) -> int:
    return int(codes.max(initial=-1)) + 1


def price_features(baskets: Baskets, prices: Prices) -> Matrix:
    """Return PRICE_FEATURES as a matrix (sessions, features).

    Without an event of a type, its sum is 0 and its maximum is NaN. Without any event, means and shares are NaN, too.
    """
    price, row, n_rows = prices.of_events(baskets), baskets.row, baskets.rows
    is_seen = extended(prices.seen, baskets.items.height)[baskets.item]
    type_masks = [baskets.kind == code for code in range(len(EVENT_TYPES))]
    n_events, total = np.bincount(row, minlength=n_rows), np.bincount(row, price, n_rows)
    columns = [
        prices.base + total,
        ratios(total, n_events),
        maxima_by_row(row, price, n_rows),
        *(np.bincount(row[mask], price[mask], n_rows) for mask in type_masks),
        *(maxima_by_row(row[mask], price[mask], n_rows) for mask in type_masks),
        ratios(np.bincount(row, is_seen, n_rows), n_events),
    ]
    return np.column_stack(columns)


def extended(values: NDArray[Any], size: int, fill: float = 0.0) -> NDArray[Any]:
    """Return values by number for `size` numbers; numbers beyond the given values get `fill`.

    >>> extended(np.array([2.0, 3.0]), 3).tolist()
    [2.0, 3.0, 0.0]
    """
    if len(values) >= size:
        return values
    return np.concatenate([values, np.full(size - len(values), fill, values.dtype)])


def ratios(numerators: NDArray[Any], denominators: NDArray[np.int64]) -> Vector:
    """Divide element by element; NaN where the denominator is 0."""
    quotients = np.full(len(numerators), np.nan)
    return np.asarray(np.divide(numerators, denominators, out=quotients, where=denominators > 0))


def maxima_by_row(rows: NDArray[np.int64], values: Vector, n_rows: int) -> Vector:
    """Return the maximum of the values of each row, given the ascending row of each value; NaN for a row without one.

    >>> maxima_by_row(np.array([0, 0, 2]), np.array([1.0, 5.0, 3.0]), n_rows=3)
    array([ 5., nan,  3.])
    """
    maxima = np.full(n_rows, np.nan)
    begins = np.flatnonzero(np.diff(rows, prepend=-1))
    if len(begins):
        maxima[rows[begins]] = np.maximum.reduceat(values, begins)
    return maxima
