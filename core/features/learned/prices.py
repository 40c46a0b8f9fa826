"""Recovered prices: how much an event on a product adds to a session's value, estimated from session values.

The model of a session's value is a base plus a price for each event. Datasets contain no prices, so they are estimated
by a ridge regression (Hoerl and Kennard 1970) of session values on three kinds of event counts: by (product, event
type), by (category, event type) and by event type. An event's price is the sum of its three coefficients. The penalties
shrink the price of a rare product towards that of its category, and of a rare category towards that of its event type.

Features are cross-fitted in `core.training.learned_columns`: no session has prices that were learned from its value.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from functools import cache, cached_property
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import sparse
from sklearn.linear_model import Ridge
from threadpoolctl import ThreadpoolController

from core.features.definition import Feature, features_by_type
from core.own_columns import OwnColumn
from core.schema import CATEGORY, EVENT_TYPES, PRODUCT, TYPE, UNIT

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]

_PRODUCT_PENALTY = 3.0
_CATEGORY_PENALTY = 10.0
_TYPE_PENALTY = 1.0
"""Penalties of the squared coefficients, in sessions. A penalty of 3 halves the coefficient of a product in 3 sessions.
Values from 2 to 100 were tried on two data sets (docs/benchmarks.md). The scores hardly differ between 2 and 10."""
_TOLERANCE = 1e-3
_MAX_ITERATIONS = 100
"""Stop the conjugate gradients when prices are accurate to a thousandth of their noise."""
_MIN_EXPECTED_VALUE = 0.1
"""Lower limit of a session's expected value in the error weights, relative to the mean value. Without it, sessions of
very low expected value would dominate the fit."""

VALUE_FEATURE = Feature("recovered_value", "value units", "Session value at recovered prices.")
_SUMS = {event_type: f"recovered_{event_type.lower()}_sum" for event_type in EVENT_TYPES}
SUM_FEATURES = features_by_type(_SUMS, "value units", "Total recovered price of the session's {} events.")
_MAXIMA = {event_type: f"recovered_{event_type.lower()}_max" for event_type in EVENT_TYPES}
PRICE_FEATURES: tuple[Feature, ...] = (
    VALUE_FEATURE,
    Feature("recovered_mean", "value units", "Average recovered price of the session's events."),
    Feature("recovered_max", "value units", "Highest recovered price of the session's events."),
    *SUM_FEATURES,
    *features_by_type(_MAXIMA, "value units", "Highest recovered price of the session's {} events; empty without one."),
    Feature(
        "recovered_known_share",
        "share",
        "Share of the session's events whose product and type occur in training sessions.",
    ),
)
"""In the column order of `price_features`."""


@dataclass(frozen=True)
class Catalogue:
    """The numbers of items and groups.

    An item is a (product, event type), a group is a (category, event type).

    Attributes:
        items: one row per item number: product, category (of its first event, if the product has several) and type.
        groups: one row per group number: category and type.
        own: own column of categories -> one row per number, with the category under the column's stored name.
    """

    items: pl.DataFrame
    groups: pl.DataFrame
    own: Mapping[OwnColumn, pl.DataFrame] = field(default_factory=dict)

    @classmethod
    def empty(cls, own: Iterable[OwnColumn] = ()) -> Catalogue:
        """Return a catalogue without items, groups and categories."""
        categories = {each: pl.DataFrame(schema={each.stored: pl.String}) for each in own if each.kind == "category"}
        return cls(*_no_items(), categories)

    def with_new(self, events: pl.DataFrame) -> Catalogue:
        """Add the items and groups of sorted events. New ones get the next numbers, in sort order."""
        items = events.group_by(PRODUCT, TYPE).agg(pl.col(CATEGORY).first()).sort(PRODUCT, TYPE)
        groups = events.select(CATEGORY, TYPE).unique().sort(CATEGORY, TYPE)
        own = {
            each: _with_new(known, events.select(each.stored).drop_nulls().unique().sort(each.stored), (each.stored,))
            for each, known in self.own.items()
        }
        return Catalogue(
            _with_new(self.items, items, (PRODUCT, TYPE)), _with_new(self.groups, groups, (CATEGORY, TYPE)), own
        )

    def numbers(self, events: pl.DataFrame) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the item number and the group number of each event, all of which must be in the catalogue."""
        return _numbers(events, self.items, (PRODUCT, TYPE)), _numbers(events, self.groups, (CATEGORY, TYPE))

    def own_numbers(self, events: pl.DataFrame) -> tuple[NDArray[np.int64], ...]:
        """Return the number of each event's category in each own column; -1 for an empty cell."""
        return tuple(_numbers(events, known, (each.stored,)) for each, known in self.own.items())


