"""Read a submission, in whatever form a tool wrote it. Cells are read as text, and no row is lost.

Deviations from a plain CSV file do no harm here: the checks report them, and a repair can write the file again.
"""

from __future__ import annotations

import csv
import gzip
import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import IO, Final, cast

import polars as pl

from core.base.text import count, listed, verb, whole
from core.errors import SourceError
from core.ingestion.sources.encodings import SAMPLE_BYTES, UTF_8, detect_encoding
from core.ingestion.sources.kinds import DAMAGED_ZIP, GZIP, JSON, JSON_LINES, PARQUET, ZIP, kind_of
from core.ingestion.sources.paths import data_members
from core.ingestion.sources.unpacking import Allowance, Unpacked
from core.schema import LINE
from core.submission.parquet_reading import read_parquet
from core.submission.table import COMMA, FileForm, SubmissionTable
from core.submission.unreadable import ENCODING, QUOTING, unreadable

MAX_BYTES: Final = 1 << 29
"""Ten million sessions need about 300 MB. A larger file is not a submission and would fill the memory."""

MAX_FIELDS: Final = 100
"""A submission has 2 fields per line. A file with so many is not a submission and would fill the memory."""

_OTHER_SEPARATORS: Final = (";", "\t", "|")
_BLANK: Final = " "
"""The separator of R's write.table. Ids may have blanks, too, so it counts only if there is no other one."""
_FIELDS: Final = "fields"
_QUOTE: Final = '"'
_MARK: Final = "\ufeff"
_SPLIT_DECIMAL: Final = r"^\s*[+-]?\d+$", r"^\d+(?:[eE][+-]?\d+)?\s*$"
"""The fields before and after a decimal comma."""
_DECLARED_SEPARATOR: Final = r"sep=.\r?\n"
_FRACTION: Final = r"^(?:0\d|\d{4})"
_MOST_SPLIT: Final = 0.5
"""Share of rows with one field too many, above which they have decimal commas. Few such rows are broken."""


def read_submission(path: Path) -> SubmissionTable:
    """Read a file as a submission.

    The file may be Parquet, or text, also gzipped or as the only member of a ZIP archive. Text may be in any encoding,
    and have a byte order mark, any line ends, quoted fields, blank lines, which are skipped, another separator than the
    comma, and row names without a name in the header. Column names and values are checked by `run_checks`.

    Raises:
        InputError: the file is missing, not text, empty or too large, or its lines differ in their number of fields.
            The code of the error is that of the check that fails: readable, encoding or quoting.
    """
    with _opened(path) as (stream, size):
        if kind_of(stream) is PARQUET:
            return read_parquet(stream, path.name, size, MAX_FIELDS)
    content = read_content(path)
    return _read_plain(content, path.name) or _read_text(content, path.name)


def _read_text(content: bytes, name: str) -> SubmissionTable:
    """Read text in any form."""
    text, encoding = _decode(content, name)
    if "\0" in text:
        raise unreadable(name, f"character {text.index(chr(0)) + 1:,} is NUL, so it is not text")
    if declared := re.match(_DECLARED_SEPARATOR, text):  # Excel writes and reads this line
        text = text[declared.end() :]
    separator = _separator(text)
    lines = _split(text, name, separator)
    if lines.is_empty():
        raise unreadable(name, "it is empty")
    header = tuple(lines[_FIELDS][0].to_list())
    rows, split_decimals = _join_decimals(lines[1:], len(header), separator)
    short_header = _is_short(header, rows)
    header = ("", *header) if short_header else header
    uneven = rows.filter(pl.col(_FIELDS).list.len() != len(header))
    if uneven.height:
        examples = [f"line {row[LINE]:,} has {len(row[_FIELDS])}" for row in uneven.head(3).to_dicts()]
        raise unreadable(
            name,
            f"{whole(uneven.height)} of {count(rows.height, 'row')} {verb(uneven.height, 'does', 'do')} not have "
            f"{count(len(header), 'field')} like the header: {listed(examples, total=uneven.height)}",
        )
    columns = [rows[_FIELDS].list.get(index) for index in range(len(header))]
    form = FileForm(encoding, separator, split_decimals, short_header)
    return SubmissionTable.of_columns(name, header, rows[LINE], columns, form)


def read_content(path: Path) -> bytes:
    """Return the bytes of the file, unpacked."""
    with _opened(path) as (stream, size):
        return _unpacked(stream, path.name, size)


@contextmanager
def _opened(path: Path) -> Iterator[tuple[IO[bytes], int]]:
    """Yield the open file and its size.

    Raises:
        InputError: the file is missing or too large; or it cannot be read, or is damaged, which may show in the block.
    """
    if not path.exists():
        raise SourceError.not_found(path)
    if not path.is_file():
        raise unreadable(path.name, "it is not a file")
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise unreadable(path.name, f"it has {size:,} bytes; the maximum is {MAX_BYTES:,}")
    try:
        with path.open("rb") as stream:
            yield stream, size
    except (zlib.error, *DAMAGED_ZIP, EOFError, NotImplementedError) as error:
        raise unreadable(path.name, "its compressed data is damaged or protected by a password") from error
    except OSError as error:
        raise unreadable(path.name, f"the system reports: {error.strerror or error}") from error


def _unpacked(stream: IO[bytes], name: str, size: int) -> bytes:
    kind = kind_of(stream)
    if kind in {PARQUET, JSON, JSON_LINES} or (kind.reason and kind.remedy):
        raise unreadable(name, kind.reason or f"it is a {kind.name} file")
    if kind is GZIP:
        with gzip.open(stream) as packed:
            return _bounded(cast("IO[bytes]", packed), name, size)
    if kind is not ZIP:
        return stream.read()
    with zipfile.ZipFile(stream) as archive:
        sizes = {member.filename: member.file_size for member in archive.infolist() if not member.is_dir()}
        members = data_members(name for name, n_bytes in sizes.items() if n_bytes)
        if len(members) != 1:
            raise unreadable(name, f"its archive has {count(len(members), 'file')} instead of one")
        with archive.open(members[0]) as packed:
            return _bounded(packed, name, size)


def _bounded(packed: IO[bytes], name: str, size: int) -> bytes:
    content = Unpacked(packed, Allowance(name, size)).read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise unreadable(name, f"it unpacks to more than {MAX_BYTES:,} bytes")
    return content


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


def _is_short(header: tuple[str, ...], rows: pl.DataFrame) -> bool:
    """Return whether every row has one field more than the header."""
    return rows.height > 0 and bool((rows[_FIELDS].list.len() == len(header) + 1).all())


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
