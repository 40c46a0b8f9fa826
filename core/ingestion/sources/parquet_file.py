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
from core.ingestion.sources.tables import Block, ColumnPositions, OpenTable, Piece
from core.ingestion.sources.typed_rows import decode_bytes, json_rows, null_outside_calendar

_ROWS = 200_000  # about as many as in a piece of text
_BYTES_A_ROW = 80  # estimated text size of a row, for progress only
_UUID = "arrow.uuid"
_UUID_PARTS = ((0, 8), (8, 4), (12, 4), (16, 4), (20, 12))
"""Start and length of the groups of a UUID, in hexadecimal digits."""


@dataclass(frozen=True)
class _Column:
    """A column of a file: its name, and the number of earlier columns with that name."""

    name: str
    before: int

    def place_in(self, names: Sequence[str]) -> int:
        """Return its position in a list that contains all columns of its name."""
        return [place for place, name in enumerate(names) if name == self.name][self.before]


def open_parquet(name: str, stream: IO[bytes]) -> OpenTable:
    """Open a Parquet file with pyarrow.

    On a damaged file, pyarrow raises an exception; Polars' reader may request so much memory that the process dies.

    Raises:
        InputError: the file is damaged; raised here or while its rows are read.
    """
    with _as_input_error(name):
        file = parquet.ParquetFile(stream)
        columns = file.schema_arrow.names
    return OpenTable(name, columns, lambda picked: _pieces(name, file, picked))


@contextmanager
def _as_input_error(name: str) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError, ValueError, pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise InputError.unreadable(name, "it is a damaged Parquet file") from error


def _pieces(name: str, file: Any, picked: ColumnPositions) -> Iterator[Piece]:  # noqa: ANN401 (pyarrow has no types)
    names = file.schema_arrow.names
    columns = {role: _Column(names[place], names[:place].count(names[place])) for role, place in picked.items()}
    line = 2
    with _as_input_error(name):
        for batch in file.iter_batches(_ROWS, columns=list(dict.fromkeys(column.name for column in columns.values()))):
            yield Piece(batch.num_rows * _BYTES_A_ROW, partial(_block, name, batch, line, columns))
            line += batch.num_rows


def _block(name: str, batch: pa.RecordBatch, line: int, columns: Mapping[str, _Column]) -> Block:
    with _as_input_error(name):
        batch.validate(full=True)  # Polars assumes valid UTF-8 and panics otherwise
        names = batch.schema.names
        places = {role: column.place_in(names) for role, column in columns.items()}
        cells = {place: _series(name, names[place], batch.column(place)) for place in sorted(set(places.values()))}
    rows = pl.DataFrame([_usable(cells[place]).alias(role) for role, place in places.items()])
    # Of columns with the same name, which only previews request, the text shows the last.
    texts = json_rows(pl.DataFrame({names[place]: column for place, column in cells.items()}))
    return Block(rows, line, texts, may_hold_nul=any(map(_holds_nul, rows)))


def _series(name: str, column: str, cells: Any) -> pl.Series:  # noqa: ANN401 (pyarrow has no types)
    """Return a column as a Series; Arrow extension types (JSON, UUID) as their storage type."""
    try:
        if not isinstance(cells.type, pa.BaseExtensionType):
            return pl.Series(_plainer(cells))
        storage = pl.Series(_plainer(cells.storage))
        return _uuid_texts(storage) if cells.type.extension_name == _UUID else storage
    except (pa.ArrowException, pl.exceptions.PolarsError, pl.exceptions.PanicException, TypeError) as error:
        if pa.types.is_nested(cells.type):
            return _nulls(len(cells))
        raise InputError.unreadable(name, f"its column {short(column)} is of the type {cells.type}") from error


def _plainer(cells: Any) -> Any:  # noqa: ANN401 (pyarrow has no types)
    """Convert cells to a type that Polars supports: decimal256 to text, timestamps with a zone to UTC.

    Parquet stores such timestamps in UTC, so even an unknown zone name such as UTC+2 does no harm.
    """
    kind = cells.type
    if pa.types.is_decimal256(kind):
        return cells.cast(pa.string())
    return cells.cast(pa.timestamp(kind.unit, "UTC")) if pa.types.is_timestamp(kind) and kind.tz else cells


def _uuid_texts(cells: pl.Series) -> pl.Series:
    """Format 16-byte cells as UUIDs, with 8-4-4-4-12 hexadecimal digits."""
    digits = cells.bin.encode("hex")
    parts = [digits.str.slice(begin, length) for begin, length in _UUID_PARTS]
    return pl.select(pl.concat_str(parts, separator="-")).to_series()


def _holds_nul(cells: pl.Series) -> bool:
    """Return whether texts contain a NUL; scanning the whole buffer takes a fifth of the time of scanning each text."""
    if cells.dtype != pl.String:
        return isinstance(cells.dtype, pl.Categorical | pl.Enum)  # not scanned: their texts are stored apart
    data = cells.to_arrow(compat_level=pl.CompatLevel.oldest()).buffers()[2]
    return bool(data) and np.frombuffer(data, np.uint8).min(initial=1) == 0


def _nulls(rows: int) -> pl.Series:
    return pl.Series([None], dtype=pl.String).new_from_index(0, rows)


def _usable(cells: pl.Series) -> pl.Series:
    """Return cells that can be parsed; lists, structs, durations and dates outside the calendar become null.

    Bytes are decoded, because old programs write text as bytes; bytes that are not UTF-8 become null.
    """
    if cells.dtype.is_nested() or cells.dtype == pl.Duration:
        return _nulls(len(cells))
    if cells.dtype == pl.Binary:
        return pl.Series(map(decode_bytes, cells), dtype=pl.String)
    return null_outside_calendar(cells)
