"""Reads Parquet in batches of rows."""

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

_ROWS = 200_000  # about as many as a piece of text holds
_BYTES_A_ROW = 80  # what such a row takes as text; only the share of the work rests on it
_UUID = "arrow.uuid"
_UUID_PARTS = ((0, 8), (8, 4), (12, 4), (16, 4), (20, 12))
"""Where the parts of a UUID begin among its digits, and how long they are."""


@dataclass(frozen=True)
class _Column:
    """A column of a file: its name, and how many columns of that name stand before it."""

    name: str
    before: int

    def place_in(self, names: Sequence[str]) -> int:
        """Where it stands among columns that have all of its name."""
        return [place for place, name in enumerate(names) if name == self.name][self.before]


def open_parquet(name: str, stream: IO[bytes]) -> OpenTable:
    """Open a Parquet file; what is broken further down is said while it is read.

    By pyarrow, not by Polars: a damaged file ends in an exception there, while Polars' reader can ask for more memory
    than there is, which ends Python, and with it the dashboard.

    Raises:
        InputError: a damaged file.
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
    found = file.schema_arrow.names
    columns = {ours: _Column(found[place], found[:place].count(found[place])) for ours, place in picked.items()}
    line = 2
    with _as_input_error(name):
        for batch in file.iter_batches(_ROWS, columns=list(dict.fromkeys(column.name for column in columns.values()))):
            yield Piece(batch.num_rows * _BYTES_A_ROW, partial(_block, name, batch, line, columns))
            line += batch.num_rows


def _block(name: str, batch: pa.RecordBatch, line: int, columns: Mapping[str, _Column]) -> Block:
    with _as_input_error(name):
        batch.validate(full=True)  # Polars takes texts for UTF-8 unseen, and panics where they are not
        names = batch.schema.names
        places = {ours: column.place_in(names) for ours, column in columns.items()}
        cells = {place: _series(name, names[place], batch.column(place)) for place in sorted(set(places.values()))}
    rows = pl.DataFrame([_usable(cells[place]).alias(ours) for ours, place in places.items()])
    # Of columns of one name (only who looks at all columns asks for such) the last stands in the text.
    texts = json_rows(pl.DataFrame({names[place]: found for place, found in cells.items()}))
    return Block(rows, line, texts, may_hold_nul=any(map(_holds_nul, rows)))


def _series(name: str, column: str, cells: Any) -> pl.Series:  # noqa: ANN401 (pyarrow has no types)
    """A column as Polars has it; one of a type that others added to Arrow's (JSON, UUID) as what it is stored as."""
    try:
        if not isinstance(cells.type, pa.BaseExtensionType):
            return pl.Series(_plainer(cells))
        found = pl.Series(_plainer(cells.storage))
        return _uuid_texts(found) if cells.type.extension_name == _UUID else found
    except (pa.ArrowException, pl.exceptions.PolarsError, pl.exceptions.PanicException, TypeError) as error:
        if pa.types.is_nested(cells.type):
            return _nothing(len(cells))
        raise InputError.unreadable(name, f"its column {short(column)} is of the type {cells.type}") from error


def _plainer(cells: Any) -> Any:  # noqa: ANN401 (pyarrow has no types)
    """Cells in a type that Polars has: wider numbers (decimal256) as text, and moments in UTC.

    Moments are stored in UTC whatever zone a file names beside them, also one that nobody else knows, such as UTC+2.
    """
    kind = cells.type
    if pa.types.is_decimal256(kind):
        return cells.cast(pa.string())
    return cells.cast(pa.timestamp(kind.unit, "UTC")) if pa.types.is_timestamp(kind) and kind.tz else cells


def _uuid_texts(cells: pl.Series) -> pl.Series:
    """Sixteen bytes each as people write a UUID: 8-4-4-4-12 hexadecimal digits."""
    digits = cells.bin.encode("hex")
    parts = [digits.str.slice(begin, length) for begin, length in _UUID_PARTS]
    return pl.select(pl.concat_str(parts, separator="-")).to_series()


def _holds_nul(cells: pl.Series) -> bool:
    """Whether texts hold a NUL byte. Their bytes one after the other take a fifth of the time that each text takes."""
    if cells.dtype != pl.String:
        return isinstance(cells.dtype, pl.Categorical | pl.Enum)  # texts that are stored once each
    data = cells.to_arrow(compat_level=pl.CompatLevel.oldest()).buffers()[2]
    return bool(data) and np.frombuffer(data, np.uint8).min(initial=1) == 0


def _nothing(rows: int) -> pl.Series:
    return pl.Series([None], dtype=pl.String).new_from_index(0, rows)


def _usable(cells: pl.Series) -> pl.Series:
    """Lists, structs and spans of time have no text form: a row that has one where we need a text has nothing there.

    Old programs write texts as bytes; bytes that are no text are nothing, too, and so are dates outside any calendar.
    """
    if cells.dtype.is_nested() or cells.dtype == pl.Duration:
        return _nothing(len(cells))
    if cells.dtype == pl.Binary:
        return pl.Series(map(decode_bytes, cells), dtype=pl.String)
    return null_outside_calendar(cells)
