"""Opens an event file as a lazy frame of text columns, or says in one sentence why it cannot."""

from __future__ import annotations

import gzip
from pathlib import Path

import polars as pl

from core.errors import InputError

LINE = "line"
"""Line number in the file, the header being line 1 (for Parquet: row number plus one)."""

_SIGNATURES = (
    (b"\x89PNG", "it is a PNG image"),
    (b"\xff\xd8\xff", "it is a JPEG image"),
    (b"GIF8", "it is a GIF image"),
    (b"%PDF", "it is a PDF document"),
    (b"PK\x03\x04", "it is a ZIP archive or an Excel workbook"),
    (b"\xd0\xcf\x11\xe0", "it is an old Excel or Word document"),
    (b"\x7fELF", "it is a program"),
    (b"SQLite format 3", "it is an SQLite database"),
)
_PARQUET = b"PAR1"
_GZIP = b"\x1f\x8b"
_LOOK_AT = 65_536  # bytes looked at to tell text from something else


def read_table(path: Path) -> pl.LazyFrame:
    """Open a CSV (comma), CSV.GZ or Parquet file; every column as text, with the line number beside it.

    What the file *is* counts, not its ending. Rows come in file order. Parquet times become text in ISO form.

    Raises:
        InputError: no such file, an empty one, or one that is no table.
    """
    if not path.is_file():
        raise InputError.not_found(path)
    head = _head(path)
    if not head:
        raise InputError.empty(path.name)
    try:
        if head.startswith(_PARQUET):
            frame = pl.scan_parquet(path)
            frame = frame.select(pl.all().cast(pl.String)).with_row_index(LINE, offset=2)
        else:
            _refuse_what_is_no_text(path.name, head)
            frame = _scan_csv(path)
        names = frame.collect_schema().names()
        if frame.head(1).collect().is_empty():
            raise InputError.empty(path.name)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise InputError.unreadable(path.name, _first_line(error)) from error
    return frame.rename({name: name.strip().lstrip("\ufeff") for name in names})


def collect_table(name: str, frame: pl.LazyFrame) -> pl.DataFrame:
    """Read all of a table; what turns out to be broken further down the file is said as clearly as at its head."""
    try:
        return frame.collect()
    except (pl.exceptions.PolarsError, OSError) as error:
        raise InputError.unreadable(name, _first_line(error)) from error


def _head(path: Path) -> bytes:
    """First bytes of the content, unpacked where the file is gzipped."""
    with path.open("rb") as file:
        head = file.read(_LOOK_AT)
    if not head.startswith(_GZIP):
        return head
    try:
        with gzip.open(path, "rb") as file:
            return file.read(_LOOK_AT)
    except (OSError, EOFError) as error:
        raise InputError.unreadable(path.name, f"its gzip compression is broken: {error}") from error


def _refuse_what_is_no_text(name: str, head: bytes) -> None:
    for signature, found in _SIGNATURES:
        if head.startswith(signature):
            raise InputError.unreadable(name, found)
    if b"\x00" in head:
        raise InputError.unreadable(name, "it holds binary data, not text")
    if not head.strip():
        raise InputError.empty(name)


def _scan_csv(path: Path) -> pl.LazyFrame:
    # A duplicate column name, a line with too many fields or text that is no UTF-8 raises a PolarsError.
    return pl.scan_csv(path, infer_schema=False, row_index_name=LINE, row_index_offset=2)


def _first_line(error: Exception) -> str:
    """The first sentence of a library's message, without its advice to programmers."""
    text = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    return text[:160].rstrip(".: ")
