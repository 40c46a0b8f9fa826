"""Parse a piece of CSV or other separated text into a block of rows, with exact line numbers.

Polars parses regular pieces. If a piece has line breaks in cells, blank lines, surplus fields or stray quotes, its
numbers of lines, separators and rows disagree. Python's csv module then parses the piece record by record, and each
record becomes a row or a `BrokenLine`. An unclosed quote breaks only its own line, not the rest of the file.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import polars as pl
from numpy.typing import NDArray

from core.ingestion.sources.csv_records import (
    CsvFormat,
    Lines,
    faults_of_unclosed,
    lines_with_odd_quotes,
    other_width,
    parse_record,
)
from core.ingestion.sources.regular_quotes import LineKind, RegularRecords, line_kinds, quotes_are_regular
from core.ingestion.sources.tables import Block, BrokenLine, LineFault
from core.ingestion.sources.text_lines import LINE_END, lines_at, stored_text

_BLANKS = np.isin(np.arange(256), np.frombuffer(b" \t\n\r\v\f", np.uint8))
"""Which bytes are white space."""


def parse_block(
    data: bytes, csv_format: CsvFormat, first_line: int, line_ends: int, records: RegularRecords | None = None
) -> Block:
    """Parse a piece.

    Args:
        records: its records, if they are regular and some have several lines.
    """
    if records is not None:
        frame = _parse_fast(data, csv_format, len(records.lines), has_right_widths=True)
        if frame is not None:
            text_of = partial(records.texts, data)
            lines = first_line + records.lines
            return Block(_picked(frame, csv_format), first_line, text_of, lines, may_hold_nul=b"\x00" in data)
    n_lines = line_ends + (not data.endswith(b"\n"))
    is_regular = b'"' not in data or quotes_are_regular(data, csv_format.separator)
    frame = _parse_fast(data, csv_format, n_lines) if is_regular else None
    if frame is None:
        block = _parse_without_odd_lines(data, csv_format, first_line) if b'"' not in data else None
        return block or _parse_line_by_line(data, csv_format, first_line)
    rows = _picked(frame, csv_format)
    return Block(rows, first_line, lambda positions: lines_at(data, positions), may_hold_nul=b"\x00" in data)


def _parse_fast(
    data: bytes, csv_format: CsvFormat, n_records: int, *, has_right_widths: bool = False, has_quotes: bool = True
) -> pl.DataFrame | None:
    """Parse all columns, named by position; None if the number of records or of their fields may be wrong."""
    try:
        frame = pl.read_csv(
            data if data.endswith(b"\n") else data + b"\n",  # without a final line end, Polars accepts a surplus field
            has_header=False,
            new_columns=[f"{position}" for position in range(csv_format.width)],
            infer_schema=False,
            separator=csv_format.separator,
            quote_char='"' if has_quotes else None,
        ).rechunk()  # one chunk instead of about ten speeds up every later step
    except pl.exceptions.PolarsError:  # surplus fields, or not UTF-8
        return None
    if frame.height != n_records:
        return None
    if has_right_widths or not frame.get_column(f"{csv_format.width - 1}").null_count():
        return frame
    # An empty last cell may be a missing one. Without quotes, counting separators decides: Polars has already refused
    # rows with too many fields, so the total is right only if no row has too few.
    may_count = csv_format.width > 1 and b'"' not in data
    return (
        frame if may_count and data.count(csv_format.separator.encode()) == n_records * (csv_format.width - 1) else None
    )


def _picked(frame: pl.DataFrame, csv_format: CsvFormat) -> pl.DataFrame:
    return frame.select(pl.col(f"{position}").alias(name) for name, position in csv_format.picked.items())


def _parse_without_odd_lines(data: bytes, csv_format: CsvFormat, first_line: int) -> Block | None:
    """Parse text without quotes, in which each line is a record: leave out blank lines and those of other widths.

    None if it is not UTF-8, or if its other lines cannot be parsed together. This is many times faster than parsing
    line by line.
    """
    try:
        data.decode()
    except UnicodeDecodeError:
        return None
    text = np.frombuffer(data, np.uint8)
    ends = np.flatnonzero(text == LINE_END)
    if not data.endswith(b"\n"):
        ends = np.append(ends, len(data))
    starts = np.concatenate(([0], ends[:-1] + 1))
    bounds = np.append(starts, len(data))
    widths = np.diff(np.searchsorted(np.flatnonzero(text == ord(csv_format.separator)), bounds)) + 1
    is_blank = np.diff(np.searchsorted(np.flatnonzero(~_BLANKS[text]), bounds)) == 0
    is_row = ~is_blank & (widths == csv_format.width)
    rows = text[np.repeat(is_row, np.diff(bounds))].tobytes()
    row_lines = np.flatnonzero(is_row)
    frame = _parse_fast(rows, csv_format, len(row_lines)) if rows else _no_rows(csv_format)
    if frame is None:
        return None
    broken_lines = np.flatnonzero(~is_blank & ~is_row)
    columns = (numbers[broken_lines].tolist() for numbers in (widths, starts, ends))
    broken = tuple(
        BrokenLine(first_line + line, other_width(n_fields, csv_format.width), stored_text(data[start:end]))
        for line, n_fields, start, end in zip(broken_lines.tolist(), *columns, strict=True)
    )
    return Block(
        _picked(frame, csv_format),
        first_line,
        lambda positions: lines_at(rows, positions),
        first_line + row_lines,
        broken,
        may_hold_nul=b"\x00" in data,
    )


def _no_rows(csv_format: CsvFormat) -> pl.DataFrame:
    return pl.DataFrame(schema={f"{position}": pl.String for position in range(csv_format.width)})


def _parse_line_by_line(
    data: bytes, csv_format: CsvFormat, first_line: int, kinds: NDArray[np.int8] | None = None
) -> Block:
    """Parse text in which some lines need care. The others are parsed together, which is many times faster.

    Args:
        kinds: how each line is parsed; by default, see `line_kinds`.
    """
    lines = Lines(data)
    kinds = line_kinds(data, csv_format.separator, csv_format.width) if kinds is None else kinds
    careful = _parse_carefully(data, lines, csv_format, kinds)
    frames, spans = [careful.frame], careful.spans
    kinds[careful.lines] = LineKind.OTHER
    for kind in (LineKind.REGULAR, LineKind.LITERAL):
        numbers = np.flatnonzero(kinds == kind).tolist()
        if not numbers:
            continue
        text = np.frombuffer(data + b"\n", np.uint8)[np.repeat(kinds == kind, lines.lengths())].tobytes()
        has_quotes = kind is LineKind.REGULAR
        frame = _parse_fast(text, csv_format, len(numbers), has_right_widths=True, has_quotes=has_quotes)
        if frame is None:
            return _parse_line_by_line(data, csv_format, first_line, np.zeros_like(kinds))
        frames.append(_picked(frame, csv_format))
        spans += [(number, 1) for number in numbers]
    order = sorted(range(len(spans)), key=spans.__getitem__)
    spans.sort()
    return Block(
        pl.concat(frames)[order].rechunk(),
        first_line,
        lambda positions: [stored_text(lines.text(*spans[position])) for position in positions],
        np.array([first_line + line for line, _ in spans], np.int64),
        tuple(BrokenLine(first_line + line, fault, text) for line, fault, text in careful.broken),
        may_hold_nul=b"\x00" in data,
    )


@dataclass(frozen=True)
class _CarefulRows:
    """The records that were parsed one by one. Lines are counted from 0.

    Attributes:
        frame: one row per record.
        spans: first line and number of lines of each row.
        lines: all lines of records, also of broken ones.
        broken: line, fault and stored text of each broken record.
    """

    frame: pl.DataFrame
    spans: list[tuple[int, int]]
    lines: list[int]
    broken: list[tuple[int, LineFault, str]]


def _parse_carefully(data: bytes, lines: Lines, csv_format: CsvFormat, kinds: NDArray[np.int8]) -> _CarefulRows:
    """Parse the records that begin in lines of the kind OTHER. They may reach into lines of other kinds."""
    rows: list[list[str]] = []
    careful = _CarefulRows(pl.DataFrame(), [], [], [])
    odd, may_open = lines_with_odd_quotes(data, csv_format)
    unclosed = faults_of_unclosed(lines, odd, may_open)
    next_line = 0
    is_careful = (lines.lengths() > 1) & (kinds == LineKind.OTHER)  # without blank lines, which may be millions
    for index in np.flatnonzero(is_careful).tolist():
        if index < next_line:
            continue
        if index in unclosed:
            careful.broken.append((index, unclosed[index], stored_text(lines[index])))
            continue
        fields, n_lines = parse_record(lines, index, csv_format)
        next_line = index + n_lines
        careful.lines.extend(range(index, next_line))
        if isinstance(fields, LineFault):
            careful.broken.append((index, fields, stored_text(lines.text(index, n_lines))))
        elif fields is not None:
            rows.append([fields[position] for position in csv_format.picked.values()])
            careful.spans.append((index, n_lines))
    frame = pl.DataFrame(rows, schema=dict.fromkeys(csv_format.picked, pl.String), orient="row")
    return replace(careful, frame=frame)
