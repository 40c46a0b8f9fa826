"""The interface of all readers: a table has columns and yields its rows in pieces that can be read in parallel."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray

ColumnPositions = Mapping[str, int]
"""Schema name -> position of its column in the table."""
PIECE_BYTES = 16 << 20
"""Bytes of text per piece: large enough to make the overhead per piece negligible, small enough to hold several."""


class FaultCode(StrEnum):
    """Why a line could not be parsed as a row."""

    OTHER_ENCODING = "its text is not {detail}"
    UNMATCHED_QUOTES = "its quotes do not match"
    FIELD_COUNT = "it has {detail}"


@dataclass(frozen=True)
class LineFault:
    """What is wrong with a line; `detail` is the expected encoding, or the numbers of fields."""

    code: FaultCode
    detail: str = ""

    @property
    def reason(self) -> str:
        """The fault as a clause about the line."""
        return self.code.format(detail=self.detail)


@dataclass(frozen=True)
class BrokenLine:
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
        text_of: returns the original text of the rows at these positions.
        lines: line number of each row. None if row i is on line first_line + i: no blank line, no line break in a cell.
        broken: lines that could not be parsed as rows.
    """

    rows: pl.DataFrame
    first_line: int
    text_of: Callable[[Sequence[int]], list[str]]
    lines: NDArray[np.int64] | None = None
    broken: tuple[BrokenLine, ...] = ()
    may_hold_nul: bool = True
    """Whether a cell may contain a NUL character. If not, the check of every cell is skipped: 10% of reading time."""

    def head(self, rows: int) -> Block:
        """Return the block with its first rows only."""
        lines = None if self.lines is None else self.lines[:rows]
        return replace(self, rows=self.rows.head(rows), lines=lines)

    def lines_of(self, places: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the line numbers of the rows at these positions."""
        return places + self.first_line if self.lines is None else self.lines[places]


@dataclass(frozen=True)
class Piece:
    """A part of a file that has not been parsed. `size`: bytes, for progress. `read` may be called on any thread."""

    size: int
    read: Callable[[], Block]


class Table(Protocol):
    """A file, archive member or query result whose columns have been read, but not its rows."""

    @property
    def name(self) -> str:
        """Name for messages."""

    @property
    def columns(self) -> Sequence[str]:
        """Column names as in the source."""

    def pieces(self, picked: ColumnPositions) -> Iterator[Piece]:
        """Yield the rows in order, restricted to the columns in `picked`."""


@dataclass(frozen=True)
class OpenTable:
    """A `Table` from a name, columns and a function that yields its pieces."""

    name: str
    columns: Sequence[str]
    read: Callable[[ColumnPositions], Iterator[Piece]] = field(repr=False)

    def pieces(self, picked: ColumnPositions) -> Iterator[Piece]:
        """See `Table.pieces`."""
        return self.read(picked)
