"""Records of separated text whose quotes are regular: all CSV parsers agree on them, also if cells have line breaks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from core.ingestion.sources.text_lines import LINE_END, stored_text

MAX_RECORD_BYTES = 16 << 20
"""Parsed, a record of separators takes ten times as much memory."""
MIN_WIDTH_TO_JUDGE = 3
"""With at least this many columns, a line of free text rarely has the right number of fields by chance."""
_RETURN, _QUOTE = b'\r"'


@dataclass(frozen=True)
class RegularRecords:
    """The complete records at the beginning of a text, each with the right number of cells.

    Attributes:
        end: number of bytes of all records.
        starts: position of the first byte of each record.
        lines: number of lines before each record.
    """

    end: int
    starts: NDArray[np.int64]
    lines: NDArray[np.int64]

    def texts(self, data: bytes, positions: Sequence[int]) -> list[str]:
        """Return the text of the records at the given positions, as the quarantine stores it."""
        bounds = [*self.starts.tolist(), self.end]
        return [stored_text(data[bounds[position] : bounds[position + 1]]) for position in positions]


def quotes_are_regular(data: bytes, separator: str) -> bool:
    """Return whether all CSV parsers agree on the quotes of a text, which must begin with a record.

    They agree if every quote opens a cell, closes a cell or is doubled within a quoted cell, and all cells are closed.
    """
    text = np.frombuffer(data, np.uint8)
    quotes = np.flatnonzero(text == _QUOTE)
    if not len(quotes):
        return True
    if len(quotes) % 2 or data.count(b"\r") != data.count(b"\r\n"):
        return False
    opening, closing = quotes[::2], quotes[1::2]
    doubled = opening[1:] == closing[:-1] + 1
    before = text[np.maximum(opening - 1, 0)]
    begins = (opening == 0) | (before == LINE_END) | (before == ord(separator))
    begins[1:] |= doubled
    after = text[np.minimum(closing + 1, len(text) - 1)]
    ends = (closing + 1 == len(text)) | (after == LINE_END) | (after == ord(separator)) | (after == _RETURN)
    ends[:-1] |= doubled
    return bool(begins.all() and ends.all())


def regular_records(data: bytes, separator: str, width: int, max_lines: int) -> RegularRecords | None:
    """Return the complete records of a text that begins with a record and ends with a line end.

    None if the quotes are not regular, if a record does not have `width` cells or has more than `max_lines` lines, or
    if a record of several lines may be separate rows between two stray quotes.
    """
    text = np.frombuffer(data, np.uint8)
    line_ends = np.flatnonzero(text == LINE_END)
    quotes = np.flatnonzero(text == _QUOTE)
    n_quotes = np.searchsorted(quotes, line_ends)
    last_lines = np.flatnonzero(n_quotes % 2 == 0)  # of records: their line end is not in a quoted cell
    if width < 2 or not len(last_lines) or b'\\"' in data:
        return None
    end = int(line_ends[last_lines[-1]]) + 1
    line_ends, n_quotes = line_ends[: last_lines[-1] + 1], n_quotes[: last_lines[-1] + 1]
    if not quotes_are_regular(data[:end], separator):
        return None
    separators = np.flatnonzero(text[:end] == ord(separator))
    outer = separators[np.searchsorted(quotes, separators) % 2 == 0]
    n_cells = np.diff(np.searchsorted(outer, line_ends[last_lines]), prepend=0) + 1
    first_lines = np.concatenate(([0], last_lines[:-1] + 1))
    line_starts = np.concatenate(([0], line_ends[:-1] + 1))
    is_long = last_lines - first_lines >= max_lines
    is_long |= line_ends[last_lines] - line_starts[first_lines] > MAX_RECORD_BYTES
    if is_long.any() or (n_cells != width).any() or not _is_utf_8(data):
        return None
    if separator == "\t" and not _have_text(text[:end], np.append(line_starts[first_lines], end)).all():
        return None
    if width >= MIN_WIDTH_TO_JUDGE:
        # As in `csv_records`, but a line that may be a row is enough for a doubt.
        is_row = np.diff(np.searchsorted(separators, line_ends), prepend=0) >= width - 1
        only_closes = (text[line_starts] == _QUOTE) & (np.diff(n_quotes, prepend=0) == 1)
        several = last_lines > first_lines
        first, last = first_lines[several], last_lines[several]
        n_rows = np.concatenate(([0], np.cumsum(is_row)))
        if (n_rows[last] > n_rows[first + 1]).any() or (is_row[first] & is_row[last] & ~only_closes[last]).any():
            return None
    return RegularRecords(end, line_starts[first_lines], first_lines)


class LineKind(IntEnum):
    """How a line can be parsed."""

    OTHER = 0
    """With care: its quotes are not regular, it has another number of cells, it is blank, or it is not UTF-8."""
    REGULAR = 1
    """It is a row by itself, and its quotes are regular."""
    LITERAL = 2
    """It is a row by itself. No cell begins with a quote, so quotes are ordinary characters, as in 24" screen."""


