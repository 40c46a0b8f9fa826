"""Find the records of separated text: usually one per line, but a quoted cell may contain line breaks.

Reading a file in pieces yields the same records as reading it whole, even if its quotes do not match.
"""

from __future__ import annotations

import bisect
import csv
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import overload

import numpy as np
from numpy.typing import NDArray

from core.base.text import count
from core.ingestion.sources.regular_quotes import (
    MAX_RECORD_BYTES,
    MIN_WIDTH_TO_JUDGE,
    RegularRecords,
    regular_records,
)
from core.ingestion.sources.tables import ColumnPositions, FaultCode, LineFault, other_encoding

MAX_RECORD_LINES = 10_000
"""A cell of pretty-printed JSON may have some thousand lines."""
UNMATCHED_QUOTES = LineFault(FaultCode.UNMATCHED_QUOTES)
_ESCAPED_QUOTES, _ESCAPED_QUOTE = LineFault(FaultCode.ESCAPED_QUOTES), b'\\"'
_TOO_LONG = LineFault(FaultCode.TOO_LONG, "16 megabytes")
_LINE_END, _QUOTE = b'\n"'


@dataclass(frozen=True)
class CsvFormat:
    """Format of the records of a file.

    Attributes:
        separator: one character.
        width: number of columns.
        picked: the requested columns.
        encoding: original encoding of the file, for messages; the text here is UTF-8.
    """

    separator: str
    width: int
    picked: ColumnPositions
    encoding: str


