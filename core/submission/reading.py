"""Read a submission file of any format that tools write. Cells are read as text, and no row is lost.

Deviations from a plain CSV file do no harm here: the checks report them, and a repair can write the file again.
"""

from __future__ import annotations

import csv
import io
import re
from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple

import polars as pl

from core.base.text import count, listed, shorten, verb, whole
from core.ingestion.sources.encodings import SAMPLE_BYTES, UTF_8, detect_encoding
from core.ingestion.sources.kinds import kind_of
from core.schema import LINE
from core.submission.content import opened, unpacked_content
from core.submission.table import COMMA, FileForm, SubmissionTable, Unnamed
from core.submission.typed_reading import TYPED_KINDS, read_typed
from core.submission.unreadable import ENCODING, QUOTING, unreadable

MAX_FIELDS: Final = 100
"""A submission has 2 fields per line. A file with so many is not a submission and would fill the memory."""

_OTHER_SEPARATORS: Final = (";", "\t", "|")
_MAX_EXAMPLES: Final = 3
_BLANK: Final = " "
"""The separator of R's write.table. Ids may have blanks, too, so it counts only if there is no other one."""
_FIELDS: Final = "fields"
_QUOTE: Final = '"'
_MARK: Final = "\ufeff"
_SPLIT_DECIMAL: Final = r"^\s*[+-]?\d+$", r"^\d+(?:[eE][+-]?\d+)?\s*$"
"""The fields before and after a decimal comma."""
_COMMENT: Final = "#"
_ABOVE_HEADER: Final = r"(?:sep=.\r?\n)?(?:[ \t]*(?:#[^\r\n]*)?(?:\r\n|\r|\n)){0,1000}"
"""The line with which Excel declares the separator, and then comments and blank lines."""
_FRACTION: Final = r"^(?:0\d|\d{4})"
_MOST_SPLIT: Final = 0.5
"""Share of rows with one field too many, above which they have decimal commas. Few such rows are broken."""


class _Preamble(NamedTuple):
    """The lines above the header: number of characters, number of lines, and comments by line number."""

    n_characters: int
    n_lines: int
    comments: dict[int, str]


def read_submission(path: Path) -> SubmissionTable:
    """Read a file as a submission.

    The file may be Parquet, JSON Lines, or text, also gzipped or as the only table in a ZIP archive. Text may be in any
    encoding, and have a byte order mark, any line ends, quoted fields, blank lines, which are skipped, another
    separator than the comma, comments above the header, and a column without a name in the header. Column names and
    values are checked by `run_checks`.

    Raises:
        InputError: the file is missing, not text, empty or too large, or its lines differ in their number of fields.
            The code of the error is that of the check that fails: readable, encoding or quoting.
    """
    with opened(path) as (stream, size):
        kind = kind_of(stream)
        if kind in TYPED_KINDS:
            return read_typed(stream, kind, path.name, size, MAX_FIELDS)
        content = unpacked_content(stream, path.name, size)
        unpacked = io.BytesIO(content)
        kind = kind_of(unpacked)
        if kind in TYPED_KINDS:
            return read_typed(unpacked, kind, path.name, len(content), MAX_FIELDS)
    return _read_plain(content, path.name) or _read_text(content, path.name)