def line_kinds(data: bytes, separator: str, width: int) -> NDArray[np.int8]:
    """Return the `LineKind` of each line. Lines are cut as in `csv_records.Lines`."""
    text = np.frombuffer(data, np.uint8)
    ends = np.append(np.flatnonzero(text == LINE_END), len(text))
    if width < 2 or data.count(separator.encode()) < width - 1 or data.count(b"\r") != data.count(b"\r\n"):
        return np.full(len(ends), LineKind.OTHER, np.int8)
    starts = np.concatenate(([0], ends[:-1] + 1))
    quotes, separators = np.flatnonzero(text == _QUOTE), np.flatnonzero(text == ord(separator))
    first_quotes = np.searchsorted(quotes, starts)
    n_quotes = np.searchsorted(quotes, ends) - first_quotes
    line = np.repeat(np.arange(len(ends)), n_quotes)
    closes = (np.arange(len(quotes)) - first_quotes[line]) % 2 == 1
    doubled = closes[:-1] & (quotes[1:] == quotes[:-1] + 1)
    at_cell_start = (quotes == starts[line]) | (text[np.maximum(quotes - 1, 0)] == ord(separator))
    begins = at_cell_start.copy()
    begins[1:] |= doubled
    after = text[np.minimum(quotes + 1, len(text) - 1)]
    finishes = (quotes + 1 == ends[line]) | (after == ord(separator)) | (after == _RETURN)
    finishes[:-1] |= doubled
    n_odd = np.bincount(line[~np.where(closes, finishes, begins)], minlength=len(ends))
    n_opening = np.bincount(line[at_cell_start], minlength=len(ends))
    line = np.searchsorted(ends, separators)
    outer = (np.searchsorted(quotes, separators) - first_quotes[line]) % 2 == 0
    n_outer = np.bincount(line[outer], minlength=len(ends))
    is_regular = (n_quotes % 2 == 0) & (n_odd == 0) & (n_outer == width - 1)
    is_literal = (n_opening == 0) & (np.bincount(line, minlength=len(ends)) == width - 1)
    kinds = np.where(is_regular, LineKind.REGULAR, np.where(is_literal, LineKind.LITERAL, LineKind.OTHER))
    if separator == "\t":  # a line of blanks is a blank line
        kinds[~_have_text(text, np.append(starts, len(text)))] = LineKind.OTHER
    if not _is_utf_8(data):
        n_beyond_ascii = np.diff(np.searchsorted(np.flatnonzero(text >= 128), np.append(starts, len(text))))
        kinds[n_beyond_ascii > 0] = LineKind.OTHER
    return kinds.astype(np.int8)


def _have_text(text: NDArray[np.uint8], bounds: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return for each part of a text whether it has more than white space and control characters."""
    return np.diff(np.searchsorted(np.flatnonzero(text > ord(" ")), bounds)) > 0


def _is_utf_8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
