"""Reads Parquet in batches of rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import IO, Any

import polars as pl
import pyarrow as pa
from pyarrow import parquet

from core.errors import InputError
from core.ingestion.block import Block, OpenTable, Picked, Piece
from core.ingestion.mapping.refusals import short
from core.ingestion.typed_rows import row_texts, text_of_bytes, within_the_calendar

_ROWS = 200_000  # about as many as a piece of text holds
_BYTES_A_ROW = 80  # what such a row takes as text; only the share of the work rests on it


def open_parquet(name: str, stream: IO[bytes]) -> OpenTable:
    """Open a Parquet file; what is broken further down is said while it is read.

    By pyarrow, not by Polars: a damaged file ends in an exception there, while Polars' reader can ask for more memory
    than there is, which ends Python, and with it the dashboard.

    Raises:
        InputError: a damaged file.
    """
    with _damage_said(name):
        file = parquet.ParquetFile(stream)
        columns = file.schema_arrow.names
    return OpenTable(name, columns, lambda picked: _pieces(name, file, picked))


@contextmanager
def _damage_said(name: str) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError, ValueError, pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise InputError.unreadable(name, "it is a damaged Parquet file") from error


def _pieces(name: str, file: Any, picked: Picked) -> Iterator[Piece]:  # noqa: ANN401 (pyarrow has no types)
    columns = [file.schema_arrow.names[place] for place in picked.values()]
    line = 2
    with _damage_said(name):
        for batch in file.iter_batches(_ROWS, columns=list(dict.fromkeys(columns))):
            wanted = dict(zip(picked, columns, strict=True))
            yield Piece(batch.num_rows * _BYTES_A_ROW, partial(_block, name, batch, line, wanted))
            line += batch.num_rows


def _block(name: str, batch: pa.RecordBatch, line: int, columns: Mapping[str, str]) -> Block:
    with _damage_said(name):
        batch.validate(full=True)  # Polars takes texts for UTF-8 unseen, and panics where they are not
        frame = pl.DataFrame({column: _series(name, column, batch.column(column)) for column in batch.schema.names})
    rows = pl.DataFrame([_usable(frame.get_column(column)).alias(ours) for ours, column in columns.items()])
    return Block(rows, line, row_texts(frame))


def _series(name: str, column: str, cells: Any) -> pl.Series:  # noqa: ANN401 (pyarrow has no types)
    """A column as Polars has it; numbers wider than its own (decimal256) go as text."""
    try:
        return pl.Series(cells if not pa.types.is_decimal256(cells.type) else cells.cast(pa.string()))
    except (pa.ArrowException, pl.exceptions.PolarsError, pl.exceptions.PanicException, TypeError) as error:
        raise InputError.unreadable(name, f"its column {short(column)} is of the type {cells.type}") from error


def _usable(cells: pl.Series) -> pl.Series:
    """Lists, structs and spans of time have no text form: a row that has one where we need a text has nothing there.

    Old programs write texts as bytes; bytes that are no text are nothing, too, and so are dates outside any calendar.
    """
    if cells.dtype.is_nested() or cells.dtype == pl.Duration:
        return pl.Series([None], dtype=pl.String).new_from_index(0, len(cells))
    if cells.dtype == pl.Binary:
        return pl.Series(map(text_of_bytes, cells), dtype=pl.String)
    return within_the_calendar(cells)
