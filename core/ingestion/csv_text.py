"""Reads separated text (CSV and its kin) record by record, with true line numbers, in pieces of bounded size.

A piece without trouble is parsed by Polars. Where the counts of lines, separators and rows do not agree (a cell with a
line break, a blank line, a row with too many fields, a stray quote), the piece is read once more with care, by Python's
csv module: every record is then either a row or is named with its line, its reason and its text. No record can swallow
the rest of the file: a quote that is opened and not closed costs its own line only.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import IO

import numpy as np
import polars as pl

from core.errors import InputError
from core.ingestion.block import PIECE_BYTES, Block, Broken, OpenTable, Picked, Piece

SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
"""The separators we know, and what they are called."""
_LONGEST_RECORD = 1 << 20
"""Bytes; a record is a few hundred. What is longer is an unclosed quote, or no text with line ends."""
_HEAD_BYTES = 1 << 20
"""What is read to find the header."""
_MOST_LINES = 100
"""Lines of one record: the longest review a person would put into a cell has fewer."""
_SHOWN = 2_000  # characters of a broken line that are kept
_QUOTES = "its quotes do not match"


@dataclass(frozen=True)
class _Form:
    """How records are written: the separator, the number of cells, and which of them are asked for by what name."""

    mark: str
    width: int
    picked: Picked


def open_text(name: str, stream: IO[bytes], separator: str | None) -> OpenTable:
    """Read the header of a stream of UTF-8 text; the table reads on from there.

    A first line `sep=;`, as spreadsheets write it, is obeyed. Without `separator` the header tells it: of commas,
    semicolons, tabs and bars the one that it has most of.

    Raises:
        InputError: nothing in it, or a header that is no line of text.
    """
    head = _without_old_line_ends(stream.read(_HEAD_BYTES)).removeprefix(b"\xef\xbb\xbf")
    header, line, rest = _first_record(name, head)
    if header.lower().startswith("sep=") and len(header.strip()) == len("sep=;"):
        separator = separator or header.strip()[-1]
        header, more, rest = _first_record(name, rest)
        line += more
    mark = separator or max(SEPARATORS, key=_outside_quotes(header).count)
    columns = next(csv.reader([header], delimiter=mark))
    if not rest.strip():
        raise InputError.empty(name)
    return OpenTable(
        name, columns, lambda picked: _pieces(name, stream, _Form(mark, len(columns), picked), rest=rest, line=line)
    )


def _first_record(name: str, head: bytes) -> tuple[str, int, bytes]:
    """The header (the first record that is not blank), the line after it, and the bytes after it."""
    line = 1
    while head:
        record, _, rest = head.partition(b"\n")
        while record.count(b'"') % 2 and rest and len(record) < _LONGEST_RECORD:  # a header may have line breaks, too
            more, _, rest = rest.partition(b"\n")
            record += b"\n" + more
        if len(record) > _LONGEST_RECORD:
            raise InputError.unreadable(name, "its first line is longer than a megabyte")
        line += record.count(b"\n") + 1
        if record.strip():
            try:
                return record.decode().rstrip("\r"), line, rest
            except UnicodeDecodeError as error:
                raise InputError.unreadable(name, "its first line is not UTF-8 text") from error
        head = rest
    raise InputError.empty(name)


def _outside_quotes(header: str) -> str:
    return "".join(header.split('"')[::2])


def _without_old_line_ends(data: bytes) -> bytes:
    """Line ends of old Macs (a lone carriage return) become ours."""
    return data.replace(b"\r", b"\n") if b"\r" in data and b"\n" not in data else data


def _pieces(name: str, stream: IO[bytes], form: _Form, *, rest: bytes, line: int) -> Iterator[Piece]:
    """Cut the text where a record ends; each piece knows its first line."""
    while True:
        chunk = _without_old_line_ends(stream.read(PIECE_BYTES))
        data, at_end = rest + chunk, not chunk
        end = len(data) if at_end else _last_record_end(name, data)
        if end:
            part = data[:end]
            ends = part.count(b"\n")
            yield Piece(end, partial(_parse, part, form, line, ends))
            line += ends
        if at_end:
            return
        rest = data[end:]


def _last_record_end(name: str, data: bytes) -> int:
    """Where the last whole record ends: at a line end with an even number of quotes before it, if one is near."""
    last = data.rfind(b"\n") + 1
    if not last and len(data) > 4 * PIECE_BYTES:
        raise InputError.unreadable(name, "it has a line of more than 64 megabytes")
    quotes = data.count(b'"', 0, last)
    end = last
    while quotes % 2 and end > 0 and last - end < _LONGEST_RECORD:
        before = data.rfind(b"\n", 0, end - 1) + 1
        quotes -= data.count(b'"', before, end)
        end = before
    return end if quotes % 2 == 0 and end else last


def _parse(data: bytes, form: _Form, first_line: int, line_ends: int) -> Block:
    lines = line_ends + (not data.endswith(b"\n"))
    frame = _parse_fast(data, form, lines)
    if frame is None:
        return _parse_with_care(data, form, first_line)
    rows = frame.select(pl.col(f"{place}").alias(name) for name, place in form.picked.items())
    return Block(rows, first_line, lambda places: _lines_at(data, places))


def _parse_fast(data: bytes, form: _Form, lines: int) -> pl.DataFrame | None:
    """All columns, named by their places; None where lines and records may differ or a row may be uneven."""
    try:
        frame = pl.read_csv(
            data,
            has_header=False,
            new_columns=[f"{place}" for place in range(form.width)],
            infer_schema=False,
            separator=form.mark,
        )
    except pl.exceptions.PolarsError:  # too many fields, stray quotes, no UTF-8
        return None
    if frame.height != lines:
        return None
    # A row with too few fields, like a blank line, has no last cell, and so has one that is empty there. Where no cell
    # is quoted, counting the separators tells which: no row has too many, so none may have too few.
    if frame.get_column(f"{form.width - 1}").null_count() and (
        form.width == 1 or b'"' in data or data.count(form.mark.encode()) != lines * (form.width - 1)
    ):
        return None
    return frame


def _lines_at(data: bytes, places: Sequence[int]) -> list[str]:
    ends = np.flatnonzero(np.frombuffer(data, np.uint8) == ord("\n"))
    texts = []
    for place in places:
        begin = int(ends[place - 1]) + 1 if place else 0
        end = int(ends[place]) if place < len(ends) else len(data)
        texts.append(_shown(data[begin:end]))
    return texts


def _shown(line: bytes) -> str:
    return line.decode("utf-8", errors="replace").rstrip("\r\n")[:_SHOWN]


def _parse_with_care(data: bytes, form: _Form, first_line: int) -> Block:
    physical = data.split(b"\n")
    rows: list[list[str]] = []
    lines: list[int] = []
    texts: list[bytes] = []
    broken: list[Broken] = []
    place = 0
    while place < len(physical):
        fields, used = _record(physical, place, form)
        raw = b"\n".join(physical[place : place + used])
        if isinstance(fields, str):
            broken.append(Broken(first_line + place, fields, _shown(raw)))
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
    )


def _record(physical: Sequence[bytes], place: int, form: _Form) -> tuple[list[str] | str | None, int]:
    """The record that begins at a line: its fields, or why it has none, or None for a blank line; and its lines."""
    record = physical[place]
    if not record.strip():
        return None, 1
    used = 1
    if b'"' in record:
        while record.count(b'"') % 2 and used < _MOST_LINES and place + used < len(physical):
            record += b"\n" + physical[place + used]
            used += 1
    try:
        text = record.decode().removesuffix("\r")
    except UnicodeDecodeError:
        return "its text is not UTF-8", 1
    fields = _fields(text, form.mark)
    if fields is None or (used > 1 and len(fields) != form.width):  # the line alone is at fault, not those after it
        return _QUOTES, 1
    if len(fields) != form.width:
        return (
            f"it has {len(fields):,} {'field' if len(fields) == 1 else 'fields'}, the header has {form.width:,}",
            used,
        )
    return fields, used


def _fields(text: str, mark: str) -> list[str] | None:
    """The cells of a record, None where quotes do not match."""
    if '"' not in text:
        return text.split(mark)
    try:
        records = list(csv.reader([text], delimiter=mark, strict=True))
    except csv.Error:
        return None
    return records[0] if len(records) == 1 else None
