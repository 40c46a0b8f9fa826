"""Text forms of cells and rows from typed sources (Parquet, databases)."""

from __future__ import annotations

import datetime
import json
import math
from collections.abc import Mapping, Sequence

import polars as pl

_FIRST_DAY, _LAST_DAY = -719_162, 2_932_896
"""First day of year 1 and last day of year 9999, in days since 1970; Python cannot format other dates."""
_UNITS_PER_DAY = {"ms": 86_400_000, "us": 86_400_000_000, "ns": 86_400_000_000_000}


def decode_bytes(cell: bytes | None) -> str | None:
    """Decode bytes; None if they are not UTF-8."""
    try:
        return None if cell is None else cell.decode()
    except UnicodeDecodeError:
        return None


def row_as_json(row: Mapping[str, object]) -> str:
    """Return a row as JSON. Times become text, and bytes that are not UTF-8 hexadecimal digits after 0x."""
    return json.dumps({name: _json_value(cell) for name, cell in row.items()}, default=str, ensure_ascii=False)


def rows_as_json(frame: pl.DataFrame, positions: Sequence[int]) -> list[str]:
    """Return the rows at the given positions as JSON."""
    rows = frame[list(positions)]
    columns = [_cells(rows.get_column(name)) for name in rows.columns]
    return [row_as_json(dict(zip(rows.columns, cells, strict=True))) for cells in zip(*columns, strict=True)]


def _cells(cells: pl.Series) -> list[object]:
    """Return cells as Python objects. A date that Python cannot represent becomes its stored number."""
    if _is_dated(cells.dtype):
        texts = null_outside_calendar(cells).cast(pl.String).str.replace(r"\.0+(\D|$)", "${1}")
        return [number if text is None else text for number, text in zip(cells.to_physical(), texts, strict=True)]
    try:
        return cells.to_list()
    except (ValueError, OverflowError, pl.exceptions.PanicException):  # such a date or duration in a list or struct
        return [str(cells.dtype)] * len(cells)


def null_outside_calendar(cells: pl.Series) -> pl.Series:
    """Replace dates and times outside the years 1 to 9999 by null."""
    dtype = cells.dtype
    if not _is_dated(dtype):
        return cells
    days = cells.to_physical() // (_UNITS_PER_DAY[dtype.time_unit] if isinstance(dtype, pl.Datetime) else 1)
    return cells.set(~days.is_between(_FIRST_DAY, _LAST_DAY), None)


def _is_dated(dtype: pl.DataType) -> bool:
    return dtype == pl.Date or isinstance(dtype, pl.Datetime)


def _json_value(cell: object) -> object:
    if isinstance(cell, bytes):
        text = decode_bytes(cell)
        return f"0x{cell.hex()}" if text is None else text
    if isinstance(cell, float) and not math.isfinite(cell):
        return str(cell)  # JSON has no such number
    return cell.isoformat(sep=" ") if isinstance(cell, datetime.datetime) else cell
