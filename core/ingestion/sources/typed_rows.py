"""What a table with types of its own (Parquet, databases) leaves behind as text: bytes, and rows set aside."""

from __future__ import annotations

import datetime
import json
import math
from collections.abc import Callable, Mapping, Sequence

import polars as pl

_FIRST_DAY, _LAST_DAY = -719_162, 2_932_896
"""Years 1 to 9999 in days since 1970: other dates have no text form in Python, nor in JSON's usual readers."""
_PER_DAY = {"ms": 86_400_000, "us": 86_400_000_000, "ns": 86_400_000_000_000}


def decode_bytes(cell: bytes | None) -> str | None:
    """The text that bytes are, as old programs write texts; None where they are none."""
    try:
        return None if cell is None else cell.decode()
    except UnicodeDecodeError:
        return None


def row_as_json(row: Mapping[str, object]) -> str:
    """A row as JSON, as there is no text of its own to show: times as text, bytes that are no text as 0x..."""
    return json.dumps({name: _plain(cell) for name, cell in row.items()}, default=str, ensure_ascii=False)


def json_rows(frame: pl.DataFrame) -> Callable[[Sequence[int]], list[str]]:
    """Gives rows of a table, by their places, as JSON."""

    def texts(places: Sequence[int]) -> list[str]:
        rows = frame[list(places)]
        columns = [_cells(rows.get_column(name)) for name in rows.columns]
        return [row_as_json(dict(zip(rows.columns, cells, strict=True))) for cells in zip(*columns, strict=True)]

    return texts


def _cells(cells: pl.Series) -> list[object]:
    """The cells as Python has them; where a date lies outside its calendar, the number that the file has for it."""
    if _is_dated(cells.dtype):
        texts = null_outside_calendar(cells).cast(pl.String).str.replace(r"\.0+(\D|$)", "${1}")
        return [number if text is None else text for number, text in zip(cells.to_physical(), texts, strict=True)]
    try:
        return cells.to_list()
    except (ValueError, OverflowError, pl.exceptions.PanicException):  # such a date, or a span, inside a list or struct
        return [str(cells.dtype)] * len(cells)


def null_outside_calendar(cells: pl.Series) -> pl.Series:
    """Dates and times outside the years 1 to 9999, which neither Polars nor Python can write, become null."""
    kind = cells.dtype
    if not _is_dated(kind):
        return cells
    days = cells.to_physical() // (_PER_DAY[kind.time_unit] if isinstance(kind, pl.Datetime) else 1)
    return cells.set(~days.is_between(_FIRST_DAY, _LAST_DAY), None)


def _is_dated(kind: pl.DataType) -> bool:
    return kind == pl.Date or isinstance(kind, pl.Datetime)


def _plain(cell: object) -> object:
    if isinstance(cell, bytes):
        text = decode_bytes(cell)
        return f"0x{cell.hex()}" if text is None else text
    if isinstance(cell, float) and not math.isfinite(cell):
        return str(cell)  # JSON has no such number
    return cell.isoformat(sep=" ") if isinstance(cell, datetime.datetime) else cell