def _read_text(content: bytes, name: str) -> SubmissionTable:
    """Read text in any form."""
    text, encoding = _decode(content, name)
    if "\0" in text:
        raise unreadable(name, f"character {text.index(chr(0)) + 1:,} is NUL, so it is not text")
    preamble = _preamble(text)
    text = text[preamble.n_characters :]
    separator = _separator(text)
    if separator == _BLANK and _QUOTE not in text:  # columns of equal width have several blanks between them
        text = re.sub(r"(?m)^ +| +$", "", re.sub(" {2,}", _BLANK, text))
    lines = _split(text, name, separator).with_columns(pl.col(LINE) + preamble.n_lines)
    if lines.is_empty():
        raise unreadable(name, "it is empty")
    header = tuple(lines[_FIELDS][0].to_list())
    rows, split_decimals = _join_decimals(lines[1:], len(header), separator)
    unnamed = _unnamed_column(header, rows)
    header = {"": header, "first": ("", *header), "last": (*header, "")}[unnamed]
    uneven = rows.filter(pl.col(_FIELDS).list.len() != len(header))
    if uneven.height:
        examples = [
            f"line {line:,} has {len(fields)} ({shorten(separator.join(fields))!r})"
            for line, fields in uneven.select(LINE, _FIELDS).head(_MAX_EXAMPLES).rows()
        ]
        raise unreadable(
            name,
            f"{whole(uneven.height)} of {count(rows.height, 'row')} {verb(uneven.height, 'does', 'do')} not have the "
            f"{count(len(header), 'field')} of the header: {listed(examples, _MAX_EXAMPLES, total=uneven.height)}",
        )
    columns = [rows[_FIELDS].list.get(index) for index in range(len(header))]
    form = FileForm(encoding, separator, split_decimals, unnamed, int(lines[LINE][0]), preamble.comments)
    return SubmissionTable.of_columns(name, header, rows[LINE], columns, form)


def _read_plain(content: bytes, name: str) -> SubmissionTable | None:
    """Read UTF-8 text with commas and without quotation marks or blank lines; None for any other file.

    Polars reads ten million such lines in a second. It pads short lines and refuses long ones, so if it reads all lines
    and the number of commas is right, each line has the fields of the header.
    """
    content = content.removeprefix(_MARK.encode())
    n_fields = content[: content.find(b"\n") + 1].count(b",") + 1
    n_lines = content.count(b"\n") + (not content.endswith(b"\n"))
    is_plain = (
        1 < n_fields <= MAX_FIELDS
        and content.count(b",") == n_lines * (n_fields - 1)
        and content.count(b"\r") == content.count(b"\r\n")
        and not content.endswith(b"\r")
        and not content.startswith(_MARK.encode())  # Polars would skip a second one, too
        and not content.startswith(_COMMENT.encode())
        and not any(byte in content for byte in (b'"', b"\0"))
    )
    if not is_plain:
        return None
    try:
        lines = pl.read_csv(content, has_header=False, infer_schema=False, quote_char=None, empty_string_is_null=False)
    except pl.exceptions.PolarsError:
        return None
    if lines.shape != (n_lines, n_fields):
        return None
    rows = lines[1:]
    numbers = pl.int_range(2, n_lines + 1, eager=True)
    return SubmissionTable.of_columns(name, lines.row(0), numbers, rows.get_columns(), FileForm())


def _decode(content: bytes, name: str) -> tuple[str, str]:
    """Return the text without a byte order mark, and the name of its encoding."""
    encoding = detect_encoding(content[:SAMPLE_BYTES]).encoding
    try:
        return content.decode(encoding).removeprefix(_MARK), encoding
    except UnicodeDecodeError as error:
        known = "UTF-8" if encoding == UTF_8 else encoding
        raise unreadable(name, f"byte {error.start + 1:,} is not {known} text", ENCODING) from error


def _separator(text: str) -> str:
    """Return the separator of the header: a comma, unless it has none and has another one.

    A header of one name has none. It may be above rows with row names, so the first row then decides.
    """
    header, row = [*islice(filter(None, map(str.strip, text.splitlines())), 2), "", ""][:2]
    if COMMA in header:
        return COMMA
    for line in (header, row):
        if any(separator in line for separator in _OTHER_SEPARATORS):
            return max(_OTHER_SEPARATORS, key=line.count)
    return _BLANK if _BLANK in header and _BLANK in row and COMMA not in row else COMMA


