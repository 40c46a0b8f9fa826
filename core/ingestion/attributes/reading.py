"""Read a table of products or users from its file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import polars as pl

from core.base.text import fold_case
from core.errors import ColumnError, SourceError
from core.ingestion.attributes.attribute_table import ID_COLUMN, AttributeTable
from core.ingestion.mapping import Mapping
from core.ingestion.mapping.refusals import short
from core.ingestion.rows.id_cells import as_text
from core.ingestion.sources.columns import find_columns, plain, require_header
from core.ingestion.sources.content_hash import Content
from core.ingestion.sources.source import open_tables
from core.ingestion.sources.tables import Block
from core.own_columns import TableName
from core.schema import PRODUCT_NAME

MAX_ROWS: Final = 5_000_000
"""Rows of a table. It is in memory while a log is read."""
MAX_BYTES: Final = 1 << 30
"""Bytes of the columns that are used."""
MIN_DISTINCT: Final = 0.5
"""Distinct ids per row. A few ids are often repeated, but a table with several rows for each is not one of products or
users, or its key is another column."""


@dataclass(frozen=True)
class ReadAttributes:
    """A table, and what was found while it was read.

    Attributes:
        table: one row per id.
        rows: rows of the file with an id.
        repeated: rows that were replaced by a later row with the same id and other cells.
        broken: lines that could not be parsed, and rows without an id.
    """

    table: AttributeTable
    rows: int
    repeated: int
    broken: int


def read_attributes(path: Path, name: TableName, mapping: Mapping, content: Content | None = None) -> ReadAttributes:
    """Read the ids and the own columns of a table. If an id is repeated, its last row counts.

    Separator and encoding are detected, because the table may come from another system than the log.

    Args:
        mapping: must have the key of the table.
        content: receives the hashes of the files while they are read.

    Raises:
        InputError: the file is not a table, lacks a column, has too many rows, or hardly any usable or distinct ids.
    """
    key, id_column = mapping.tables[name].key, ID_COLUMN[name]
    parts: list[pl.DataFrame] = []
    n_rows = n_bytes = n_broken = 0
    for block in _blocks(path, name, _columns(name, mapping), content, mapping.encoding):
        ids = as_text(block.rows.get_column(id_column))
        rows = block.rows.with_columns(ids).filter((ids != "").fill_null(value=False))
        n_broken += len(block.broken) + block.rows.height - rows.height
        n_rows += rows.height
        n_bytes += int(rows.estimated_size())
        if n_rows > MAX_ROWS or n_bytes > MAX_BYTES:
            raise ColumnError.table_too_large(path.name, max_rows=MAX_ROWS, max_gigabytes=MAX_BYTES >> 30)
        parts.append(rows)
    n_all = n_rows + n_broken
    if not n_all:
        raise SourceError.empty(path.name)
    if not n_rows or n_rows < mapping.least_usable * n_all:
        raise ColumnError.too_few_ids(path.name, key, n_valid=n_rows, n_rows=n_all)
    if len({tuple(part.dtypes) for part in parts}) > 1:  # files of a folder with other types
        parts = [part.cast(pl.String) for part in parts]
    rows = pl.concat(parts, rechunk=True)
    last = rows.unique(id_column, keep="last", maintain_order=True)
    if last.height < MIN_DISTINCT * n_rows:
        raise ColumnError.repeated_ids(path.name, name, key, n_ids=last.height, n_rows=n_rows)
    n_repeated = 0 if last.height == n_rows else rows.unique().height - last.height
    return ReadAttributes(AttributeTable(name, last), rows=n_rows, repeated=n_repeated, broken=n_broken)


def _columns(name: TableName, mapping: Mapping) -> dict[str, str]:
    """Return stored name -> column of the table, for the ids, the own columns and the names of products."""
    own = {stored: settings.column for stored, settings in mapping.own_in_table(name).items()}
    product_name = mapping.name_in_table(name)
    names = {} if product_name is None else {PRODUCT_NAME: product_name}
    return {ID_COLUMN[name]: mapping.tables[name].key} | own | names


def _blocks(
    path: Path, name: TableName, columns: dict[str, str], content: Content | None, encoding: str | None
) -> Iterator[Block]:
    """Read a file in pieces. `encoding` is that of the log, which is assumed where the file shows none."""
    for table in open_tables(path, Mapping(), content, assumed_encoding=encoding):
        require_header(table.name, table.columns)
        header = list(map(plain, table.columns))
        missing = [short(column) for column in columns.values() if fold_case(column) not in map(fold_case, header)]
        if missing:
            raise ColumnError.missing_table_columns(table.name, name, missing, list(map(short, header)))
        for piece in table.pieces(find_columns(table, columns)):
            yield piece.read()
