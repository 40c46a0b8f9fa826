"""The submission file: written whole or not at all, and read without changing a character of it."""

from __future__ import annotations

import csv
import io
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import polars as pl

from core.errors import InputError
from core.schema import SESSION_VALUE, SUBMISSION_COLUMNS, USER_SESSION

DECIMALS: Final = 6
"""A millionth of a value unit: finer than any metric of this field can tell, short enough to read."""

LARGEST_FILE: Final = 1 << 29
"""Bytes. Ten million sessions need about 300 MB; what is larger is not a submission and would fill the memory."""

MOST_FIELDS: Final = 100
"""A submission has 2 fields; a line beyond this comes from another kind of file and would only cost memory."""

LINE: Final = "line"
_FIELDS: Final = "fields"
_QUOTE: Final = '"'
_PLAIN_QUOTING: Final = r'^(?:"[^",]*"|[^",]*)(?:,(?:"[^",]*"|[^",]*))*$'
"""A line whose quotation marks only wrap whole fields and hide no comma: without them it says the same."""


@dataclass(frozen=True)
class SubmissionTable:
    """A submission as text, nothing cast, nothing stripped.

    `rows` has `line` (1-based line number in the file) and `fields` (as many texts as `header`), in file order; it has
    no rows when the file holds only its header.
    """

    name: str
    header: tuple[str, ...]
    rows: pl.DataFrame

    def has(self, column: str) -> bool:
        """Whether the header names exactly that column."""
        return column in self.header

    def column(self, name: str) -> pl.Series:
        """The texts of the first column called exactly `name`, in file order; ask `has` first."""
        return self.rows[_FIELDS].list.get(self.header.index(name)).alias(name)


def write_submission(predictions: pl.DataFrame, order: pl.Series | pl.DataFrame, path: Path) -> None:
    """Write `user_session,session_value` to `path`, one row for each id of `order`, in that order.

    `predictions` has user_session (String) and session_value (Float64), in any order; those of other sessions are left
    out. `order` is a Series of ids or a table with a column user_session. Values get 6 decimals, a line feed ends each
    line. The file appears whole or not at all: it is written beside `path`, synced and renamed.

    Raises:
        InputError: a session of `order` has no prediction, or more than one.
    """
    ids = order[USER_SESSION] if isinstance(order, pl.DataFrame) else order
    wanted = ids.cast(pl.String).alias(USER_SESSION)
    known = predictions.select(SUBMISSION_COLUMNS).join(wanted.to_frame(), on=USER_SESSION, how="semi")
    repeated = known.filter(pl.col(USER_SESSION).is_duplicated())[USER_SESSION].unique(maintain_order=True)
    missing = wanted.to_frame().join(known, on=USER_SESSION, how="anti", maintain_order="left")[USER_SESSION]
    if missing.len() or repeated.len():
        raise _cannot_fill(missing, repeated, wanted.len())
    rows = wanted.to_frame().join(known, on=USER_SESSION, how="left", maintain_order="left")
    _write_whole(rows, path)


def read_submission(path: Path) -> SubmissionTable:
    """Read any file as a submission: UTF-8 with or without BOM, any line ends, quoted fields; blank lines are skipped.

    Column names and values are not judged here, only that the file is a table: see `checks`.

    Raises:
        InputError: the file is absent, not text, empty, too large, or its lines differ in their number of fields.
    """
    text = _read_text(path)
    lines = _split(text, path.name)
    if lines.is_empty():
        raise _unreadable(path.name, "it is empty")
    header: list[str] = lines[_FIELDS][0].to_list()
    rows = lines[1:]
    uneven = rows.filter(pl.col(_FIELDS).list.len() != len(header))
    if uneven.height:
        examples = [f"line {row[LINE]:,} has {len(row[_FIELDS])}" for row in uneven.head(3).to_dicts()]
        verb = "does" if uneven.height == 1 else "do"
        found = (
            f"{uneven.height:,} of {rows.height:,} rows {verb} not have the header's number of fields, {len(header):,}"
        )
        raise _unreadable(path.name, f"{found}: {', '.join(examples)}")
    return SubmissionTable(path.name, tuple(header), rows)


def _read_text(path: Path) -> str:
    if not path.exists():
        raise InputError.not_found(path)
    if not path.is_file():
        raise _unreadable(path.name, "it is not a file")
    size = path.stat().st_size
    if size > LARGEST_FILE:
        raise _unreadable(path.name, f"it has {size:,} bytes, and {LARGEST_FILE:,} is the most")
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise _unreadable(path.name, f"the system says: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise _unreadable(path.name, f"byte {error.start + 1:,} is not UTF-8 text") from error
    if "\0" in text:
        raise _unreadable(path.name, f"character {text.index(chr(0)) + 1:,} is a NUL, which no text has")
    return text


def _split(text: str, name: str) -> pl.DataFrame:
    """Line numbers and fields of all lines that are not blank.

    The csv module needs seconds for a million lines, so it gets only files in which a quotation mark does more than
    wrap a field; all others are split column-wise, with the same result.
    """
    ended = text.replace("\r\n", "\n").replace("\r", "\n")
    texts = pl.Series(_FIELDS, [ended], dtype=pl.String).str.split("\n").explode()
    lines = pl.DataFrame({LINE: pl.int_range(1, texts.len() + 1, eager=True), _FIELDS: texts})
    lines = lines.filter(pl.col(_FIELDS) != "")
    if _QUOTE in text:
        if not lines[_FIELDS].str.contains(_PLAIN_QUOTING).all():
            return _split_by_csv(text, name)
        lines = lines.with_columns(pl.col(_FIELDS).str.replace_all(_QUOTE, "", literal=True))
    wide = lines.filter(pl.col(_FIELDS).str.count_matches(",", literal=True) >= MOST_FIELDS)
    if wide.height:
        raise _unreadable(name, f"line {wide[LINE][0]:,} has more than {MOST_FIELDS} fields")
    return lines.with_columns(pl.col(_FIELDS).str.split(","))


def _split_by_csv(text: str, name: str) -> pl.DataFrame:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    numbers: list[int] = []
    fields: list[list[str]] = []
    last = 0
    try:
        for row in reader:
            if row:
                numbers.append(last + 1)
                fields.append(row)
            last = reader.line_num
    except csv.Error as error:
        raise _unreadable(name, f"from line {last + 1:,} on it does not split into fields: {error}") from error
    columns = [pl.Series(LINE, numbers, dtype=pl.Int64), pl.Series(_FIELDS, fields, dtype=pl.List(pl.String))]
    return pl.DataFrame(columns)


def _write_whole(rows: pl.DataFrame, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # Same folder, because a rename is atomic only within one file system.
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        with temporary.open("xb") as file:
            rows.write_csv(file, float_precision=DECIMALS, line_terminator="\n")
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _unreadable(name: str, found: str) -> InputError:
    return InputError(
        f"{name} cannot be read as a submission ({found}): a submission is a UTF-8 CSV file with the header "
        f"{','.join(SUBMISSION_COLUMNS)} and one row a session; save it as that and check again."
    )


def _cannot_fill(missing: pl.Series, repeated: pl.Series, total: int) -> InputError:
    odd, problem = (missing, "no prediction") if missing.len() else (repeated, "more than one prediction")
    verb = "has" if odd.len() == 1 else "have"
    examples = ", ".join(odd.head(3).cast(pl.String).fill_null("empty id"))
    return InputError(
        f"{odd.len():,} of the {total:,} sessions to submit {verb} {problem} ({examples}): each needs exactly one "
        f"{SESSION_VALUE}; predict with the test file that belongs to this sample submission, then write it again."
    )
