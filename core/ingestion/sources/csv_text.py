"""Read CSV and other separated text: parse the header, and cut the rest into pieces of whole records.

`csv_blocks` parses the pieces.
"""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Iterable, Iterator
from functools import partial
from typing import IO

from core.errors import ColumnError, SourceError
from core.ingestion.sources.csv_blocks import parse_block
from core.ingestion.sources.csv_records import MAX_RECORD_LINES, CsvFormat, complete_records
from core.ingestion.sources.quote_blanks import blanks_before_quotes
from core.ingestion.sources.tables import PIECE_BYTES, ColumnPositions, Piece, Table
from core.ingestion.sources.text_lines import MAX_COLUMNS, count_line_ends, require_short_line, with_few_lines

SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
"""Supported separators and their names in messages."""
_HEAD_BYTES = 1 << 20  # must contain the header
_JUDGED_LINES = 100
"""Lines after the header that show whether rows end with a separator."""
_BLANK_LINES = re.compile(rb"(?:[ \t\r\f\v]*+\n)*+")


def open_text(name: str, stream: IO[bytes], separator: str | None, encoding: str = "UTF-8") -> Table:
    """Read the header of a stream of UTF-8 text and return a table that reads the rows.

    Args:
        separator: if None, it is taken from a first line such as `sep=;`, which spreadsheets write. Without such a
            line, it is the comma, semicolon, tab or bar that is most frequent in the header.
        encoding: original encoding of the text, for messages.

    Raises:
        InputError: there is no header, or it cannot be parsed.
    """
    head = stream.read(_HEAD_BYTES)
    has_mac_ends = b"\r" in head and b"\n" not in head
    text = _with_unix_ends(head, has_mac_ends=has_mac_ends).removeprefix(codecs.BOM_UTF8)
    header, line, rest = _first_record(name, text, encoding)
    if not rest and stream.read(1):
        raise SourceError.unreadable(name, "its first line is longer than a megabyte")
    hint = header[4:].rstrip(" ") if header[:4].lower() == "sep=" else ""
    if hint in SEPARATORS:
        separator = separator or hint
        header, more, rest = _first_record(name, rest, encoding)
        line += more - 1
    separator = separator or _most_frequent_separator(header)
    blanks = blanks_before_quotes([header.encode(), *rest.split(b"\n", _JUDGED_LINES)[:_JUDGED_LINES]], separator)
    if blanks is not None:
        header, rest = blanks.sub(b"", header.encode()).decode(), blanks.sub(b"", rest)
    columns = _with_trailing_separators(_column_names(name, header, separator), rest, separator)
    if len(columns) > MAX_COLUMNS:
        raise ColumnError.too_many_columns(name, len(columns), max_columns=MAX_COLUMNS)

    def pieces(picked: ColumnPositions) -> Iterator[Piece]:
        chunks = iter(partial(stream.read, PIECE_BYTES), b"")
        with_unix_ends = (
            part for chunk in chunks for part in with_few_lines(_with_unix_ends(chunk, has_mac_ends=has_mac_ends))
        )
        csv_format = CsvFormat(separator, len(columns), picked, encoding)
        return _pieces(name, with_unix_ends, csv_format, blanks, rest=rest, line=line)

    return Table(name, columns, pieces)


def _most_frequent_separator(header: str) -> str:
    """Return the separator that a header has most often outside of quotes."""
    unquoted = "".join(header.split('"')[::2])
    return max(SEPARATORS, key=unquoted.count)


def _column_names(name: str, header: str, separator: str) -> list[str]:
    try:
        return next(csv.reader([header], delimiter=separator, strict=True))
    except csv.Error as error:
        reason = "the quotes of its first line do not match" if '"' in header else "its first line names no columns"
        raise SourceError.unreadable(name, reason) from error


def _with_trailing_separators(columns: list[str], rest: bytes, separator: str) -> list[str]:
    """Add or drop a nameless last column, if either the rows or the header end with a separator, but not both.

    Args:
        rest: the text after the header. Its first lines must agree, because a cell of a single line may contain the
            separator.
    """
    lines = [line.rstrip(b"\r") for line in rest.split(b"\n", _JUDGED_LINES)[:_JUDGED_LINES] if line.strip()]
    widths = {line.count(separator.encode()) + 1 for line in lines if b'"' not in line}
    ends = {line.endswith(separator.encode()) for line in lines}
    if len(columns) > 1 and widths == {len(columns) + 1} and ends == {True}:
        return [*columns, ""]
    if len(columns) > 2 and widths == {len(columns) - 1} and not columns[-1].strip():
        return columns[:-1]
    return columns


def _first_record(name: str, head: bytes, encoding: str) -> tuple[str, int, bytes]:
    """Return the header (the first record that is not blank), the next line number, and the remaining bytes."""
    blank_lines = _BLANK_LINES.match(head)
    n_blank = blank_lines[0].count(b"\n") if blank_lines else 0
    record, rest = _record_and_rest(head[blank_lines.end() if blank_lines else 0 :])
    if not record.strip():
        raise SourceError.empty(name)
    try:
        return record.decode().rstrip("\r"), n_blank + record.count(b"\n") + 2, rest
    except UnicodeDecodeError as error:
        raise SourceError.other_encoding(name, f"{encoding}, as its first line shows") from error


def _record_and_rest(head: bytes) -> tuple[bytes, bytes]:
    """Return the first record and the bytes after it. A record spans several lines only if its quotes are closed."""
    lines = head.split(b"\n", MAX_RECORD_LINES)
    n_quotes = 0
    for end, line in enumerate(lines[:MAX_RECORD_LINES], start=1):
        n_quotes += line.count(b'"')
        if n_quotes % 2 == 0:
            return b"\n".join(lines[:end]), b"\n".join(lines[end:])
    record, _, rest = head.partition(b"\n")
    return record, rest


def _with_unix_ends(data: bytes, *, has_mac_ends: bool) -> bytes:
    """Replace the line ends of old Macs, which are single carriage returns."""
    return data.replace(b"\r", b"\n") if has_mac_ends else data


def _pieces(
    name: str,
    chunks: Iterable[bytes],
    csv_format: CsvFormat,
    blanks: re.Pattern[bytes] | None,
    *,
    rest: bytes,
    line: int,
) -> Iterator[Piece]:
    """Remove blanks, and cut the text into pieces at ends of records."""
    for chunk in chunks:
        last = chunk.rfind(b"\n") + 1
        if not last:
            require_short_line(name, len(rest) + len(chunk))
        lines = b"".join((rest, memoryview(chunk)[:last]))
        if blanks is not None:
            lines = blanks.sub(b"", lines)
        end, records = complete_records(lines, csv_format) if last else (0, None)
        part, rest = lines[:end], lines[end:] + chunk[last:]
        if part.isspace():  # there may be millions of blank lines
            line += count_line_ends(part)
        elif part:
            ends = count_line_ends(part)
            yield Piece(len(part), partial(parse_block, part, csv_format, line, ends, records))
            line += ends
    if rest:
        rest = rest if blanks is None else blanks.sub(b"", rest)
        yield Piece(len(rest), partial(parse_block, rest, csv_format, line, count_line_ends(rest)))
