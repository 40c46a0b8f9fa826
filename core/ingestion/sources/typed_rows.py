"""Text forms of cells and rows from typed sources (Parquet, databases)."""

from __future__ import annotations

import datetime
import json
import math
from collections.abc import Callable, Mapping, Sequence

import polars as pl

_FIRST_DAY, _LAST_DAY = -719_162, 2_932_896
"""Years 1 to 9999, in days since 1970; Python cannot format other dates."""
_PER_DAY = {"ms": 86_400_000, "us": 86_400_000_000, "ns": 86_400_000_000_000}


def decode_bytes(cell: bytes | None) -> str | None:
    """Decode bytes as UTF-8; None if they are not."""
    try:
        return None if cell is None else cell.decode()
    except UnicodeDecodeError:
        return None


def row_as_json(row: Mapping[str, object]) -> str:
    """Return a row as JSON; times become text, bytes that are not UTF-8 become 0x..."""
    return json.dumps({name: _plain(cell) for name, cell in row.items()}, default=str, ensure_ascii=False)


def json_rows(frame: pl.DataFrame) -> Callable[[Sequence[int]], list[str]]:
    """Return a function that formats the rows at given positions as JSON."""

    def texts(places: Sequence[int]) -> list[str]:
        rows = frame[list(places)]
        columns = [_cells(rows.get_column(name)) for name in rows.columns]
        return [row_as_json(dict(zip(rows.columns, cells, strict=True))) for cells in zip(*columns, strict=True)]

    return texts


def _cells(cells: pl.Series) -> list[object]:
    """Return cells as Python objects; a date outside Python's calendar as its stored number."""
    if _is_dated(cells.dtype):
        texts = null_outside_calendar(cells).cast(pl.String).str.replace(r"\.0+(\D|$)", "${1}")
        return [number if text is None else text for number, text in zip(cells.to_physical(), texts, strict=True)]
    try:
        return cells.to_list()
    except (ValueError, OverflowError, pl.exceptions.PanicException):  # such a date or duration inside a list or struct
        return [str(cells.dtype)] * len(cells)


def null_outside_calendar(cells: pl.Series) -> pl.Series:
    """Replace dates and times outside the years 1 to 9999 by null."""
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