class Lines(Sequence[bytes]):
    """The lines of a text, which are cut out when they are needed. A list of them would take many times its memory."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        ends = np.flatnonzero(np.frombuffer(data, np.uint8) == _LINE_END)
        starts = np.concatenate(([0], ends + 1, [len(data) + 1]))
        self._starts = starts.data  # its items are Python's numbers, which are faster than NumPy's

    def __len__(self) -> int:
        return len(self._starts) - 1

    @overload
    def __getitem__(self, at: int) -> bytes: ...
    @overload
    def __getitem__(self, at: slice) -> list[bytes]: ...
    def __getitem__(self, at: int | slice) -> bytes | list[bytes]:
        if isinstance(at, int):
            return self._data[self._starts[at] : self._starts[at + 1] - 1]
        return [self[number] for number in range(*at.indices(len(self)))]

    def start(self, number: int) -> int:
        """Return the position of the first byte of a line."""
        return self._starts[number]

    def next_odd(self, after: int, before: int) -> int | None:
        """Return the first line with an odd number of quotes after and before the given ones; None if there is none."""
        at = bisect.bisect_right(self._odd, after)
        return self._odd[at] if at < len(self._odd) and self._odd[at] < before else None

    @cached_property
    def _odd(self) -> list[int]:
        quotes = np.flatnonzero(np.frombuffer(self._data, np.uint8) == _QUOTE)
        return np.flatnonzero(np.diff(np.searchsorted(quotes, self._starts)) % 2).tolist()

    def text(self, first: int, n_lines: int) -> bytes:
        """Return the text of consecutive lines, without their last line end."""
        return self._data[self._starts[first] : self._starts[first + n_lines] - 1]

    def lengths(self) -> NDArray[np.int64]:
        """Return the number of bytes of each line, with its line end."""
        return np.diff(self._starts)


def complete_records(data: bytes, csv_format: CsvFormat) -> tuple[int, RegularRecords | None]:
    """Return the number of leading bytes that contain complete records only, and the records if they are regular.

    `data` must begin with a record and end with a line end. A last record that is or may be incomplete is excluded.
    Records that all have one line are not returned.
    """
    if b'"' not in data:
        return len(data), None
    odd, may_open = lines_with_odd_quotes(data, csv_format)
    if not odd:
        return len(data), None
    if all(may_open[:-1:2]):  # in regular text, every other of these lines begins a record; the last may be incomplete
        records = regular_records(data, csv_format.separator, csv_format.width, MAX_RECORD_LINES)
        if records is not None:
            return records.end, records
    lines = Lines(data)
    n_complete = n_lines = len(lines) - 1  # nothing follows the last line end
    index = 0
    while index < len(odd):
        first = odd[index]
        second = odd[index + 1] if index + 1 < len(odd) else n_lines
        if second == n_lines and first + MAX_RECORD_LINES > n_lines:
            n_complete = first
            break
        if (
            second - first < MAX_RECORD_LINES
            and second < n_lines
            and may_open[index]
            and parse_record(lines, first, csv_format)[1] > 1
        ):
            index += 1
        index += 1
    return lines.start(n_complete), None


def lines_with_odd_quotes(data: bytes, csv_format: CsvFormat) -> tuple[list[int], list[bool]]:
    """Return the numbers of the lines that can begin or end a record of several lines.

    Returns:
        The numbers, and for each whether the lines up to the next one have enough separators for a row. If not, parsing
        them is a waste of time, and there may be millions.
    """
    text = np.frombuffer(data, np.uint8)
    ends = np.flatnonzero(text == _LINE_END)
    bounds = np.concatenate(([0], ends + 1, [len(text)]))
    starts = bounds[:-1] if bounds[-2] < len(text) else bounds[:-2]
    odd = np.flatnonzero(np.bitwise_xor.reduceat((text == _QUOTE).view(np.uint8), starts))
    if not len(odd):
        return [], []
    separators = np.flatnonzero(text == ord(csv_format.separator))
    next_odd = np.append(odd[1:], odd[-1:])
    n_separators = np.searchsorted(separators, bounds[next_odd + 1]) - np.searchsorted(separators, bounds[odd])
    return odd.tolist(), (n_separators >= csv_format.width - 1).tolist()


def parse_record(lines: Lines, first: int, csv_format: CsvFormat) -> tuple[list[str] | LineFault | None, int]:
    """Parse the record that begins at line number `first` of the lines.

    Returns:
        The fields of the record, its fault, or None if it is blank; and its number of lines.
    """
    line = lines[first]
    if not line.strip():
        return None, 1
    if len(line) > MAX_RECORD_BYTES:
        return _TOO_LONG, 1
    fields = _fields(line, csv_format)
    if fields is None:
        return other_encoding(csv_format.encoding), 1
    if len(fields) != csv_format.width and _ESCAPED_QUOTE in line:  # as Spark, MySQL and Hive write quotes
        fields = _fields(line, csv_format, escape="\\") or fields
    if len(fields) == csv_format.width:  # a quote within an unquoted cell (24" screen) is an ordinary character
        return fields, 1
    if line.count(b'"') % 2:
        record = _quoted_record(lines, first, csv_format)
        fields = _fields(record, csv_format) if record else []
        if fields and len(fields) == csv_format.width:
            return fields, record.count(b"\n") + 1
        fields = []  # if the record is no row, only this line is broken, not the lines after it
    return other_width(len(fields), csv_format.width) if fields else _quote_fault(lines, first), 1


def _quote_fault(lines: Lines, first: int) -> LineFault:
    """Return the fault in the quotes of a line at which no record begins."""
    if _ESCAPED_QUOTE in lines[first]:
        return _ESCAPED_QUOTES
    end = first + MAX_RECORD_LINES
    n_lines = len(lines) - (not lines[-1])  # the last one may be the empty text after the last line end
    is_open = lines[first].count(b'"') % 2 == 1 and end <= n_lines
    is_long = is_open and lines.next_odd(first, end) is None
    return LineFault(FaultCode.LONG_CELL, f"{MAX_RECORD_LINES:,}") if is_long else UNMATCHED_QUOTES


def faults_of_unclosed(lines: Lines, odd: Sequence[int], may_open: Sequence[bool]) -> dict[int, LineFault]:
    """Return line number -> fault, for the lines whose quote cannot begin a record of several lines.

    Args:
        odd, may_open: result of `lines_with_odd_quotes`. Lines beyond ASCII are left out, because they may have another
            fault.
    """
    next_odd = [*odd, len(lines)][1:]
    return {
        line: _quote_fault(lines, line)
        if following - line >= MAX_RECORD_LINES or _ESCAPED_QUOTE in text
        else UNMATCHED_QUOTES  # the same, but at no cost
        for line, following, may in zip(odd, next_odd, may_open, strict=True)
        if not may and (text := lines[line]).isascii()
    }


@lru_cache
def other_width(fields: int, width: int) -> LineFault:
    """Return the fault of a line with so many fields."""
    return LineFault(FaultCode.FIELD_COUNT, f"{count(fields, 'field')}, but the header has {width:,}")


def _quoted_record(lines: Lines, first: int, csv_format: CsvFormat) -> bytes:
    """Return the record that begins at line number `first`, up to the line that closes its quote.

    The result is empty if no line within MAX_RECORD_LINES closes the quote, or if the lines are separate rows.
    """
    last = lines.next_odd(first, first + MAX_RECORD_LINES)
    if last is None:
        return b""
    record = lines[first : last + 1]
    return b"" if sum(map(len, record)) > MAX_RECORD_BYTES or _holds_rows(record, csv_format) else b"\n".join(record)


def _holds_rows(lines: Sequence[bytes], csv_format: CsvFormat) -> bool:
    """Return whether the lines from one stray quote to the next are separate rows rather than one record.

    They are separate if any line between the first and the last is a complete row. They also are if the last line is a
    complete row and the first would be one without its quote. Either of these two conditions alone is not enough,
    because it also holds if the first or the last cell of a record spans several lines.
    """
    if csv_format.width < MIN_WIDTH_TO_JUDGE:
        return False
    first, *between, last = lines
    return any(_is_row(line, csv_format) for line in between) or (
        _is_row(last, csv_format) and _is_row_but_for_a_quote(first, csv_format)
    )


def _is_row(line: bytes, csv_format: CsvFormat) -> bool:
    return (
        line.count(csv_format.separator.encode()) >= csv_format.width - 1
        and len(_fields(line, csv_format) or ()) == csv_format.width
    )


def _is_row_but_for_a_quote(line: bytes, csv_format: CsvFormat) -> bool:
    """Return whether a line that opens a quote would be a row if the quote were an ordinary character."""
    fields = _fields(line + b'"', csv_format) or [""]
    return len(fields) + fields[-1].count(csv_format.separator) == csv_format.width


def _fields(record: bytes, csv_format: CsvFormat, escape: str | None = None) -> list[str] | None:
    """Return the cells of a record; empty if its quotes do not match, None if it is not UTF-8.

    Args:
        escape: character before a quote, or before itself, that is part of a cell; None if quotes are doubled.
    """
    try:
        text = record.decode().removesuffix("\r")
    except UnicodeDecodeError:
        return None
    if '"' not in text:
        return text.split(csv_format.separator)
    try:
        records = list(csv.reader([text], delimiter=csv_format.separator, escapechar=escape, strict=True))
    except csv.Error:
        return []
    return records[0] if len(records) == 1 else []
