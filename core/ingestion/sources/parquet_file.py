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
from pyarrow import compute, parquet

from core.errors import ColumnError, SourceError
from core.ingestion.mapping.refusals import short
from core.ingestion.sources.tables import Block, ColumnPositions, Piece, Table
from core.ingestion.sources.text_lines import MAX_COLUMNS
from core.ingestion.sources.typed_rows import decode_bytes, null_outside_calendar, rows_as_json
from core.ingestion.sources.unpacking import Allowance

_ROWS = 200_000  # about as many as in a piece of text
_MAX_GROUPS = 100  # row groups that are read together
_BATCH_BYTES = 16 << 20
"""Highest number of bytes of the cells that are read at a time."""
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


def open_parquet(name: str, stream: IO[bytes], allowance: Allowance) -> Table:
    """Open a Parquet file with pyarrow.

    If the file is damaged, pyarrow raises an exception. Polars may request so much memory that the process dies.

    Args:
        allowance: counts the bytes of the cells, which may be many times those of the file.

    Raises:
        InputError: the file is damaged, or its cells have too many bytes; raised here or while its rows are read.
    """
    with _as_input_error(name):
        file = parquet.ParquetFile(stream)
        schema = file.schema_arrow
    if len(schema.names) > MAX_COLUMNS:
        raise ColumnError.too_many_columns(name, len(schema.names), max_columns=MAX_COLUMNS)
    nested = {column.name: _record_fields(column.type) for column in schema if pa.types.is_nested(column.type)}
    return Table(name, schema.names, lambda picked: _pieces(name, file, stream, picked, allowance), nested)


def _record_fields(dtype: Any) -> tuple[str, ...]:  # noqa: ANN401 (pyarrow has no types)
    """Return the names of the fields of a struct or of a list of structs; empty for other types."""
    if pa.types.is_list(dtype) or pa.types.is_large_list(dtype):
        dtype = dtype.value_type
    return tuple(field.name for field in dtype.fields) if pa.types.is_struct(dtype) else ()


@contextmanager
def _as_input_error(name: str) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError, ValueError, pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise SourceError.unreadable(name, "it is a damaged Parquet file") from error


def _pieces(
    name: str,
    file: Any,  # noqa: ANN401 (pyarrow has no types)
    stream: IO[bytes],
    picked: ColumnPositions,
    allowance: Allowance,
) -> Iterator[Piece]:
    names = file.schema_arrow.names
    columns = {role: _Column(names[at], names[:at].count(names[at])) for role, at in picked.items()}
    # Nested cells are null in any case. Unread, they cannot have more values than fit into memory.
    nested = {field.name for field in file.schema_arrow if pa.types.is_nested(field.type)}
    flat = [name for name in dict.fromkeys(column.name for column in columns.values()) if name not in nested]
    line = 2
    with _as_input_error(name):
        for groups in _row_groups(file.metadata):
            n_rows = min(_ROWS, sum(file.metadata.row_group(group).num_rows for group in groups))
            rows = min(_rows_at_a_time(file, stream, group, n_rows, flat, allowance=allowance) for group in groups)
            for batch in file.iter_batches(rows, row_groups=groups, columns=flat):
                allowance.add(sum(map(_cell_bytes, batch.columns)))
                yield Piece(batch.num_rows * _BYTES_PER_ROW, partial(_block, name, batch, line, columns))
                line += batch.num_rows


def _cell_bytes(cells: Any) -> int:  # noqa: ANN401 (pyarrow has no types)
    """Return the bytes of cells, also of those that refer to a dictionary, as if they were written out."""
    if not pa.types.is_dictionary(cells.type) or not _is_text(cells.type.value_type):
        return int(cells.nbytes)
    return compute.sum(compute.binary_length(cells.dictionary).take(cells.indices)).as_py() or 0


def _is_text(dtype: Any) -> bool:  # noqa: ANN401 (pyarrow has no types)
    kinds = (pa.types.is_string, pa.types.is_large_string, pa.types.is_binary, pa.types.is_large_binary)
    return any(is_kind(dtype) for is_kind in kinds)


def _row_groups(metadata: Any) -> Iterator[list[int]]:  # noqa: ANN401 (pyarrow has no types)
    """Yield row groups to read together: one, or several small ones."""
    groups: list[int] = []
    rows = 0
    for group in range(metadata.num_row_groups):
        groups.append(group)
        rows += metadata.row_group(group).num_rows
        if rows >= _ROWS or len(groups) >= _MAX_GROUPS:
            yield groups
            groups, rows = [], 0
    if groups:
        yield groups


def _rows_at_a_time(
    file: Any,  # noqa: ANN401 (pyarrow has no types)
    stream: IO[bytes],
    group: int,
    n_rows: int,
    columns: Sequence[str],
    *,
    allowance: Allowance,
) -> int:
    """Return how many rows of a row group to read at a time, so that their cells fit into memory.

    A dictionary has each distinct text once. One long text that many rows refer to can make a few kilobytes gigabytes,
    so the dictionaries are read first. They are small.

    Args:
        n_rows: most rows that would be read at a time, of this group and its neighbours.

    Raises:
        InputError: the pages of the columns unpack to more than the file may unpack to.
    """
    metadata = file.metadata.row_group(group)
    lengths = {file.schema.column(at).path: file.schema.column(at).length for at in range(metadata.num_columns)}
    longest = sum(max(0, lengths.get(column) or 0) for column in columns)  # of cells with a fixed number of bytes
    chunks = [metadata.column(position) for position in range(metadata.num_columns)]
    chunks = [chunk for chunk in chunks if chunk.path_in_schema in columns]
    allowance.require(sum(max(chunk.total_uncompressed_size, 0) for chunk in chunks))
    with_dictionary = [
        chunk.path_in_schema
        for chunk in chunks
        if chunk.physical_type == "BYTE_ARRAY"
        and chunk.has_dictionary_page
        and chunk.total_uncompressed_size * n_rows > _BATCH_BYTES  # a dictionary is smaller than its chunk
    ]
    if with_dictionary:
        dictionaries = parquet.ParquetFile(stream, metadata=file.metadata, read_dictionary=with_dictionary)
        batch = next(dictionaries.iter_batches(1, row_groups=[group], columns=with_dictionary))
        texts = [column.dictionary for column in batch.columns if pa.types.is_dictionary(column.type)]
        longest += sum(compute.max(compute.binary_length(each)).as_py() or 0 for each in texts)
    return max(1, min(_ROWS, _BATCH_BYTES // max(longest, 1)))


def _block(name: str, batch: pa.RecordBatch, line: int, columns: Mapping[str, _Column]) -> Block:
    with _as_input_error(name):
        batch.validate(full=True)  # Polars assumes valid UTF-8 and panics otherwise
        names = batch.schema.names
        positions = {role: column.position_in(names) for role, column in columns.items() if column.name in names}
        cells = {at: _series(name, names[at], batch.column(at)) for at in sorted(set(positions.values()))}
    nulls = _nulls(batch.num_rows)  # of nested columns
    rows = pl.DataFrame(
        [(_parsable(cells[positions[role]]) if role in positions else nulls).alias(role) for role in columns]
    )
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
        raise SourceError.unreadable(name, f"its column {short(column)} has the type {cells.type}") from error


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
