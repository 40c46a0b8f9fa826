"""Read JSON Lines: one JSON object per line, as APIs, queues and event trackers write them.

A key is a column. Lines may have different keys; a line without a key has an empty cell. Numbers are read as they would
be written in a CSV file, and nested values as their JSON text.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import chain
from typing import IO

import numpy as np
import polars as pl

from core.errors import ColumnError, SourceError
from core.ingestion.sources.tables import (
    Block,
    BrokenLine,
    ColumnPositions,
    FaultCode,
    LineFault,
    Piece,
    Table,
    other_encoding,
)
from core.ingestion.sources.text_lines import (
    LINE_END,
    MAX_COLUMNS,
    count_line_ends,
    lines_at,
    pieces_of_lines,
    stored_text,
)

PIECE_BYTES = 4 << 20
"""Bytes per piece. The keys of the first piece become the columns; it has thousands of events, and so rare keys."""
_LONG, _DEEP, _INVALID, _WITHOUT_KEYS = (
    LineFault(FaultCode.NOT_JSON, detail)
    for detail in ("longer than a megabyte", "nested too deeply", "invalid JSON", "a value without keys")
)
_MAX_OBJECT_BYTES = 1 << 20
"""Bytes of one object. Parsed, it takes up to 30 times as much memory, and several lines are parsed at a time."""


def open_json_lines(name: str, stream: IO[bytes], encoding: str = "utf-8") -> Table:
    """Read the keys of the first lines of a stream of UTF-8 text, and return a table that reads the rows.

    Args:
        encoding: original encoding of the text, for messages.

    Raises:
        InputError: no line is a JSON object.
    """
    parts = pieces_of_lines(name, stream, PIECE_BYTES)
    head = next(parts, b"").removeprefix(codecs.BOM_UTF8)
    columns: dict[str, bool] = {}
    for line in head.split(b"\n"):
        cells = _object(line, encoding)
        if isinstance(cells, dict):
            for key, cell in cells.items():
                columns[key] = columns.get(key, False) or isinstance(cell, dict | list)
        if len(columns) > MAX_COLUMNS:
            raise ColumnError.too_many_columns(name, len(columns), max_columns=MAX_COLUMNS)
    if not columns and len(head.partition(b"\n")[0]) > _MAX_OBJECT_BYTES:
        raise SourceError.unreadable(name, "its first line has more than a megabyte, so it is not one event")
    if not columns:
        raise SourceError.empty(name)
    names = list(columns)
    nested: dict[str, Sequence[str]] = {key: () for key, is_nested in columns.items() if is_nested}

    def pieces(picked: ColumnPositions) -> Iterator[Piece]:
        keys = {role: names[position] for role, position in picked.items()}
        line = 1
        for part in chain([head], parts):
            n_ends = count_line_ends(part)
            yield Piece(len(part), partial(_parse, part, keys, line, n_ends, encoding))
            line += n_ends

    return Table(name, names, pieces, nested)


def _parse(data: bytes, keys: dict[str, str], first_line: int, n_ends: int, encoding: str) -> Block:
    n_lines = n_ends + (not data.endswith(b"\n"))
    rows = _parse_fast(data, keys, n_lines)
    if rows is None:
        return _parse_line_by_line(data, keys, first_line, encoding)
    return Block(rows, first_line, lambda positions: lines_at(data, positions))


def _parse_fast(data: bytes, keys: dict[str, str], n_lines: int) -> pl.DataFrame | None:
    """Parse lines that are objects; None if another line may be among them, or if a cell is a list or an object.

    Polars refuses text that is nested too deeply.
    """
    if not data.startswith(b"{") or 1 + data.count(b"\n{") != n_lines:
        return None
    ends = np.flatnonzero(np.frombuffer(data, np.uint8) == LINE_END)
    if np.diff(ends, prepend=-1, append=len(data)).max() > _MAX_OBJECT_BYTES:
        return None
    try:
        frame = pl.read_ndjson(data, schema=dict.fromkeys(keys.values(), pl.String))
    except pl.exceptions.PolarsError:
        return None
    if frame.height != n_lines:
        return None
    rows = frame.select(pl.col(key).alias(role) for role, key in keys.items()).rechunk()
    is_flat = b"[" not in data and data.count(b"{") == n_lines
    return rows if is_flat or not any(cells.str.contains(r"^[\[{]").any() for cells in rows) else None


def _parse_line_by_line(data: bytes, keys: dict[str, str], first_line: int, encoding: str) -> Block:
    cells: dict[str, list[str | None]] = {role: [] for role in keys}
    row_lines: list[int] = []
    broken: list[BrokenLine] = []
    lines = data.split(b"\n")
    for number, line in enumerate(lines):
        if not line or line.isspace():
            continue
        row = _object(line, encoding)
        if isinstance(row, LineFault):
            broken.append(BrokenLine(first_line + number, row, stored_text(line)))
            continue
        for role, key in keys.items():
            cells[role].append(_text(row.get(key)))
        row_lines.append(number)

    def text_of(positions: Sequence[int]) -> list[str]:
        return [stored_text(lines[row_lines[position]]) for position in positions]

    numbers = np.array(row_lines, np.int64) + first_line
    return Block(pl.DataFrame(cells, dict.fromkeys(keys, pl.String)), first_line, text_of, numbers, tuple(broken))


def _object(line: bytes, encoding: str) -> dict[str, object] | LineFault:
    if len(line) > _MAX_OBJECT_BYTES:
        return _LONG
    try:
        row = json.loads(line.decode())
    except UnicodeDecodeError:
        return other_encoding(encoding)
    except RecursionError:
        return _DEEP
    except ValueError:  # also a number of thousands of digits
        return _INVALID
    return row if isinstance(row, dict) else _WITHOUT_KEYS


def _text(cell: object) -> str | None:
    """Return a cell as text: numbers as in a CSV file, nested values as JSON."""
    if cell is None or isinstance(cell, str):
        return _without_surrogates(cell) if cell else cell
    if isinstance(cell, float) and cell.is_integer():
        return f"{cell:.0f}"
    return _without_surrogates(json.dumps(cell, ensure_ascii=False))


def _without_surrogates(text: str) -> str:
    """Replace halves of surrogate pairs, which JSON can contain and UTF-8 cannot."""
    return text if text.isascii() else text.encode(errors="replace").decode()
