"""Names of products and categories for people: collected while a log is read, and cleaned."""

from __future__ import annotations

from typing import Final

import polars as pl

from core.dataset import LABEL, NAMES_SCHEMA
from core.ingestion.rows.id_cells import as_text
from core.ingestion.rows.own_cells import without_placeholders
from core.own_columns import LONGEST
from core.schema import CATEGORY, CATEGORY_ID, CATEGORY_NAME, PRODUCT, PRODUCT_ID, PRODUCT_NAME, UNKNOWN_ID

NAME_OF: Final = {PRODUCT_ID: PRODUCT_NAME, CATEGORY_ID: CATEGORY_NAME}
"""Id column -> column of the names, if the log has them."""
_CODE_OF: Final = {PRODUCT_ID: PRODUCT, CATEGORY_ID: CATEGORY}
_MAX_PAIRS: Final = 2_000_000
"""Pairs of id and name in memory. With more, only the most common name so far of each id is kept."""
_COUNT: Final = "count"


def count_names(rows: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Return id column -> code, name and count of each pair, for the names that rows have.

    Args:
        rows: rows with their codes, ids and cells.
    """
    return {
        column: _cleaned(
            rows.filter(pl.col(column) != UNKNOWN_ID)
            .group_by(pl.col(_CODE_OF[column]).alias("code"), pl.col(column).alias("id"), pl.col(name).alias("name"))
            .agg(pl.len().alias(_COUNT))
        ).select("code", "name", _COUNT)
        for column, name in NAME_OF.items()
        if name in rows.columns
    }


class DisplayNames:
    """The names of products and categories that have been read so far."""

    def __init__(self) -> None:
        self._counts: dict[str, list[pl.DataFrame]] = {}
        self._pairs: dict[str, int] = {}

    def add(self, names: dict[str, pl.DataFrame]) -> None:
        """Add the pairs of a block; see `count_names`."""
        for column, counts in names.items():
            self._counts.setdefault(column, []).append(counts)
            self._pairs[column] = self._pairs.get(column, 0) + counts.height
            if self._pairs[column] > _MAX_PAIRS:
                summed = self._summed(column)
                if summed.height > _MAX_PAIRS / 2:
                    summed = _most_common(summed)
                self._counts[column], self._pairs[column] = [summed], summed.height

    def of(self, column: str, dictionary: pl.DataFrame) -> pl.DataFrame:
        """Return the most common name of each id of a dictionary, with the columns of `Dataset.names`.

        Of names that are equally common, the first in alphabetical order is returned. Names that equal the id are left
        out.
        """
        if column not in self._counts:
            return pl.DataFrame(schema=NAMES_SCHEMA)
        ids = dictionary.select(pl.col(_CODE_OF[column]).alias("code"), pl.col(column).alias("id"))
        return as_names(column, ids.join(_most_common(self._summed(column)), on="code"))

    def _summed(self, column: str) -> pl.DataFrame:
        return pl.concat(self._counts[column]).group_by("code", "name").agg(pl.col(_COUNT).sum())


def names_of_ids(column: str, ids: pl.Series, cells: pl.Series) -> pl.DataFrame:
    """Return the names that a table has for ids, with the columns of `Dataset.names`.

    Args:
        ids: distinct ids.
        cells: the name of each id; null if the table does not have the id.
    """
    return as_names(column, _cleaned(pl.DataFrame([ids.alias("id"), cells.alias("name")])))


def as_names(column: str, names: pl.DataFrame) -> pl.DataFrame:
    """Convert a table of ids and names to the columns of `Dataset.names`, sorted by id.

    Rows whose name equals the id are dropped. If several ids share a name, their labels get the id in brackets.

    Args:
        column: column of the ids, such as product_id.
        names: columns id and name.
    """
    named = names.filter(pl.col("id") != pl.col("name")).with_columns(pl.col("name").alias(LABEL))
    for _ in range(2):  # the second time, because a name with an id in brackets may equal another name
        label = pl.when(pl.col(LABEL).is_duplicated()).then(pl.format("{} ({})", LABEL, "id")).otherwise(LABEL)
        named = named.with_columns(label.alias(LABEL))
    return named.select(pl.lit(column).alias("column"), "id", "name", LABEL).sort("id")


def _cleaned(names: pl.DataFrame) -> pl.DataFrame:
    """Clean the names: no control characters, no line breaks, and at most 100 characters. Empty ones are left out."""
    texts = without_placeholders(as_text(names.get_column("name")))
    texts = texts.str.replace_all(r"[\p{C}\s]+", " ").str.strip_chars().str.slice(0, LONGEST)
    return names.with_columns(texts).filter(pl.col("name") != "")


def _most_common(counts: pl.DataFrame) -> pl.DataFrame:
    """Return the most common name of each code; of equally common ones, the first in alphabetical order."""
    ranked = counts.sort("code", _COUNT, "name", descending=[False, True, False])
    return ranked.unique("code", keep="first", maintain_order=True)
