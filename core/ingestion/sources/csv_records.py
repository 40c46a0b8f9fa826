"""Tells where the records of separated text begin and end: usually each is a line, but a quoted cell may have several.

Whoever reads a file piece by piece gets the same records as who reads it whole, also where its quotes do not match.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from core.ingestion.sources.tables import ColumnPositions

NOT_IN_ENCODING = "its text is not"
"""A reason's beginning; the encoding follows."""
MAX_RECORD_LINES = 100
"""Lines of one record: the longest review a person would put into a cell has fewer."""
_TELLING = 3
"""Cells of a row from which on a line within a cell hardly has as many by chance."""
_QUOTES = "its quotes do not match"
_LINE_END, _RETURN, _QUOTE = b'\n\r"'


@dataclass(frozen=True)
class CsvFormat:
    """How records are written: the separator, the number of cells, which of them are asked for by what name, and what
    encoding the file is said to have (here, all text is UTF-8 already).
    """

    mark: str
    width: int
    picked: ColumnPositions
    encoding: str


def quotes_are_regular(data: bytes, mark: str) -> bool:
    """Whether every quote opens or closes a cell, or is one of two within a quoted cell, and all that open close.

    Then every program reads the same out of the text. `data` must begin with a record.
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
    """How many bytes of whole lines hold whole records only; `data` must begin with a record and end with a line.

    A record may be open at its end, or look as if it were; it is cut off there.
    """
    if b'"' not in data:
        return len(data)
    lines = data.split(b"\n")[:-1]
    odd = [place for place, line in enumerate(lines) if line.count(b'"') % 2]
    undecided = _undecided(lines, odd, form)
    return sum(map(len, lines[:undecided])) + undecided


def _undecided(lines: Sequence[bytes], odd: Sequence[int], form: CsvFormat) -> int:
    """The line at which a record begins that only the lines after these can end; the number of lines where none does.

    `odd` are the lines with an odd number of quotes: only these can begin a record of several lines, or end it.
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


def parse_record(lines: Sequence[bytes], place: int, form: CsvFormat) -> tuple[list[str] | str | None, int]:
    """The record that begins at a line: its fields, or why it has none, or None for a blank line; and its lines."""
    line = lines[place]
    if not line.strip():
        return None, 1
    fields = _fields(line, form)
    if fields is None:
        return f"{NOT_IN_ENCODING} {form.encoding}", 1
    if len(fields) == form.width:  # a quote within an unquoted cell, as in a 24" screen, is a character like others
        return fields, 1
    if line.count(b'"') % 2:
        record = _closed(lines, place, form)
        fields = _fields(record, form) if record else []
        # Where that is none, the line alone is at fault, not those after it.
        return (fields, record.count(b"\n") + 1) if fields and len(fields) == form.width else (_QUOTES, 1)
    if not fields:
        return _QUOTES, 1
    return f"it has {len(fields):,} {'field' if len(fields) == 1 else 'fields'}, the header has {form.width:,}", 1


def _closed(lines: Sequence[bytes], place: int, form: CsvFormat) -> bytes:
    """The lines from this one, which opens a quote, to the one that closes it; nothing where none near does."""
    for end in range(place + 1, min(place + MAX_RECORD_LINES, len(lines))):
        if lines[end].count(b'"') % 2:
            return b"" if _holds_rows(lines[place : end + 1], form) else b"\n".join(lines[place : end + 1])
    return b""


def _holds_rows(lines: Sequence[bytes], form: CsvFormat) -> bool:
    """Whether lines from an opening quote to a closing one are rows each, between two quotes that mean something else.

    So it is where a line between them is a row by itself. The last line also is one where a cell of several lines is
    the first of its row, as the first line looks like one where it is the last: both together are two rows.
    """
    if form.width < _TELLING:
        return False
    first, *between, last = lines
    return any(_is_row(line, form) for line in between) or (
        _is_row(last, form) and _is_row_but_for_a_quote(first, form)
    )


def _is_row(line: bytes, form: CsvFormat) -> bool:
    return line.count(form.mark.encode()) >= form.width - 1 and len(_fields(line, form) or ()) == form.width


def _is_row_but_for_a_quote(line: bytes, form: CsvFormat) -> bool:
    """Whether a line that opens a quote would be a row if that were a character like others."""
    fields = _fields(line + b'"', form) or [""]
    return len(fields) + fields[-1].count(form.mark) == form.width


def _fields(record: bytes, form: CsvFormat) -> list[str] | None:
    """The cells of a record; no cells where quotes do not match, None where it is no text."""
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
