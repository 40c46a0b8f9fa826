"""Recovered prices: what an event of a type on a product adds to a session's value, learned from the values themselves.

The value of a session is mostly a base and a sum over its events of prices that the files do not show. A ridge
regression of the values on the counts of (product, event type), (category, event type) and event type finds them (Hoerl
and Kennard 1970). The price of an event is the sum of its three weights: a product that was hardly seen gets the price
of its category, and a category that was hardly seen that of the event type.

Prices are learned from values. They may only ever be learned from sessions other than those they describe:
`core.training.learned_columns` does that, fold by fold.
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
"""Of the squared weights, in sessions: a product seen in three sessions gets half of what they say of it. Tried on demo
and journey from 2 to 100 (docs/benchmarks.md); the learners built on top hardly tell 2 from 10."""
_TOLERANCE = 1e-3
_LEAST_WORTH = 0.1
"""In mean values: no session is expected to be worth less when errors are weighed, or it would count beyond measure."""
_MOST_STEPS = 100
"""Of conjugate gradients; prices have long settled to a thousandth of the noise by then."""


def _name(word: str, how: str) -> str:
    return f"recovered_{word.lower()}_{how}"


VALUE_FEATURE = Feature("recovered_value", "value units", "What the session is worth at recovered prices.")
SUM_FEATURES: tuple[Feature, ...] = tuple(
    Feature(_name(word, "sum"), "value units", f"What its {word} events are worth together.") for word in EVENT_TYPES
)
PRICE_FEATURES: tuple[Feature, ...] = (
    VALUE_FEATURE,
    Feature("recovered_mean", "value units", "What one of its events is worth on average at recovered prices."),
    Feature("recovered_max", "value units", "What its dearest event is worth at recovered prices."),
    *SUM_FEATURES,
    *(
        Feature(_name(word, "max"), "value units", f"What its dearest {word} event is worth; nothing without one.")
        for word in EVENT_TYPES
    ),
    Feature("recovered_known_share", "share", "Part of its events whose product and type have a price of their own."),
)
"""In the order of the columns that `price_features` gives."""


@dataclass(frozen=True)
class Baskets:
    """The events of some sessions, whatever their order in time.

    Attributes:
        row: of each event the row of its session, rising.
        item, group, kind: of each event the number of its (product, event type), its (category, event type), and its
            event type.
        rows: sessions, also those without events.
        items: one row an item number: product, category (the first that it has), type.
    """

    row: NDArray[np.int64]
    item: NDArray[np.int64]
    group: NDArray[np.int64]
    kind: NDArray[np.int64]
    rows: int
    items: pl.DataFrame

    @classmethod
    def of(cls, events: pl.DataFrame, units: NDArray[np.int64]) -> Baskets:
        """The events (unit, product, category, type) of the units, whose places are the rows."""
        rows = pl.DataFrame({UNIT: units, "row": np.arange(len(units))})
        order = ["row", TYPE, PRODUCT, CATEGORY]
        chosen = events.select(UNIT, PRODUCT, CATEGORY, pl.col(TYPE).cast(pl.Int64)).join(rows, on=UNIT).sort(order)
        items = chosen.group_by(PRODUCT, TYPE).agg(pl.col(CATEGORY).first()).sort(PRODUCT, TYPE)
        item, group = (_numbered(chosen, (key, TYPE)) for key in (PRODUCT, CATEGORY))
        kind = chosen.get_column(TYPE).to_numpy()
        return cls(chosen.get_column("row").to_numpy(), item, group, kind, len(units), items)

    def part(self, rows: NDArray[np.int64]) -> Baskets:
        """Some of the sessions, their rows rising; all items keep their numbers."""
        place = np.full(self.rows, -1, dtype=np.int64)
        place[rows] = np.arange(len(rows))
        row = place[self.row]
        mine = row >= 0
        return Baskets(row[mine], self.item[mine], self.group[mine], self.kind[mine], len(rows), self.items)

    def counts(self, code: NDArray[np.int64], codes: int) -> sparse.csr_matrix:
        """(rows, codes): how many events of each code a session has."""
        return sparse.csr_matrix((np.ones(len(code)), (self.row, code)), shape=(self.rows, codes))

    @property
    def groups(self) -> int:
        """How many (category, event type) there are."""
        return int(self.group.max()) + 1 if len(self.group) else 0


def _numbered(events: pl.DataFrame, keys: tuple[str, str]) -> NDArray[np.int64]:
    """Number the different keys in their order, 0, 1, ..."""
    numbers = events.select(keys).unique().sort(keys).with_row_index("number")
    found = events.select(keys).join(numbers, on=keys, how="left", maintain_order="left")
    return found.get_column("number").to_numpy().astype(np.int64)


@dataclass(frozen=True)
class Prices:
    """Recovered prices, in value units.

    Attributes:
        base: what a session is worth before its events count.
        item, group, kind: what an event adds for its (product, event type), (category, event type) and event type.
        seen: the items that were learned; the others have no price of their own.
    """

    base: float
    item: Vector
    group: Vector
    kind: Vector
    seen: NDArray[np.bool_]

    def of_events(self, baskets: Baskets) -> Vector:
        """The price of each event, in value units; below 0 where an event speaks against value."""
        price: Vector = self.item[baskets.item] + self.group[baskets.group] + self.kind[baskets.kind]
        return price

    def of_items(self, baskets: Baskets) -> Vector:
        """The price of an event of each item number, in one of its categories where its product has several."""
        price = np.zeros(baskets.items.height)
        price[baskets.item] = self.of_events(baskets)
        return price

    def of_sessions(self, baskets: Baskets) -> Vector:
        """What each session is worth at these prices, in value units: the base and its events."""
        events = np.bincount(baskets.row, weights=self.of_events(baskets), minlength=baskets.rows)
        return np.asarray(events + self.base, dtype=np.float64)


class PriceModel:
    """Recovers prices from the values of any choice of the sessions; what the choices share is made once."""

    def __init__(self, baskets: Baskets) -> None:
        self._baskets = baskets
        self._sizes = (baskets.items.height, baskets.groups, len(EVENT_TYPES))
        penalties = (_PRODUCT_PENALTY, _CATEGORY_PENALTY, _TYPE_PENALTY)
        self._scales = np.repeat(1 / np.sqrt(penalties), self._sizes)
        counts = [
            baskets.counts(code, size)
            for code, size in zip((baskets.item, baskets.group, baskets.kind), self._sizes, strict=True)
        ]
        self._counts = sparse.hstack(counts, format="csr") @ sparse.diags_array(self._scales)

    def fit(self, rows: NDArray[np.int64], values: Vector, power: float = 0.0) -> Prices:
        """Recover prices from the sessions in these rows; `values` are theirs.

        The variance of a session's value is taken to grow with its expected value to this power, and squared errors are
        weighed by one over it (McCullagh and Nelder 1989, Generalized linear models, chapter 9).
        """
        counts = self._counts[rows]
        ridge = Ridge(alpha=1.0, solver="sparse_cg", tol=_TOLERANCE, max_iter=_MOST_STEPS)
        weighed = self._expected(counts, values) ** -power
        with threadpool_limits(1):  # the sums inside must not depend on the number of threads
            weights = ridge.fit(counts, values, weighed / weighed.mean()).coef_ * self._scales
        item, group, kind = np.split(weights, np.cumsum(self._sizes)[:-1])
        seen = np.diff(counts[:, : self._sizes[0]].tocsc().indptr) > 0
        return Prices(float(ridge.intercept_), item, group, kind, seen)

    def _expected(self, counts: sparse.csr_matrix, values: Vector) -> Vector:
        """What each session is worth, in mean values and never near 0: between what its categories say and what it was.

        Its own value counts, so that the price of a product hardly seen does not follow one extraordinary session; see
        iteratively reweighted least squares.
        """
        coarse, mean = counts[:, self._sizes[0] :], float(values.mean())
        if mean <= 0:
            return np.ones(len(values))
        ridge = Ridge(alpha=1.0, solver="sparse_cg", tol=_TOLERANCE, max_iter=_MOST_STEPS)
        told = (ridge.fit(coarse, values).predict(coarse) + values) / 2
        return np.asarray(np.maximum(told / mean, _LEAST_WORTH), dtype=np.float64)


def price_features(baskets: Baskets, prices: Prices) -> Matrix:
    """(rows, PRICE_FEATURES). Sums are 0 and maxima NaN where a session has no such event."""
    price = prices.of_events(baskets)
    everything = np.ones(len(price), dtype=bool)
    events = _sums(baskets, np.ones(len(price)), everything)
    known = _sums(baskets, prices.seen[baskets.item].astype(np.float64), everything)
    by_type = [baskets.kind == code for code in range(len(EVENT_TYPES))]
    total = _sums(baskets, price, everything)
    columns = [
        prices.base + total,
        _shares(total, events),
        _largest(baskets, price, everything),
        *(_sums(baskets, price, chosen) for chosen in by_type),
        *(_largest(baskets, price, chosen) for chosen in by_type),
        _shares(known, events),
    ]
    return np.column_stack(columns)


def _shares(part: Vector, events: Vector) -> Vector:
    return np.asarray(np.divide(part, events, out=np.full(len(part), np.nan), where=events > 0))


def _sums(baskets: Baskets, price: Vector, chosen: NDArray[np.bool_]) -> Vector:
    return np.bincount(baskets.row[chosen], weights=price[chosen], minlength=baskets.rows).astype(np.float64)


def _largest(baskets: Baskets, price: Vector, chosen: NDArray[np.bool_]) -> Vector:
    largest = np.full(baskets.rows, np.nan)
    row = baskets.row[chosen]
    begins = np.flatnonzero(np.diff(row, prepend=-1))  # rows rise
    if len(begins):
        largest[row[begins]] = np.maximum.reduceat(price[chosen], begins)
    return largest
