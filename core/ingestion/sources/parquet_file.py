"""Read Parquet files in batches of rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import IO, Any

import numpy as np
import polars as pl
import pyarrow as pa
from pyarrow import parquet

from core.errors import InputError
from core.ingestion.mapping.refusals import short
from core.ingestion.sources.tables import Block, ColumnPositions, Piece, Table
from core.ingestion.sources.typed_rows import decode_bytes, null_outside_calendar, rows_as_json

_ROWS = 200_000  # about as many as in a piece of text
_BYTES_PER_ROW = 80  # estimated text size of a row, for progress only
_UUID = "arrow.uuid"
_UUID_DIGITS = r"^(.{8})(.{4})(.{4})(.{4})(.{12})$"


@dataclass(frozen=True)
class _Column:
    """A column of a file, identified by its name and the number of earlier columns with the same name."""

    name: str
    n_before: int

    def position_in(self, names: Sequence[str]) -> int:
        """Return the position of this column in a list that contains all columns with its name."""
        return [position for position, name in enumerate(names) if name == self.name][self.n_before]


def open_parquet(name: str, stream: IO[bytes]) -> Table:
    """Open a Parquet file with pyarrow.

    If the file is damaged, pyarrow raises an exception. Polars may request so much memory that the process dies.

    Raises:
        InputError: the file is damaged; raised here or while its rows are read.
    """
    with _as_input_error(name):
        file = parquet.ParquetFile(stream)
        columns = file.schema_arrow.names
        nested = frozenset(field.name for field in file.schema_arrow if _has_records(field.type))
    return Table(name, columns, lambda picked: _pieces(name, file, picked), nested)


def _has_records(dtype: Any) -> bool:  # noqa: ANN401 (pyarrow has no types)
    is_list = pa.types.is_list(dtype) or pa.types.is_large_list(dtype)
    return bool(pa.types.is_struct(dtype.value_type if is_list else dtype))


@contextmanager
def _as_input_error(name: str) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError, ValueError, pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise InputError.unreadable(name, "it is a damaged Parquet file") from error


def _pieces(name: str, file: Any, picked: ColumnPositions) -> Iterator[Piece]:  # noqa: ANN401 (pyarrow has no types)
    names = file.schema_arrow.names
    columns = {role: _Column(names[at], names[:at].count(names[at])) for role, at in picked.items()}
    line = 2
    with _as_input_error(name):
        for batch in file.iter_batches(_ROWS, columns=list(dict.fromkeys(column.name for column in columns.values()))):
            yield Piece(batch.num_rows * _BYTES_PER_ROW, partial(_block, name, batch, line, columns))
            line += batch.num_rows


def _block(name: str, batch: pa.RecordBatch, line: int, columns: Mapping[str, _Column]) -> Block:
    with _as_input_error(name):
        batch.validate(full=True)  # Polars assumes valid UTF-8 and panics otherwise
        names = batch.schema.names
        positions = {role: column.position_in(names) for role, column in columns.items()}
        cells = {at: _series(name, names[at], batch.column(at)) for at in sorted(set(positions.values()))}
    rows = pl.DataFrame([_parsable(cells[position]).alias(role) for role, position in positions.items()])
    # Of several columns with one name, which only previews request, the text of a row shows the last.
    frame = pl.DataFrame({names[position]: column for position, column in cells.items()})
    return Block(rows, line, partial(rows_as_json, frame), may_hold_nul=any(map(_may_hold_nul, rows)))


def _series(name: str, column: str, cells: Any) -> pl.Series:  # noqa: ANN401 (pyarrow has no types)
    """Return a column as a Series; UUIDs become text, other Arrow extension types their storage type."""
    try:
        if not isinstance(cells.type, pa.BaseExtensionType):
            return pl.Series(_supported(cells))
        storage = pl.Series(_supported(cells.storage))
        if cells.type.extension_name == _UUID:
            return storage.bin.encode("hex").str.replace(_UUID_DIGITS, "${1}-${2}-${3}-${4}-${5}")
        return storage
    except (pa.ArrowException, pl.exceptions.PolarsError, pl.exceptions.PanicException, TypeError) as error:
        if pa.types.is_nested(cells.type):
            return _nulls(len(cells))
        raise InputError.unreadable(name, f"its column {short(column)} has the type {cells.type}") from error


def _supported(cells: Any) -> Any:  # noqa: ANN401 (pyarrow has no types)
    """Convert cells to a type that Polars supports: decimal256 to text, timestamps with a zone to UTC.

    Parquet stores such timestamps in UTC, so an unknown zone name such as UTC+2 is harmless.
    """
    dtype = cells.type
    if pa.types.is_decimal256(dtype):
        return cells.cast(pa.string())
    return cells.cast(pa.timestamp(dtype.unit, "UTC")) if pa.types.is_timestamp(dtype) and dtype.tz else cells


def _may_hold_nul(cells: pl.Series) -> bool:
    """Return whether a cell may contain a NUL. Scanning the buffer takes a fifth of the time of scanning each text."""
    if cells.dtype != pl.String:
        return isinstance(cells.dtype, pl.Categorical | pl.Enum)  # their texts are stored elsewhere and not scanned
    data = cells.to_arrow(compat_level=pl.CompatLevel.oldest()).buffers()[2]
    return bool(data) and np.frombuffer(data, np.uint8).min(initial=1) == 0


def _nulls(rows: int) -> pl.Series:
    return pl.repeat(None, rows, dtype=pl.String, eager=True)


def _parsable(cells: pl.Series) -> pl.Series:
    """Return cells as types that can be parsed.

    Bytes are decoded, because old programs write text as bytes. Bytes that are not UTF-8, lists, structs, durations and
    dates outside the years 1 to 9999 become null.
    """
    if cells.dtype.is_nested() or cells.dtype == pl.Duration:
        return _nulls(len(cells))
    if cells.dtype == pl.Binary:
        return pl.Series(map(decode_bytes, cells), dtype=pl.String)
    return null_outside_calendar(cells)
