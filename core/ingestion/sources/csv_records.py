"""Find the records of separated text: usually one per line, but a quoted cell may contain line breaks.

Reading a file in pieces yields the same records as reading it whole, even if its quotes do not match.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from core.base.text import count
from core.ingestion.sources.tables import ColumnPositions, FaultCode, LineFault

MAX_RECORD_LINES = 100
"""Longest record, in lines; even long reviews in a cell have fewer."""
_MIN_WIDTH_TO_JUDGE = 3
"""From this number of columns on, a line of free text rarely has the right number of fields by chance."""
_UNMATCHED_QUOTES = LineFault(FaultCode.UNMATCHED_QUOTES)
_LINE_END, _RETURN, _QUOTE = b'\n\r"'


@dataclass(frozen=True)
class CsvFormat:
    """How records are written.

    Attributes:
        mark: the separator.
        width: number of columns.
        picked: the requested columns.
        encoding: original encoding of the file, for messages; the text here is UTF-8.
    """

    mark: str
    width: int
    picked: ColumnPositions
    encoding: str


def quotes_are_regular(data: bytes, mark: str) -> bool:
    """Return whether every quote opens or closes a cell or is doubled within a quoted cell, and all are closed.

    Then all CSV parsers agree on the text. `data` must begin with a record.
    """
    text = np.frombuffer(data, np.uint8)
    quotes = np.flatnonzero(text == _QUOTE)
    if not len(quotes):
        return True
    if len(quotes) % 2 or data.count(b"\r") != data.count(b"\r\n"):
        return False
    edges = np.array([_LINE_END, ord(mark)], np.uint8)
    opening, closing = quotes[::2], quotes[1::2]
    doubled = opening[1:] == closing[:-1] + 1
    before = text[np.maximum(opening - 1, 0)]
    begins = (opening == 0) | (before == edges[0]) | (before == edges[1])
    begins[1:] |= doubled
    after = text[np.minimum(closing + 1, len(text) - 1)]
    ends = (closing + 1 == len(text)) | (after == edges[0]) | (after == edges[1]) | (after == _RETURN)
    ends[:-1] |= doubled
    return bool(begins.all() and ends.all())


def complete_records_end(data: bytes, form: CsvFormat) -> int:
    """Return the number of leading bytes that contain complete records only.

    `data` must begin with a record and end with a line end. A last record that is or may be incomplete is excluded.
    """
    if b'"' not in data:
        return len(data)
    lines = data.split(b"\n")[:-1]
    odd = [place for place, line in enumerate(lines) if line.count(b'"') % 2]
    undecided = _undecided(lines, odd, form)
    return sum(map(len, lines[:undecided])) + undecided


def _undecided(lines: Sequence[bytes], odd: Sequence[int], form: CsvFormat) -> int:
    """Return the line at which an incomplete record begins; the number of lines if there is none.

    `odd`: lines with an odd number of quotes; only these can begin or end a record of several lines.
    """
    place = 0
    while place < len(odd):
        first = odd[place]
        second = odd[place + 1] if place + 1 < len(odd) else len(lines)
        if second == len(lines) and first + MAX_RECORD_LINES > len(lines):
            return first
        if second - first < MAX_RECORD_LINES and second < len(lines) and parse_record(lines, first, form)[1] > 1:
            place += 1
        place += 1
    return len(lines)


def parse_record(lines: Sequence[bytes], place: int, form: CsvFormat) -> tuple[list[str] | LineFault | None, int]:
    """Parse the record at a line.

    Returns:
        Its fields, or its fault, or None if it is blank; and its number of lines.
    """
    line = lines[place]
    if not line.strip():
        return None, 1
    fields = _fields(line, form)
    if fields is None:
        return LineFault(FaultCode.OTHER_ENCODING, form.encoding), 1
    if len(fields) == form.width:  # a quote within an unquoted cell (24" screen) is an ordinary character
        return fields, 1
    if line.count(b'"') % 2:
        record = _closed(lines, place, form)
        fields = _fields(record, form) if record else []
        # Otherwise only this line is broken, not the ones after it.
        return (fields, record.count(b"\n") + 1) if fields and len(fields) == form.width else (_UNMATCHED_QUOTES, 1)
    if not fields:
        return _UNMATCHED_QUOTES, 1
    return LineFault(FaultCode.FIELD_COUNT, f"{count(len(fields), 'field')}, the header has {form.width:,}"), 1


def _closed(lines: Sequence[bytes], place: int, form: CsvFormat) -> bytes:
    """Return the lines from this one, which opens a quote, to the one that closes it; empty if none does."""
    for end in range(place + 1, min(place + MAX_RECORD_LINES, len(lines))):
        if lines[end].count(b'"') % 2:
            return b"" if _holds_rows(lines[place : end + 1], form) else b"\n".join(lines[place : end + 1])
    return b""


def _holds_rows(lines: Sequence[bytes], form: CsvFormat) -> bool:
    """Return whether the lines between two stray quotes are separate rows rather than one quoted cell.

    This is so if a line between them is a row by itself. It is also so if the last line is a row and the first would be
    one without its quote: either alone also occurs when a cell of several lines is the first or last of its row.
    """
    if form.width < _MIN_WIDTH_TO_JUDGE:
        return False
    first, *between, last = lines
    return any(_is_row(line, form) for line in between) or (
        _is_row(last, form) and _is_row_but_for_a_quote(first, form)
    )


def _is_row(line: bytes, form: CsvFormat) -> bool:
    return line.count(form.mark.encode()) >= form.width - 1 and len(_fields(line, form) or ()) == form.width


def _is_row_but_for_a_quote(line: bytes, form: CsvFormat) -> bool:
    """Return whether a line that opens a quote would be a row if the quote were an ordinary character."""
    fields = _fields(line + b'"', form) or [""]
    return len(fields) + fields[-1].count(form.mark) == form.width


def _fields(record: bytes, form: CsvFormat) -> list[str] | None:
    """Return the cells of a record; empty if its quotes do not match, None if it is not UTF-8."""
    try:
        text = record.decode().removesuffix("\r")
    except UnicodeDecodeError:
        return None
    if '"' not in text:
        return text.split(form.mark)
    try:
        records = list(csv.reader([text], delimiter=form.mark, strict=True))
    except csv.Error:
        return []
    return records[0] if len(records) == 1 else []
