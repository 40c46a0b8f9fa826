"""Events of sessions, encoded as item numbers, group numbers and category numbers of extra columns.

An item is a (product, event type), a group is a (category, event type). Everything that is learned from values is
learned by number.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import sparse

from core.own_columns import OwnColumn
from core.schema import CATEGORY, PRODUCT, TYPE, UNIT


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
        categories = [column for column in own if column.kind == "category"]
        return cls(*_no_items(), {column: pl.DataFrame(schema={column.stored: pl.String}) for column in categories})

    @cached_property
    def item_products(self) -> NDArray[np.int64]:
        """Number of each item's product; products are numbered in the order of their first item."""
        return _by_appearance(self.items.get_column(PRODUCT))

    @cached_property
    def group_categories(self) -> NDArray[np.int64]:
        """Number of each group's category; categories are numbered in the order of their first group."""
        return _by_appearance(self.groups.get_column(CATEGORY))

    def with_new(self, events: pl.DataFrame) -> Catalogue:
        """Add the items and groups of sorted events. New ones get the next numbers, in sort order."""
        items = events.group_by(PRODUCT, TYPE).agg(pl.col(CATEGORY).first()).sort(PRODUCT, TYPE)
        groups = events.select(CATEGORY, TYPE).unique().sort(CATEGORY, TYPE)
        return Catalogue(
            items=_with_new(self.items, items, (PRODUCT, TYPE)),
            groups=_with_new(self.groups, groups, (CATEGORY, TYPE)),
            own={column: _with_new_cells(known, events, column.stored) for column, known in self.own.items()},
        )

    def numbers(self, events: pl.DataFrame) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the item number and the group number of each event; -1 for one that the catalogue lacks."""
        return _numbers(events, self.items, (PRODUCT, TYPE)), _numbers(events, self.groups, (CATEGORY, TYPE))

    def own_numbers(self, events: pl.DataFrame) -> tuple[NDArray[np.int64], ...]:
        """Return the number of each event's category in each own column; -1 for an empty cell."""
        return tuple(_numbers(events, categories, (column.stored,)) for column, categories in self.own.items())


def _by_appearance(codes: pl.Series) -> NDArray[np.int64]:
    """Number equal codes in the order in which they first appear."""
    _, first, position = np.unique(codes.to_numpy(), return_index=True, return_inverse=True)
    numbers = np.empty(len(first), dtype=np.int64)
    numbers[np.argsort(first)] = np.arange(len(first))
    return np.asarray(numbers[position], dtype=np.int64)


def _no_items() -> tuple[pl.DataFrame, pl.DataFrame]:
    product, category, kind = ({name: pl.Int64} for name in (PRODUCT, CATEGORY, TYPE))
    return pl.DataFrame(schema=product | kind | category), pl.DataFrame(schema=category | kind)


def _with_new(numbered: pl.DataFrame, rows: pl.DataFrame, keys: tuple[str, ...]) -> pl.DataFrame:
    new = rows.join(numbered, on=keys, how="anti", maintain_order="left") if numbered.height else rows
    return pl.concat([numbered, new.select(numbered.columns)])


def _with_new_cells(numbered: pl.DataFrame, events: pl.DataFrame, name: str) -> pl.DataFrame:
    cells = events.select(name).drop_nulls().unique().sort(name)
    return _with_new(numbered, cells, (name,))


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
        catalogue: the items, groups and categories behind the numbers.
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
            known: catalogue whose items keep their numbers, such as that of a model.
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
        """Return the sessions with these row numbers, which must ascend. Items and groups keep their numbers."""
        new_rows = np.full(self.rows, -1, dtype=np.int64)
        new_rows[rows] = np.arange(len(rows))
        row = new_rows[self.row]
        in_part = row >= 0
        row, item, group, kind = (numbers[in_part] for numbers in (row, self.item, self.group, self.kind))
        own_numbers = tuple(numbers[in_part] for numbers in self.own)
        return Baskets(row, item, group, kind, len(rows), self.catalogue, own_numbers)

    def counts(
        self, codes: NDArray[np.int64], n_codes: int, weights: NDArray[np.float64] | None = None
    ) -> sparse.csr_matrix:
        """Return the number of events by code, or the sum of their weights, as a matrix (sessions, n_codes).

        Args:
            codes: code of each event; -1 for an event that does not count.
            weights: weight of each event; None for 1.
        """
        has_code = codes >= 0
        summands = np.ones(len(codes)) if weights is None else weights
        coordinates = (self.row[has_code], codes[has_code])
        return sparse.csr_matrix((summands[has_code], coordinates), shape=(self.rows, n_codes))

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
        matrix = self.counts(codes, n_codes)
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
