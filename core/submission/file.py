"""Read and write the submission file. Cells are read as text, and a file is written completely or not at all."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import polars as pl

from core.base.files import atomic_file
from core.base.text import count, listed, verb
from core.dataset import SubmissionColumns
from core.errors import InputError
from core.schema import LINE, SESSION_VALUE, SUBMISSION_COLUMNS, USER_SESSION

DECIMALS: Final = 6
"""One millionth of a value unit changes no metric visibly, and the numbers are short enough to read."""

MAX_BYTES: Final = 1 << 29
"""Ten million sessions need about 300 MB. A larger file is not a submission and would fill the memory."""

MAX_FIELDS: Final = 100
"""A submission has 2 fields per line. A file with so many is not a submission and would fill the memory."""

_FIELDS: Final = "fields"
_QUOTE: Final = '"'
_PLAIN_QUOTING: Final = r'^(?:"[^",]*"|[^",]*)(?:,(?:"[^",]*"|[^",]*))*$'
"""Matches lines whose quotation marks only enclose whole fields without commas, so that the marks can be removed."""


@dataclass(frozen=True)
class SubmissionTable:
    """A submission as text: no cell is cast or stripped.

    Attributes:
        name: name of the file.
        header: fields of the first line.
        rows: one row per further line, in file order, with `line` (line number in the file, from 1) and `fields` (as
            many strings as the header has).
    """

    name: str
    header: tuple[str, ...]
    rows: pl.DataFrame

    def column(self, name: str) -> pl.Series:
        """Return the cells of the first column with this name, in file order.

        Raises:
            ValueError: there is no such column.
        """
        return self.rows[_FIELDS].list.get(self.header.index(name)).alias(name)


def write_submission(
    predictions: pl.DataFrame, order: pl.Series | pl.DataFrame, path: Path, columns: SubmissionColumns | None = None
) -> None:
    r"""Write one row for each id of `order`, in that order.

    Values have 6 decimals and lines end with a line feed. The file is written under a temporary name and renamed.

    Args:
        predictions: user_session (String) and session_value (Float64) in any row order. Sessions that are not in
            `order` are not written.
        order: ids, or a table with a column user_session.
        path: path of the file. Missing folders are created.
        columns: columns of the file; None for user_session and session_value.

    Raises:
        InputError: a session in `order` has no prediction, or more than one.
    """
    ids = order[USER_SESSION] if isinstance(order, pl.DataFrame) else order
    wanted = ids.cast(pl.String).alias(USER_SESSION).to_frame()
    predicted = predictions.select(SUBMISSION_COLUMNS).join(wanted, on=USER_SESSION, how="semi")
    missing = wanted.join(predicted, on=USER_SESSION, how="anti", maintain_order="left")[USER_SESSION]
    repeated = predicted.filter(pl.col(USER_SESSION).is_duplicated())[USER_SESSION].unique(maintain_order=True)
    for sessions, problem in ((missing, "no prediction"), (repeated, "more than one prediction")):
        if sessions.len():
            raise InputError(
                f"{sessions.len():,} of the {wanted.height:,} sessions to submit {verb(sessions.len(), 'has', 'have')} "
                f"{problem} ({listed(sessions.fill_null('empty id'), 3)}). Each session needs exactly one "
                f"{SESSION_VALUE}. Predict with the test file that belongs to this sample submission."
            )
    rows = wanted.join(predicted, on=USER_SESSION, how="left", maintain_order="left")
    columns = columns or SubmissionColumns()
    rows = rows.rename({USER_SESSION: columns.session, SESSION_VALUE: columns.value}).select(columns.header)
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_file(path) as building:
        rows.write_csv(building, float_precision=DECIMALS, line_terminator="\n")


def read_submission(path: Path) -> SubmissionTable:
    """Read a file as a submission.

    The file may have a byte order mark, any line ends, quoted fields and blank lines, which are skipped. Column names
    and values are checked by `run_checks`.

    Raises:
        InputError: the file is missing, not UTF-8 text, empty or too large, or its lines differ in their number of
            fields.
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
        raise _unreadable(
            path.name,
            f"{uneven.height:,} of {count(rows.height, 'row')} {verb(uneven.height, 'does', 'do')} not have "
            f"{count(len(header), 'field')} like the header: {listed(examples, total=uneven.height)}",
        )
    return SubmissionTable(path.name, tuple(header), rows)


def _read_text(path: Path) -> str:
    if not path.exists():
        raise InputError.not_found(path)
    if not path.is_file():
        raise _unreadable(path.name, "it is not a file")
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise _unreadable(path.name, f"it has {size:,} bytes; the maximum is {MAX_BYTES:,}")
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise _unreadable(path.name, f"the system reports: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise _unreadable(path.name, f"byte {error.start + 1:,} is not UTF-8 text") from error
    if "\0" in text:
        raise _unreadable(path.name, f"character {text.index(chr(0)) + 1:,} is NUL, so it is not text")
    return text


def _split(text: str, name: str) -> pl.DataFrame:
    """Return `line` and `fields` of each line that is not blank.

    Python's csv module takes seconds for a million lines, so Polars splits the lines, with the same result. Only files
    with commas, line ends or quotation marks in quoted fields need the csv module.
    """
    unix_text = text.replace("\r\n", "\n").replace("\r", "\n")
    texts = pl.Series(_FIELDS, [unix_text], dtype=pl.String).str.split("\n").explode()
    lines = pl.DataFrame({LINE: pl.int_range(1, texts.len() + 1, eager=True), _FIELDS: texts})
    lines = lines.filter(pl.col(_FIELDS) != "")
    if _QUOTE in text:
        if not lines[_FIELDS].str.contains(_PLAIN_QUOTING).all():
            return _split_by_csv(text, name)
        lines = lines.with_columns(pl.col(_FIELDS).str.replace_all(_QUOTE, "", literal=True))
    wide = lines.filter(pl.col(_FIELDS).str.count_matches(",", literal=True) >= MAX_FIELDS)
    if wide.height:
        raise _unreadable(name, f"line {wide[LINE][0]:,} has more than {MAX_FIELDS} fields")
    return lines.with_columns(pl.col(_FIELDS).str.split(","))


def _split_by_csv(text: str, name: str) -> pl.DataFrame:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    numbers: list[int] = []
    fields: list[list[str]] = []
    last_line = 0
    try:
        for row in reader:
            if row:
                numbers.append(last_line + 1)
                fields.append(row)
            last_line = reader.line_num
    except csv.Error as error:
        raise _unreadable(name, f"from line {last_line + 1:,} it cannot be split into fields: {error}") from error
    return pl.DataFrame({LINE: numbers, _FIELDS: fields}, schema={LINE: pl.Int64, _FIELDS: pl.List(pl.String)})


def _unreadable(name: str, problem: str) -> InputError:
    return InputError(
        f"{name} cannot be read as a submission ({problem}). A submission is a UTF-8 CSV file with the header "
        f"of the sample submission, or {','.join(SUBMISSION_COLUMNS)}, and one row per session."
    )
