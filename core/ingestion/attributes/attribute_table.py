"""A table of products or users, looked up by id."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import Final

import polars as pl

from core.own_columns import PREFIX, TableName
from core.schema import PRODUCT_ID, PRODUCT_NAME, USER_ID

ID_COLUMN: Final[dict[TableName, str]] = {"products": PRODUCT_ID, "users": USER_ID}
"""Table -> column of its ids, in the table and in the rows of a log."""


@dataclass(frozen=True, eq=False)
class AttributeTable:
    """The columns of products or users that a mapping takes from a table.

    Attributes:
        name: what the table describes.
        rows: one row per id. The id is text, cleaned like the ids of the log. The other columns have the stored names
            of the own columns, with cells as in the file, and product_name if the mapping takes names from the table.
    """

    name: TableName
    rows: pl.DataFrame

    @property
    def ids(self) -> pl.Series:
        """The ids."""
        return self.rows.get_column(ID_COLUMN[self.name])

    @property
    def columns(self) -> list[str]:
        """The stored names of the own columns."""
        return [name for name in self.rows.columns if name.startswith(PREFIX)]

    def cells_of(self, ids: pl.Series) -> list[pl.Series]:
        """Return one series per own column: the cell of each id, null for an id that is not in the table."""
        rows = self._rows_of(ids)
        return [self._sorted.get_column(name).gather(rows) for name in self.columns]

    def names_of(self, ids: pl.Series) -> pl.Series | None:
        """Return the product name of each id, null for an id that is not in the table; None if there are no names."""
        if PRODUCT_NAME not in self.rows.columns:
            return None
        return self._sorted.get_column(PRODUCT_NAME).gather(self._rows_of(ids))

    def has(self, ids: pl.Series) -> pl.Series:
        """Return whether each id is in the table."""
        return self._rows_of(ids).is_not_null()

    def with_columns_of(self, stored: list[str]) -> AttributeTable:
        """Return the table with only these own columns."""
        return AttributeTable(self.name, self.rows.select(ID_COLUMN[self.name], *stored))

    def save(self, folder: Path) -> None:
        """Write the table into a folder."""
        self.rows.write_parquet(folder / attribute_file(self.name), compression="zstd")

    @classmethod
    def load(cls, name: TableName, path: Path) -> AttributeTable:
        """Read a table that `save` wrote.

        Raises:
            ValueError: the ids are not distinct texts, so another program wrote the file.
        """
        table = cls(name, pl.read_parquet(path, memory_map=False, glob=False))
        if table.ids.dtype != pl.String or table.ids.null_count() or not 0 < table.ids.n_unique() == len(table.ids):
            raise ValueError(f"{path.name} has no distinct ids")
        return table

    def _rows_of(self, ids: pl.Series) -> pl.Series:
        """Return the row of each id in `_sorted`; null for an id that is not in the table.

        A binary search by hash costs less than a join, which would index all rows of the table for every block of a
        log.
        """
        codes = ids.hash(self._seed)
        rows = self._codes.search_sorted(codes).clip(upper_bound=len(self._codes) - 1)
        is_found = (self._sorted.get_column(ID_COLUMN[self.name]).gather(rows) == ids).fill_null(value=False)
        return rows.set(~is_found, None)

    @cached_property
    def _seed(self) -> int:
        """Seed under which no two ids of the table have the same hash."""
        return next(seed for seed in count() if self.ids.hash(seed).n_unique() == self.rows.height)

    @cached_property
    def _codes(self) -> pl.Series:
        return self._sorted_by_code[0]

    @cached_property
    def _sorted(self) -> pl.DataFrame:
        return self._sorted_by_code[1]

    @cached_property
    def _sorted_by_code(self) -> tuple[pl.Series, pl.DataFrame]:
        """The hashes of the ids in ascending order, and the rows in the same order."""
        codes = self.ids.hash(self._seed)
        order = codes.arg_sort()
        return codes.gather(order).set_sorted(), self.rows[order]


def attribute_file(name: TableName) -> str:
    """Return the name of the file that a table is stored in.

    >>> attribute_file("products")
    'table_products.parquet'
    """
    return f"table_{name}.parquet"
