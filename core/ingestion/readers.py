"""Opens an event file as a lazy frame of text columns, or says in one sentence why it cannot."""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Sequence
from pathlib import Path

import polars as pl
from pyarrow import ArrowException, parquet

from core.errors import InputError
from core.schema import TRAIN_COLUMNS

LINE = "line of the file"
"""Line number in the file, the header being line 1 (for Parquet: row number plus one). A name that no file has: a log
may well have a column `line` of its own."""

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
# A damaged Parquet file can make Polars panic, which is no Exception.
_BROKEN = (pl.exceptions.PolarsError, pl.exceptions.PanicException, ArrowException, OSError)
_IN_OUR_WORDS = {
    "found more fields": "a line has more fields than the header",
    "invalid utf-8": "its text is not UTF-8",
    "unexpected end of file": "it is cut short",
    "Parquet": "it is a damaged Parquet file",
}
"""What the readers' messages contain -> what we say."""
_POLARS_REPEATED = re.compile(r"_duplicated_\d+$")  # what Polars appends to a CSV column's name that was there before


def read_table(path: Path) -> pl.LazyFrame:
    """Open a CSV (comma), CSV.GZ or Parquet file; every column as text, with the line number beside it.

    What the file *is* counts, not its ending. Rows come in file order. Parquet times become text in ISO form.

    Raises:
        InputError: no such file, an empty one, one that is no table, or one with one of our columns twice.
    """
    try:
        if not path.is_file():
            raise InputError.not_found(path)
    except OSError as error:  # a name too long, a folder that may not be looked into
        raise InputError.cannot_open(path, error.strerror or str(error)) from error
    head = _head(path)
    if not head:
        raise InputError.empty(path.name)
    try:
        if head.startswith(_PARQUET):
            frame = _scan_parquet(path)
        else:
            _refuse_what_is_no_text(path.name, head)
            frame = _scan_csv(path)
        names = frame.collect_schema().names()
        if frame.select(LINE).head(1).collect().is_empty():  # other columns may be unreadable and unused
            raise InputError.empty(path.name)
    except _BROKEN as error:
        raise InputError.unreadable(path.name, _found(error)) from error
    return frame.rename(_plain_names(path.name, names))


def collect_table(name: str, frame: pl.LazyFrame) -> pl.DataFrame:
    """Read all of a table; what turns out to be broken further down the file is said as clearly as at its head."""
    try:
        return frame.collect()
    except _BROKEN as error:
        raise InputError.unreadable(name, _found(error)) from error


def _head(path: Path) -> bytes:
    """First bytes of the content, unpacked where the file is gzipped."""
    try:
        with path.open("rb") as file:
            head = file.read(_LOOK_AT)
    except OSError as error:
        raise InputError.cannot_open(path, error.strerror or str(error)) from error
    if not head.startswith(_GZIP):
        return head
    try:
        with gzip.open(path, "rb") as file:
            return file.read(_LOOK_AT)
    except (OSError, EOFError, zlib.error) as error:
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
    # A line with too many fields or text that is no UTF-8 raises a PolarsError.
    return pl.scan_csv(path, infer_schema=False, row_index_name=LINE, row_index_offset=2)


def _scan_parquet(path: Path) -> pl.LazyFrame:
    """Read our columns as text; of the others only the names are kept."""
    # By pyarrow, not by Polars: a damaged file ends in an exception there, while Polars' reader can ask for more memory
    # than there is, which ends Python, and with it the dashboard.
    file = parquet.ParquetFile(path)
    names = file.schema_arrow.names
    ours = [name for name in names if name.strip().lstrip("\ufeff") in TRAIN_COLUMNS]
    table = pl.DataFrame(file.read(columns=ours))
    # Lists and structs have no text form; a row that has one where we need a text has nothing there.
    texts = [
        pl.lit(None, dtype=pl.String).alias(name)
        if name not in ours or table.schema[name].is_nested()
        else pl.col(name).cast(pl.String)
        for name in names
    ]
    lines = pl.int_range(2, file.metadata.num_rows + 2, dtype=pl.UInt32, eager=True).alias(LINE)
    return table.hstack([lines]).lazy().select(LINE, *texts)


def _plain_names(file: str, names: Sequence[str]) -> dict[str, str]:
    """Column names without blanks and byte order mark around them; where two become one, both keep theirs."""
    plain = {name: _POLARS_REPEATED.sub("", name).strip().lstrip("\ufeff") for name in names}
    found = list(plain.values())
    for column in TRAIN_COLUMNS:
        if found.count(column) > 1:
            raise InputError.unreadable(file, f"the column {column} stands there more than once")
    return {name: new for name, new in plain.items() if found.count(new) == 1}


def _found(error: BaseException) -> str:
    """What is wrong with the file, in our words where we have some, else the first line of the library's."""
    text = str(error).strip()
    for theirs, ours in _IN_OUR_WORDS.items():
        if theirs in text:
            return ours
    if isinstance(error, pl.exceptions.PanicException | ArrowException) or not text:
        return _IN_OUR_WORDS["Parquet"]
    return text.splitlines()[0][:160].rstrip(".: ")
