"""Read a submission that was given as Parquet, with its cells as text."""

from __future__ import annotations

from typing import IO, Final

import polars as pl

from core.errors import InputError
from core.ingestion.sources.parquet_file import open_parquet
from core.ingestion.sources.tables import Table
from core.ingestion.sources.unpacking import Allowance
from core.submission.table import FileForm, SubmissionTable
from core.submission.unreadable import unreadable

_MAX_BYTES: Final = 1 << 30
"""Of all cells. Ten million rows take about 600 MB, and more than this is not a submission."""
_FIRST_ROW: Final = 2
"""Rows are numbered as in a text file, where the header is line 1."""


def read_parquet(stream: IO[bytes], name: str, size: int, max_fields: int) -> SubmissionTable:
    """Read a Parquet file as a submission. Missing cells, lists and records become empty text.

    Args:
        size: bytes of the file.
        max_fields: most columns that it may have.

    Raises:
        InputError: the file is damaged, or too large.
    """
    try:
        table = open_parquet(name, stream, Allowance(name, size))
        n_fields = len(table.columns)
        rows = _rows_as_text(table, name) if n_fields <= max_fields else pl.DataFrame()
    except InputError as error:
        is_clause = error.code == "not_a_table"
        raise unreadable(name, str(error.actual) if is_clause else error.problem.rstrip(".")) from error
    if not 0 < n_fields <= max_fields:
        raise unreadable(name, f"it has {n_fields:,} columns; a submission has 2")
    lines = pl.int_range(_FIRST_ROW, _FIRST_ROW + rows.height, eager=True)
    return SubmissionTable.of_columns(name, tuple(table.columns), lines, rows.get_columns(), FileForm(is_parquet=True))


def _rows_as_text(table: Table, name: str) -> pl.DataFrame:
    """Return one text column per column of the file, named by its position.

    Raises:
        InputError: the file is damaged or too large.
    """
    positions = {str(index): index for index in range(len(table.columns))}
    parts = [pl.DataFrame(schema=dict.fromkeys(positions, pl.String))]
    size = 0
    for piece in table.pieces(positions):
        parts.append(piece.read().rows.select(pl.all().cast(pl.String).fill_null("")))
        size += int(parts[-1].estimated_size())
        if size > _MAX_BYTES:
            raise unreadable(name, f"its cells have more than {_MAX_BYTES:,} bytes")
    return pl.concat(parts)
