"""Parse CSV and other separated text in pieces of bounded size, with exact line numbers.

Polars parses regular pieces. If a piece has line breaks in cells, blank lines, surplus fields or stray quotes, its
numbers of lines, separators and rows disagree. Python's csv module then parses the piece record by record, and each
record becomes a row or a `BrokenLine`. An unclosed quote breaks only its own line, not the rest of the file.
"""

from __future__ import annotations

import codecs
import csv
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import IO

import numpy as np
import polars as pl

from core.errors import InputError
from core.ingestion.sources.csv_records import (
    MAX_RECORD_LINES,
    CsvFormat,
    complete_records_end,
    parse_record,
    quotes_are_regular,
)
from core.ingestion.sources.tables import PIECE_BYTES, Block, BrokenLine, ColumnPositions, LineFault, Piece, Table

SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
"""Supported separators and their names in messages."""
_HEAD_BYTES = 1 << 20  # must contain the header
_JUDGED_LINES = 100
"""Lines after the header that show whether rows end with a separator."""
_MAX_LINE_BYTES = 64 << 20  # records have a few hundred bytes, so a file with a longer line is not a table
_LINE_END = ord("\n")
_CHUNK_BYTES = 1 << 18  # fits into the processor's cache
_MAX_CHARACTERS = 2_000  # of a line that is stored in the quarantine


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
        raise InputError.unreadable(name, "its first line is longer than a megabyte")
    hint = header[4:].rstrip(" ") if header[:4].lower() == "sep=" else ""
    if hint in SEPARATORS:
        separator = separator or hint
        header, more, rest = _first_record(name, rest, encoding)
        line += more - 1
    unquoted = "".join(header.split('"')[::2])
    separator = separator or max(SEPARATORS, key=unquoted.count)
    try:
        columns = next(csv.reader([header], delimiter=separator, strict=True))
    except csv.Error as error:
        reason = "the quotes of its first line do not match" if '"' in header else "its first line names no columns"
        raise InputError.unreadable(name, reason) from error
    columns = _with_trailing_separators(columns, rest, separator)

    def pieces(picked: ColumnPositions) -> Iterator[Piece]:
        chunks = iter(partial(stream.read, PIECE_BYTES), b"")
        with_unix_ends = (_with_unix_ends(chunk, has_mac_ends=has_mac_ends) for chunk in chunks)
        return _pieces(name, with_unix_ends, CsvFormat(separator, len(columns), picked, encoding), rest=rest, line=line)

    return Table(name, columns, pieces)


def _with_trailing_separators(columns: list[str], rest: bytes, separator: str) -> list[str]:
    """Add or drop a nameless last column, if either the rows or the header end with a separator, but not both.

    Args:
        rest: the text after the header, of which the first lines decide. They must agree, because in a single line it
            may be that a cell contains the separator.
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
    line = 1
    while head:
        record, rest = _record_and_rest(head)
        line += record.count(b"\n") + 1
        if record.strip():
            try:
                return record.decode().rstrip("\r"), line, rest
            except UnicodeDecodeError as error:
                raise InputError.other_encoding(name, f"{encoding}, as its first line shows") from error
        head = rest
    raise InputError.empty(name)


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


def _pieces(name: str, chunks: Iterable[bytes], form: CsvFormat, *, rest: bytes, line: int) -> Iterator[Piece]:
    """Cut the text into pieces at ends of records."""
    for chunk in chunks:
        last = chunk.rfind(b"\n") + 1
        if not last and len(rest) + len(chunk) > _MAX_LINE_BYTES:
            raise InputError.unreadable(name, "it has a line of more than 64 megabytes")
        lines = b"".join((rest, memoryview(chunk)[:last]))
        end = complete_records_end(lines, form) if last else 0
        part, rest = lines[:end], lines[end:] + chunk[last:]
        if part:
            ends = _line_ends(part)
            yield Piece(len(part), partial(_parse, part, form, line, ends))
            line += ends
    if rest:
        yield Piece(len(rest), partial(_parse, rest, form, line, _line_ends(rest)))


def _line_ends(data: bytes) -> int:
    """Count line ends, in a quarter of the time of bytes.count and without holding the GIL."""
    view = np.frombuffer(data, np.uint8)
    starts = range(0, len(view), _CHUNK_BYTES)
    return sum(int(np.count_nonzero(view[start : start + _CHUNK_BYTES] == _LINE_END)) for start in starts)


def _parse(data: bytes, form: CsvFormat, first_line: int, line_ends: int) -> Block:
    n_lines = line_ends + (not data.endswith(b"\n"))
    is_regular = b'"' not in data or quotes_are_regular(data, form.separator)
    frame = _parse_fast(data, form, n_lines) if is_regular else None
    if frame is None:
        return _parse_record_by_record(data, form, first_line)
    rows = frame.select(pl.col(f"{position}").alias(name) for name, position in form.picked.items())
    return Block(rows, first_line, lambda positions: _lines_at(data, positions), may_hold_nul=b"\x00" in data)


def _parse_fast(data: bytes, form: CsvFormat, n_lines: int) -> pl.DataFrame | None:
    """Parse all columns, named by position; None if a record may span lines or may have the wrong number of fields."""
    try:
        frame = pl.read_csv(
            data if data.endswith(b"\n") else data + b"\n",  # without a final line end, Polars accepts a surplus field
            has_header=False,
            new_columns=[f"{position}" for position in range(form.width)],
            infer_schema=False,
            separator=form.separator,
        ).rechunk()  # one chunk instead of about ten speeds up every later step
    except pl.exceptions.PolarsError:  # surplus fields, or not UTF-8
        return None
    if frame.height != n_lines:
        return None
    if not frame.get_column(f"{form.width - 1}").null_count():
        return frame
    # An empty last cell may be a missing one. Without quotes, counting separators decides: Polars has already refused
    # rows with too many fields, so the total is right only if no row has too few.
    may_count = form.width > 1 and b'"' not in data
    return frame if may_count and data.count(form.separator.encode()) == n_lines * (form.width - 1) else None


def _lines_at(data: bytes, positions: Sequence[int]) -> list[str]:
    ends = np.flatnonzero(np.frombuffer(data, np.uint8) == _LINE_END)
    bounds = [-1, *ends.tolist(), len(data)]
    return [_stored_text(data[bounds[position] + 1 : bounds[position + 1]]) for position in positions]


def _stored_text(line: bytes) -> str:
    return line.decode("utf-8", errors="replace").rstrip("\r\n")[:_MAX_CHARACTERS]


def _parse_record_by_record(data: bytes, form: CsvFormat, first_line: int) -> Block:
    lines = data.split(b"\n")
    rows: list[list[str]] = []
    row_lines: list[int] = []
    row_texts: list[bytes] = []
    broken: list[BrokenLine] = []
    index = 0
    while index < len(lines):
        fields, n_lines = parse_record(lines, index, form)
        text = b"\n".join(lines[index : index + n_lines])
        if isinstance(fields, LineFault):
            broken.append(BrokenLine(first_line + index, fields, _stored_text(text)))
        elif fields is not None:
            rows.append([fields[position] for position in form.picked.values()])
            row_lines.append(first_line + index)
            row_texts.append(text)
        index += n_lines
    return Block(
        pl.DataFrame(rows, schema=dict.fromkeys(form.picked, pl.String), orient="row"),
        first_line,
        lambda positions: [_stored_text(row_texts[position]) for position in positions],
        np.array(row_lines, np.int64),
        tuple(broken),
        may_hold_nul=b"\x00" in data,
    )
