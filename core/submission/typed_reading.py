"""Read a submission from a Parquet, JSON or JSON Lines file, with all cells as text."""

from __future__ import annotations

from typing import IO, Final, cast

import polars as pl
import pyarrow as pa
from pyarrow import parquet

from core.errors import InputError
from core.ingestion.sources.json_array import ArrayLines
from core.ingestion.sources.json_lines import open_json_lines
from core.ingestion.sources.kinds import JSON_ARRAY, JSON_LINES, PARQUET, FileKind
from core.ingestion.sources.parquet_file import open_parquet
from core.ingestion.sources.tables import Table
from core.ingestion.sources.unpacking import Allowance
from core.submission.table import FileForm, SubmissionTable
from core.submission.unreadable import unreadable

TYPED_KINDS: Final = (PARQUET, JSON_ARRAY, JSON_LINES)
_MAX_BYTES: Final = 1 << 30
"""Of all cells. Ten million rows take about 600 MB, and more than this is not a submission."""


def read_typed(stream: IO[bytes], kind: FileKind, name: str, size: int, max_fields: int) -> SubmissionTable:
    """Read a Parquet, JSON or JSON Lines file as a submission. Missing cells become empty text.

    So do lists, records and durations in Parquet; the form of the table names the types of their columns, and those of
    lists and objects in JSON. Rows of Parquet are numbered as in a text file, where the header is line 1.

    Args:
        stream: the file.
        kind: one of `TYPED_KINDS`.
        name: its name, for messages.
        size: bytes of the file.
        max_fields: most columns that it may have.

    Raises:
        InputError: the file is damaged, or too large.
    """
    try:
        if kind is JSON_ARRAY:
            stream = cast("IO[bytes]", ArrayLines(name, stream))
        types = _unread_types(stream) if kind is PARQUET else {}
        table = open_parquet(name, stream, Allowance(name, size)) if kind is PARQUET else open_json_lines(name, stream)
        types = types or dict.fromkeys(table.nested, "list or object")
        n_fields = len(table.columns)
        rows, lines = _rows_as_text(table, name) if n_fields <= max_fields else (pl.DataFrame(), pl.Series())
    except InputError as error:
        is_clause = error.code == "not_a_table"
        raise unreadable(name, str(error.actual) if is_clause else error.problem.rstrip(".")) from error
    if not 0 < n_fields <= max_fields:
        raise unreadable(name, f"it has {n_fields:,} columns; a submission has 2")
    form = FileForm(typed_format=kind.name, unread_types=types)
    return SubmissionTable.of_columns(name, tuple(table.columns), lines, rows.get_columns(), form)


def _unread_types(stream: IO[bytes]) -> dict[str, str]:
    """Return the types of the columns of a Parquet file whose cells are no single numbers or texts, by name."""
    try:
        schema = parquet.ParquetFile(stream).schema_arrow
    except (pa.ArrowException, OSError, ValueError):  # the reader says what is wrong
        return {}
    finally:
        stream.seek(0)
    return {column.name: str(column.type) for column in schema if _is_unread(column.type)}


def _is_unread(dtype: pa.DataType) -> bool:
    return bool(pa.types.is_nested(dtype) or pa.types.is_duration(dtype))


def _rows_as_text(table: Table, name: str) -> tuple[pl.DataFrame, pl.Series]:
    """Return one text column per column of the file, named by its position, and the line numbers.

    Raises:
        InputError: the file is damaged or too large, or a line is no row.
    """
    positions = {str(index): index for index in range(len(table.columns))}
    parts = [pl.DataFrame(schema=dict.fromkeys(positions, pl.String))]
    lines = [pl.Series(dtype=pl.Int64)]
    size = 0
    for piece in table.pieces(positions):
        block = piece.read()
        if block.broken:
            line, fault, _ = block.broken[0]
            raise unreadable(name, f"line {line:,} is no row: {fault.reason}")
        parts.append(block.rows.select(pl.all().cast(pl.String).fill_null("")))
        numbers = pl.int_range(block.first_line, block.first_line + block.rows.height, eager=True)
        lines.append(numbers if block.lines is None else pl.Series(block.lines, dtype=pl.Int64))
        size += int(parts[-1].estimated_size())
        if size > _MAX_BYTES:
            raise unreadable(name, f"its cells have more than {_MAX_BYTES:,} bytes")
    return pl.concat(parts), pl.concat(lines)
