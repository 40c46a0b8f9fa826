"""Parse CSV and other separated text in pieces of bounded size, with exact line numbers.

Polars parses a regular piece. If the numbers of lines, separators and rows disagree, Python's csv module parses the
piece again, record by record. Reasons are line breaks in cells, blank lines, surplus fields and stray quotes. Each
record then is a row or a `BrokenLine`. An unclosed quote breaks only its own line, not the rest of the file.
"""

from __future__ import annotations

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
from core.ingestion.sources.tables import PIECE_BYTES, Block, BrokenLine, ColumnPositions, LineFault, OpenTable, Piece

SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
"""Supported separators and their names in messages."""
_HEAD_BYTES = 1 << 20
"""Bytes that must contain the header."""
_LONGEST_LINE = 64 << 20  # bytes; records have a few hundred, so a longer line means that this is not a table
_LINE_END = ord("\n")
_COUNTED_AT_ONCE = 1 << 18  # bytes; fits into the processor's cache
_SHOWN = 2_000  # characters of a broken line that are stored


def open_text(name: str, stream: IO[bytes], separator: str | None, encoding: str = "UTF-8") -> OpenTable:
    """Read the header of a stream of UTF-8 text and return a table that reads the rows.

    Without `separator`, it is taken from a first line such as `sep=;` (written by spreadsheets), or else it is
    the comma, semicolon, tab or bar that is most frequent in the header. `encoding` is for
    messages.

    Raises:
        InputError: there is no header, or it cannot be parsed.
    """
    head = stream.read(_HEAD_BYTES)
    old = b"\r" in head and b"\n" not in head
    header, line, rest = _first_record(name, _unix_line_ends(head, old=old).removeprefix(b"\xef\xbb\xbf"), encoding)
    if not rest and stream.read(1):
        raise InputError.unreadable(name, "its first line is longer than a megabyte")
    hint = header[4:].rstrip(" ") if header[:4].lower() == "sep=" else ""
    if hint in SEPARATORS:
        separator = separator or hint
        header, more, rest = _first_record(name, rest, encoding)
        line += more - 1
    mark = separator or max(SEPARATORS, key=_outside_quotes(header).count)
    try:
        columns = next(csv.reader([header], delimiter=mark, strict=True))
    except csv.Error as error:
        reason = "the quotes of its first line do not match" if '"' in header else "its first line names no columns"
        raise InputError.unreadable(name, reason) from error

    def read(picked: ColumnPositions) -> Iterator[Piece]:
        chunks = (_unix_line_ends(chunk, old=old) for chunk in iter(partial(stream.read, PIECE_BYTES), b""))
        return _pieces(name, chunks, CsvFormat(mark, len(columns), picked, encoding), rest=rest, line=line)

    return OpenTable(name, columns, read)


def _first_record(name: str, head: bytes, encoding: str) -> tuple[str, int, bytes]:
    """Return the header (the first non-blank record), the next line number, and the remaining bytes."""
    line = 1
    while head:
        record, _, rest = _record_and_rest(head)
        line += record.count(b"\n") + 1
        if record.strip():
            try:
                return record.decode().rstrip("\r"), line, rest
            except UnicodeDecodeError as error:
                raise InputError.other_encoding(name, f"{encoding}, as its first line shows") from error
        head = rest
    raise InputError.empty(name)


def _record_and_rest(head: bytes) -> tuple[bytes, bytes, bytes]:
    """Split off the first record, like bytes.partition. It may span lines unless its quote never closes."""
    lines = head.split(b"\n", MAX_RECORD_LINES)
    quotes = 0
    for place, line in enumerate(lines[:MAX_RECORD_LINES]):
        quotes += line.count(b'"')
        if quotes % 2 == 0:
            return b"\n".join(lines[: place + 1]), b"\n", b"\n".join(lines[place + 1 :])
    return head.partition(b"\n")


def _outside_quotes(header: str) -> str:
    return "".join(header.split('"')[::2])


