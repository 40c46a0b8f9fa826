"""What every reader returns: a table with its columns, whose rows are read in pieces and in parallel."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from core.ingestion.sources.encodings import Detection

ColumnPositions = Mapping[str, int]
"""Schema name -> position of its column in the table."""
PIECE_BYTES = 16 << 20
"""Bytes of text per piece: large enough that the overhead per piece is negligible, small enough to hold several."""


class FaultCode(StrEnum):
    """Why a line could not be parsed as a row."""

    OTHER_ENCODING = "its text is not {detail}"
    UNMATCHED_QUOTES = "its quotes do not match"
    LONG_CELL = "a quote in it is not closed within {detail} lines"
    ESCAPED_QUOTES = "it has quotes after backslashes, which must be doubled instead"
    FIELD_COUNT = "it has {detail}"
    TOO_LONG = "it is longer than {detail}"
    NOT_JSON = "it is not a JSON object ({detail})"


@dataclass(frozen=True)
class LineFault:
    """The fault of a line; `detail` is the expected encoding, a number of fields or lines, or an error in JSON."""

    code: FaultCode
    detail: str = ""

    @property
    def reason(self) -> str:
        """The fault as a clause about the line."""
        return self.code.format(detail=self.detail)


@lru_cache
def other_encoding(encoding: str) -> LineFault:
    """Return the fault of a line that is not text of the expected encoding."""
    return LineFault(FaultCode.OTHER_ENCODING, encoding)


class BrokenLine(NamedTuple):
    """A line that could not be parsed as a row: its number (the header is line 1), its fault and its text."""

    line: int
    fault: LineFault
    text: str


@dataclass(frozen=True)
class Block:
    """Consecutive rows of one file, in file order.

    Attributes:
        rows: the requested columns, under their schema names. Cells are text unless the source has types (Parquet,
            databases).
        first_line: line number of the first row.
        text_of: returns the original text of the rows at the given positions.
        lines: line number of each row. None if row i is on line first_line + i, because there are no blank lines and
            no line breaks in cells.
        broken: lines that could not be parsed as rows.
        may_hold_nul: whether a cell may contain a NUL character. If not, no cell is checked, which saves 10% of the
            reading time.
    """

    rows: pl.DataFrame
    first_line: int
    text_of: Callable[[Sequence[int]], list[str]]
    lines: NDArray[np.int64] | None = None
    broken: tuple[BrokenLine, ...] = ()
    may_hold_nul: bool = True

    @property
    def faults(self) -> list[LineFault]:
        """The different faults of the broken lines, by identity: it is quicker, and most lines share one object."""
        return list({id(line.fault): line.fault for line in self.broken}.values())

    def head(self, rows: int) -> Block:
        """Return the block with its first rows only."""
        lines = None if self.lines is None else self.lines[:rows]
        return replace(self, rows=self.rows.head(rows), lines=lines)

    def lines_of(self, positions: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the line numbers of the rows at the given positions."""
        return positions + self.first_line if self.lines is None else self.lines[positions]


@dataclass(frozen=True)
class Piece:
    """An unparsed part of a file: its size in bytes, for progress, and a function that parses it, in any thread."""

    size: int
    read: Callable[[], Block]


@dataclass(frozen=True)
class Table:
    """A file, archive member or query result whose column names have been read, but not its rows.

    Attributes:
        name: name for messages.
        columns: column names as in the source.
        pieces: yields the rows in order, restricted to the given columns.
        nested: column whose cells are lists or objects -> the fields of its records, if its cells are read as empty.
        encoding: what was detected about the encoding of the text; None if the source is not text.
    """

    name: str
    columns: Sequence[str]
    pieces: Callable[[ColumnPositions], Iterator[Piece]]
    nested: Mapping[str, Sequence[str]] = field(default_factory=dict)
    encoding: Detection | None = None