def _no_items() -> tuple[pl.DataFrame, pl.DataFrame]:
    product, category, kind = ({name: pl.Int64} for name in (PRODUCT, CATEGORY, TYPE))
    return pl.DataFrame(schema=product | kind | category), pl.DataFrame(schema=category | kind)


def _with_new(known: pl.DataFrame, found: pl.DataFrame, keys: tuple[str, ...]) -> pl.DataFrame:
    new = found.join(known, on=keys, how="anti", maintain_order="left") if known.height else found
    return pl.concat([known, new.select(known.columns)])


def _numbers(events: pl.DataFrame, numbered: pl.DataFrame, keys: tuple[str, ...]) -> NDArray[np.int64]:
    numbers = numbered.select(keys).with_row_index("number")
    joined = events.select(keys).join(numbers, on=keys, how="left", maintain_order="left")
    return joined.get_column("number").cast(pl.Int64).fill_null(-1).to_numpy()


@dataclass(frozen=True)
class Baskets:
    """The events of some sessions, without their order in time.

    Attributes:
        row: row of each event's session, ascending.
        item: item number of each event.
        group: group number of each event.
        kind: event type of each event.
        rows: number of sessions, including those without events.
        catalogue: what the numbers stand for.
        own: for each own column of the catalogue, the number of each event's category; -1 for an empty cell.
    """

    row: NDArray[np.int64]
    item: NDArray[np.int64]
    group: NDArray[np.int64]
    kind: NDArray[np.int64]
    rows: int
    catalogue: Catalogue
    own: tuple[NDArray[np.int64], ...] = ()

    @classmethod
    def of(cls, events: pl.DataFrame, units: NDArray[np.int64], known: Catalogue | None = None) -> Baskets:
        """Create baskets from events with unit, product, category, type and the own columns of the catalogue.

        Row i is the session of `units[i]`.

        Args:
            known: what keeps its numbers; the catalogue of the model, if there is one.
        """
        known = Catalogue.empty() if known is None else known
        rows = pl.DataFrame({UNIT: units, "row": np.arange(len(units))})
        types = pl.col(TYPE).cast(pl.Int64)
        order = ["row", TYPE, PRODUCT, CATEGORY]
        own = [each.stored for each in known.own]
        sorted_events = events.select(UNIT, PRODUCT, CATEGORY, types, *own).join(rows, on=UNIT).sort(*order, *own)
        catalogue = known.with_new(sorted_events)
        row, kind = (sorted_events.get_column(name).to_numpy() for name in ("row", TYPE))
        numbers = catalogue.numbers(sorted_events)
        return cls(row, *numbers, kind, len(units), catalogue, catalogue.own_numbers(sorted_events))

    def part(self, rows: NDArray[np.int64]) -> Baskets:
        """Return the sessions in these ascending rows. Items and groups keep their numbers."""
        new_rows = np.full(self.rows, -1, dtype=np.int64)
        new_rows[rows] = np.arange(len(rows))
        row = new_rows[self.row]
        in_part = row >= 0
        row, item, group, kind = (each[in_part] for each in (row, self.item, self.group, self.kind))
        own = tuple(each[in_part] for each in self.own)
        return Baskets(row, item, group, kind, len(rows), self.catalogue, own)

    def counts(self, codes: NDArray[np.int64], n_codes: int) -> sparse.csr_matrix:
        """Return the number of events by code as a matrix (sessions, n_codes), given the code of each event."""
        return sparse.csr_matrix((np.ones(len(codes)), (self.row, codes)), shape=(self.rows, n_codes))

    @cached_property
    def incidences(self) -> tuple[sparse.csr_matrix, sparse.csr_matrix]:
        """Matrices (sessions, items) and (sessions, groups) with 1 where a session has such an event."""
        return self._incidence(self.item, self.items.height), self._incidence(self.group, self.groups)

    @cached_property
    def own_incidences(self) -> tuple[sparse.csr_matrix, ...]:
        """One matrix (sessions, categories) per own column, with 1 where a session has such a cell."""
        heights = [table.height for table in self.catalogue.own.values()]
        return tuple(self._incidence(numbers, height) for numbers, height in zip(self.own, heights, strict=True))

    def _incidence(self, codes: NDArray[np.int64], n_codes: int) -> sparse.csr_matrix:
        has_code = codes >= 0
        ones = np.ones(int(has_code.sum()))
        matrix = sparse.csr_matrix((ones, (self.row[has_code], codes[has_code])), shape=(self.rows, n_codes))
        matrix.sum_duplicates()
        matrix.data[:] = 1.0
        return matrix

    @property
    def items(self) -> pl.DataFrame:
        """One row per item number: product, category and type."""
        return self.catalogue.items

    @property
    def groups(self) -> int:
        """Number of groups."""
        return self.catalogue.groups.height