def _unix_line_ends(data: bytes, *, old: bool) -> bytes:
    """Replace the line ends of old Macs (a lone carriage return)."""
    return data.replace(b"\r", b"\n") if old else data


def _pieces(name: str, chunks: Iterable[bytes], form: CsvFormat, *, rest: bytes, line: int) -> Iterator[Piece]:
    """Cut the text into pieces at ends of records."""
    for chunk in chunks:
        last = chunk.rfind(b"\n") + 1
        if not last and len(rest) + len(chunk) > _LONGEST_LINE:
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
    parts = (view[begin : begin + _COUNTED_AT_ONCE] for begin in range(0, len(view), _COUNTED_AT_ONCE))
    return sum(int(np.count_nonzero(part == _LINE_END)) for part in parts)


def _parse(data: bytes, form: CsvFormat, first_line: int, line_ends: int) -> Block:
    lines = line_ends + (not data.endswith(b"\n"))
    plain = b'"' not in data or quotes_are_regular(data, form.mark)
    frame = _parse_fast(data, form, lines) if plain else None
    if frame is None:
        return _parse_record_by_record(data, form, first_line)
    rows = frame.select(pl.col(f"{place}").alias(name) for name, place in form.picked.items())
    return Block(rows, first_line, lambda places: _lines_at(data, places), may_hold_nul=b"\x00" in data)


def _parse_fast(data: bytes, form: CsvFormat, lines: int) -> pl.DataFrame | None:
    """Parse all columns, named by position; None if a record may span lines or a row may have the wrong length."""
    try:
        frame = pl.read_csv(
            data if data.endswith(b"\n") else data + b"\n",  # without a final line end, Polars accepts a surplus field
            has_header=False,
            new_columns=[f"{place}" for place in range(form.width)],
            infer_schema=False,
            separator=form.mark,
        ).rechunk()  # one chunk instead of about ten speeds up every later step
    except pl.exceptions.PolarsError:  # surplus fields, or not UTF-8
        return None
    if frame.height != lines:
        return None
    # An empty last cell may be a missing one. Without quotes, counting separators decides: Polars has already refused
    # rows with too many fields, so the total is right only if no row has too few.
    if frame.get_column(f"{form.width - 1}").null_count() and (
        form.width == 1 or b'"' in data or data.count(form.mark.encode()) != lines * (form.width - 1)
    ):
        return None
    return frame


def _lines_at(data: bytes, places: Sequence[int]) -> list[str]:
    ends = np.flatnonzero(np.frombuffer(data, np.uint8) == _LINE_END)
    texts = []
    for place in places:
        begin = int(ends[place - 1]) + 1 if place else 0
        end = int(ends[place]) if place < len(ends) else len(data)
        texts.append(_shown(data[begin:end]))
    return texts


def _shown(line: bytes) -> str:
    return line.decode("utf-8", errors="replace").rstrip("\r\n")[:_SHOWN]


def _parse_record_by_record(data: bytes, form: CsvFormat, first_line: int) -> Block:
    physical = data.split(b"\n")
    rows: list[list[str]] = []
    lines: list[int] = []
    texts: list[bytes] = []
    broken: list[BrokenLine] = []
    place = 0
    while place < len(physical):
        fields, used = parse_record(physical, place, form)
        raw = b"\n".join(physical[place : place + used])
        if isinstance(fields, LineFault):
            broken.append(BrokenLine(first_line + place, fields, _shown(raw)))
        elif fields is not None:
            rows.append([fields[column] for column in form.picked.values()])
            lines.append(first_line + place)
            texts.append(raw)
        place += used
    columns = zip(*rows, strict=True) if rows else [()] * len(form.picked)
    frame = pl.DataFrame(
        dict(zip(form.picked, map(list, columns), strict=True)), schema=dict.fromkeys(form.picked, pl.String)
    )
    return Block(
        frame,
        first_line,
        lambda places: [_shown(texts[place]) for place in places],
        np.array(lines, np.int64),
        tuple(broken),
        may_hold_nul=b"\x00" in data,
    )
