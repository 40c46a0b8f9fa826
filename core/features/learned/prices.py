"""Recovered prices: what an event on a product adds to a session's value, estimated from session values.

The model is a session value that is a base plus a price for each event. Prices are not in the files. A ridge regression
(Hoerl and Kennard 1970) of session values on event counts estimates them. It counts each (product, event type), each
(category, event type) and each event type, and an event's price is the sum of its three coefficients. The penalties
draw the price of a rare product towards that of its category, and of a rare category towards that of its event type.

Prices must be learned from other sessions than those they describe. `core.training.learned_columns` sees to that, fold
by fold.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import sparse
from sklearn.linear_model import Ridge
from threadpoolctl import threadpool_limits

from core.features.definition import Feature
from core.schema import CATEGORY, EVENT_TYPES, PRODUCT, TYPE, UNIT

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]

_PRODUCT_PENALTY = 3.0
_CATEGORY_PENALTY = 10.0
_TYPE_PENALTY = 1.0
"""Penalties of the squared coefficients, in sessions: a product in three sessions gets half of what they indicate.
Values from 2 to 100 were tried on two data sets (docs/benchmarks.md). The learners hardly differ between 2 and 10."""
_TOLERANCE = 1e-3
_MAX_ITERATIONS = 100
"""Of the conjugate gradients; by then prices have settled to a thousandth of their noise."""
_LEAST_EXPECTED = 0.1
"""Lower limit of a session's expected value, in mean values, when errors are weighted. Without it, sessions of very low
expected value would dominate the fit."""

VALUE_FEATURE = Feature("recovered_value", "value units", "Session value at recovered prices.")
SUM_FEATURES: tuple[Feature, ...] = tuple(
    Feature(f"recovered_{event_type.lower()}_sum", "value units", f"Total recovered price of its {event_type} events.")
    for event_type in EVENT_TYPES
)
PRICE_FEATURES: tuple[Feature, ...] = (
    VALUE_FEATURE,
    Feature("recovered_mean", "value units", "Average recovered price of its events."),
    Feature("recovered_max", "value units", "Highest recovered price of its events."),
    *SUM_FEATURES,
    *(
        Feature(
            f"recovered_{event_type.lower()}_max",
            "value units",
            f"Highest recovered price of its {event_type} events; empty without one.",
        )
        for event_type in EVENT_TYPES
    ),
    Feature("recovered_known_share", "share", "Share of its events whose product and type have a price of their own."),
)
"""In the column order of `price_features`."""


@dataclass(frozen=True)
class Baskets:
    """The events of some sessions, without their order in time.

    Item, group and kind are numbers of what the price of an event is made of: its (product, event type), its (category,
    event type) and its event type.

    Attributes:
        row: row of each event's session, ascending.
        item: item number of each event.
        group: group number of each event.
        kind: event type of each event.
        rows: number of sessions, including those without events.
        items: one row per item number: product, category (of its first event, if the product has several) and type.
    """

    row: NDArray[np.int64]
    item: NDArray[np.int64]
    group: NDArray[np.int64]
    kind: NDArray[np.int64]
    rows: int
    items: pl.DataFrame

    @classmethod
    def of(cls, events: pl.DataFrame, units: NDArray[np.int64]) -> Baskets:
        """Create baskets from events with unit, product, category and type. The session of `units[i]` is row i."""
        rows = pl.DataFrame({UNIT: units, "row": np.arange(len(units))})
        types = pl.col(TYPE).cast(pl.Int64)
        order = ["row", TYPE, PRODUCT, CATEGORY]
        sorted_events = events.select(UNIT, PRODUCT, CATEGORY, types).join(rows, on=UNIT).sort(order)
        items = sorted_events.group_by(PRODUCT, TYPE).agg(pl.col(CATEGORY).first()).sort(PRODUCT, TYPE)
        item, group = (_pair_numbers(sorted_events, (key, TYPE)) for key in (PRODUCT, CATEGORY))
        row, kind = (sorted_events.get_column(name).to_numpy() for name in ("row", TYPE))
        return cls(row, item, group, kind, len(units), items)

    def part(self, rows: NDArray[np.int64]) -> Baskets:
        """Return the sessions in these ascending rows. All items keep their numbers."""
        new_rows = np.full(self.rows, -1, dtype=np.int64)
        new_rows[rows] = np.arange(len(rows))
        row = new_rows[self.row]
        in_part = row >= 0
        return Baskets(row[in_part], self.item[in_part], self.group[in_part], self.kind[in_part], len(rows), self.items)

    def counts(self, codes: NDArray[np.int64], n_codes: int) -> sparse.csr_matrix:
        """Return a matrix (sessions, n_codes) of event counts, given a code for each event."""
        return sparse.csr_matrix((np.ones(len(codes)), (self.row, codes)), shape=(self.rows, n_codes))

    @property
    def groups(self) -> int:
        """Number of groups."""
        return int(self.group.max()) + 1 if len(self.group) else 0


def _pair_numbers(events: pl.DataFrame, keys: tuple[str, str]) -> NDArray[np.int64]:
    """Number the distinct pairs of two columns in sort order, and return the number of each event."""
    numbers = events.select(keys).unique().sort(keys).with_row_index("number")
    joined = events.select(keys).join(numbers, on=keys, how="left", maintain_order="left")
    return joined.get_column("number").to_numpy().astype(np.int64)


@dataclass(frozen=True)
class Prices:
    """Recovered prices, in value units.

    Attributes:
        base: value of a session before its events are added.
        item: coefficient of each item number.
        group: coefficient of each group number.
        kind: coefficient of each event type.
        seen: whether each item occurs in a session the prices were learned from; otherwise its coefficient is 0.
    """

    base: float
    item: Vector
    group: Vector
    kind: Vector
    seen: NDArray[np.bool_]

    def of_events(self, baskets: Baskets) -> Vector:
        """Return the price of each event; negative if such events lower the value."""
        price: Vector = self.item[baskets.item] + self.group[baskets.group] + self.kind[baskets.kind]
        return price

    def of_items(self, baskets: Baskets) -> Vector:
        """Return the price of each item number, in one of its categories if its product has several."""
        price = np.zeros(baskets.items.height)
        price[baskets.item] = self.of_events(baskets)
        return price

    def of_sessions(self, baskets: Baskets) -> Vector:
        """Return the value of each session at these prices: the base plus the prices of its events."""
        events = np.bincount(baskets.row, weights=self.of_events(baskets), minlength=baskets.rows)
        return np.asarray(events + self.base, dtype=np.float64)


class PriceModel:
    """Recovers prices from any subset of the sessions; work that the subsets share is done once."""

    def __init__(self, baskets: Baskets) -> None:
        self._sizes = (baskets.items.height, baskets.groups, len(EVENT_TYPES))
        penalties = (_PRODUCT_PENALTY, _CATEGORY_PENALTY, _TYPE_PENALTY)
        self._scales = np.repeat(1 / np.sqrt(penalties), self._sizes)
        counts = [
            baskets.counts(codes, size)
            for codes, size in zip((baskets.item, baskets.group, baskets.kind), self._sizes, strict=True)
        ]
        self._counts = sparse.hstack(counts, format="csr") @ sparse.diags_array(self._scales)

    def fit(self, rows: NDArray[np.int64], values: Vector, power: float = 0.0) -> Prices:
        """Recover prices from some sessions by weighted ridge regression.

        Args:
            rows: rows of the sessions to learn from.
            values: their session values.
            power: the variance of a session value is taken to be proportional to its expected value to this power, and
                squared errors are divided by it (McCullagh and Nelder 1989, Generalized linear models, chapter 9).
        """
        counts = self._counts[rows]
        weights = self._expected_values(counts, values) ** -power
        with threadpool_limits(1):  # the number of threads must not change the sums
            ridge = _ridge().fit(counts, values, weights / weights.mean())
        item, group, kind = np.split(ridge.coef_ * self._scales, np.cumsum(self._sizes)[:-1])
        seen = np.diff(counts[:, : self._sizes[0]].tocsc().indptr) > 0
        return Prices(float(ridge.intercept_), item, group, kind, seen)

    def _expected_values(self, counts: sparse.csr_matrix, values: Vector) -> Vector:
        """Return the expected value of each session in mean values, for the error weights.

        It is the average of the session's actual value and its value by categories and event types. The actual value
        keeps one extraordinary session from setting the price of a rare product, as in iteratively reweighted least
        squares.
        """
        coarse, mean = counts[:, self._sizes[0] :], float(values.mean())
        if mean <= 0:
            return np.ones(len(values))
        expected = (_ridge().fit(coarse, values).predict(coarse) + values) / 2
        return np.asarray(np.maximum(expected / mean, _LEAST_EXPECTED), dtype=np.float64)


def _ridge() -> Ridge:
    return Ridge(alpha=1.0, solver="sparse_cg", tol=_TOLERANCE, max_iter=_MAX_ITERATIONS)


def price_features(baskets: Baskets, prices: Prices) -> Matrix:
    """Return (sessions, PRICE_FEATURES).

    Without an event of the kind, sums are 0 and maxima are NaN; without any event, averages and shares are NaN, too.
    """
    price = prices.of_events(baskets)
    all_events = np.ones(len(price), dtype=bool)
    n_events = _sums(baskets, np.ones(len(price)), all_events)
    n_seen = _sums(baskets, prices.seen[baskets.item].astype(np.float64), all_events)
    type_masks = [baskets.kind == code for code in range(len(EVENT_TYPES))]
    total = _sums(baskets, price, all_events)
    columns = [
        prices.base + total,
        _ratios(total, n_events),
        _maxima(baskets, price, all_events),
        *(_sums(baskets, price, mask) for mask in type_masks),
        *(_maxima(baskets, price, mask) for mask in type_masks),
        _ratios(n_seen, n_events),
    ]
    return np.column_stack(columns)


def _ratios(numerator: Vector, denominator: Vector) -> Vector:
    ratios = np.full(len(numerator), np.nan)
    return np.asarray(np.divide(numerator, denominator, out=ratios, where=denominator > 0))


def _sums(baskets: Baskets, price: Vector, event_mask: NDArray[np.bool_]) -> Vector:
    rows = baskets.row[event_mask]
    return np.bincount(rows, weights=price[event_mask], minlength=baskets.rows).astype(np.float64)


def _maxima(baskets: Baskets, price: Vector, event_mask: NDArray[np.bool_]) -> Vector:
    maxima = np.full(baskets.rows, np.nan)
    rows = baskets.row[event_mask]
    begins = np.flatnonzero(np.diff(rows, prepend=-1))  # rows are ascending
    if len(begins):
        maxima[rows[begins]] = np.maximum.reduceat(price[event_mask], begins)
    return maxima