def _preamble(text: str) -> _Preamble:
    """Return the lines above the header. If no line follows the comments, the comments count as rows."""
    above = re.match(_ABOVE_HEADER, text)
    lines = io.StringIO(above[0] if above else "", newline=None).readlines()
    comments = {number: line.strip() for number, line in enumerate(lines, 1) if line.lstrip().startswith(_COMMENT)}
    if above is None or (comments and not text[above.end() :].strip()):
        return _Preamble(0, 0, {})
    return _Preamble(above.end(), len(lines), comments)


def _unnamed_column(header: tuple[str, ...], rows: pl.DataFrame) -> Unnamed:
    """Return which column has no name, if every row has one field more than the header.

    It is the last one if it is empty, because a separator ends every row, and the first one otherwise.
    """
    if rows.is_empty() or not (rows[_FIELDS].list.len() == len(header) + 1).all():
        return ""
    return "last" if (rows[_FIELDS].list.last() == "").all() else "first"


def _join_decimals(rows: pl.DataFrame, n_fields: int, separator: str) -> tuple[pl.DataFrame, bool]:
    """Join the two halves of values with a decimal comma, if the file has commas between its fields, too."""
    length = pl.col(_FIELDS).list.len()
    before, after = pl.col(_FIELDS).list.get(1, null_on_oob=True), pl.col(_FIELDS).list.get(2, null_on_oob=True)
    is_split = (length == n_fields + 1) & before.str.contains(_SPLIT_DECIMAL[0]) & after.str.contains(_SPLIT_DECIMAL[1])
    are_even = ((length == n_fields) | is_split).all() & (is_split.mean() > _MOST_SPLIT)
    # a column of whole numbers after a column of whole numbers looks the same, but for these fractions
    are_even &= after.filter(is_split).str.contains(_FRACTION).any()
    if separator != COMMA or n_fields != 2 or not rows.select(are_even).item():
        return rows, False
    joined = pl.concat_list(pl.col(_FIELDS).list.first(), pl.concat_str(before, pl.lit(COMMA), after))
    return rows.with_columns(pl.when(is_split).then(joined).otherwise(_FIELDS).alias(_FIELDS)), True


def _split(text: str, name: str, separator: str) -> pl.DataFrame:
    """Return `line` and `fields` of each line that is not blank.

    Python's csv module takes seconds for a million lines, so Polars splits the lines, with the same result. Only files
    with separators, line ends or quotation marks in quoted fields need the csv module.
    """
    unix_text = text.replace("\r\n", "\n").replace("\r", "\n")
    texts = pl.Series(_FIELDS, [unix_text], dtype=pl.String).str.split("\n").explode()
    lines = pl.DataFrame({LINE: pl.int_range(1, texts.len() + 1, eager=True), _FIELDS: texts})
    lines = lines.filter(pl.col(_FIELDS) != "")
    if _QUOTE in text:
        field = rf'(?:"[^"{separator}]*"|[^"{separator}]*)'
        if not lines[_FIELDS].str.contains(rf"^{field}(?:[{separator}]{field})*$").all():
            return _split_by_csv(text, name, separator)
        lines = lines.with_columns(pl.col(_FIELDS).str.replace_all(_QUOTE, "", literal=True))
    wide = lines.filter(pl.col(_FIELDS).str.count_matches(separator, literal=True) >= MAX_FIELDS)
    if wide.height:
        raise unreadable(name, f"line {wide[LINE][0]:,} has more than {MAX_FIELDS} fields")
    return lines.with_columns(pl.col(_FIELDS).str.split(separator))


def _split_by_csv(text: str, name: str, separator: str) -> pl.DataFrame:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True, delimiter=separator)
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
        problem = f"from line {last_line + 1:,} its quotation marks do not enclose whole fields: {error}"
        raise unreadable(name, problem, QUOTING) from error
    return pl.DataFrame({LINE: numbers, _FIELDS: fields}, schema={LINE: pl.Int64, _FIELDS: pl.List(pl.String)})