@dataclass(frozen=True)
class Prices:
    """Recovered prices, in value units.

    Items and groups with higher numbers than those of the arrays are new: they have the coefficient 0, so a new product
    has the price of its category, and a new category that of its event type.

    Attributes:
        base: value of a session without events.
        item: coefficient of each item number.
        group: coefficient of each group number.
        kind: coefficient of each event type.
        seen: mask of the items that occur in the sessions used for fitting. Other items have the coefficient 0.
    """

    base: float
    item: Vector
    group: Vector
    kind: Vector
    seen: NDArray[np.bool_]

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return all attributes as arrays by name."""
        return {name: np.asarray(value) for name, value in vars(self).items()}

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Prices:
        """Return the prices whose `arrays` these are."""
        base, item, group, kind, seen = (arrays[each.name] for each in fields(cls))
        return cls(float(base), item, group, kind, seen)

    def of_events(self, baskets: Baskets) -> Vector:
        """Return the price of each event. It is negative if such events lower the value of their session."""
        item, group = extended(self.item, baskets.items.height), extended(self.group, baskets.groups)
        price: Vector = item[baskets.item] + group[baskets.group] + self.kind[baskets.kind]
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
    """Recovers prices from any subset of the sessions; the subsets share the design matrix."""

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
            power: power of the variance function. Squared errors are divided by the expected value to this power
                (McCullagh and Nelder 1989, Generalized linear models, chapter 9).
        """
        counts = self._counts[rows]
        weights = self._expected_values(counts, values) ** -power
        with _thread_pools().limit(limits=1):  # so that sums do not depend on the number of threads
            ridge = _ridge().fit(counts, values, weights / weights.mean())
        item, group, kind = np.split(ridge.coef_ * self._scales, np.cumsum(self._sizes)[:-1])
        seen = np.diff(counts[:, : self._sizes[0]].tocsc().indptr) > 0
        return Prices(float(ridge.intercept_), item, group, kind, seen)

    def _expected_values(self, counts: sparse.csr_matrix, values: Vector) -> Vector:
        """Return the expected value of each session for the error weights, relative to the mean value.

        It is the average of the actual value and the value predicted from categories and event types. The actual value
        gives an extraordinary session a low weight, so that it does not determine the price of a rare product.
        """
        coarse, mean = counts[:, self._sizes[0] :], float(values.mean())
        if mean <= 0:
            return np.ones(len(values))
        expected = (_ridge().fit(coarse, values).predict(coarse) + values) / 2
        return np.asarray(np.maximum(expected / mean, _MIN_EXPECTED_VALUE), dtype=np.float64)


@cache
def _thread_pools() -> ThreadpoolController:
    """Return the thread pools of the loaded libraries; cached because a search takes longer than a small fit.

    A ridge regression uses the libraries of NumPy and SciPy, which are loaded before the first fit.
    """
    return ThreadpoolController()


def _ridge() -> Ridge:
    return Ridge(alpha=1.0, solver="sparse_cg", tol=_TOLERANCE, max_iter=_MAX_ITERATIONS)


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
