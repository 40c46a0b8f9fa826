"""What every reader gives: a table's columns, and its rows in pieces that can be read side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray

ColumnPositions = Mapping[str, int]
"""Name asked for -> place of its column."""
PIECE_BYTES = 16 << 20
"""Bytes of text read at once: large enough that the work per piece does not count, small enough that a few pieces in
flight are no burden."""


@dataclass(frozen=True)
class BrokenLine:
    """A row that is none: its line in the file (the header is line 1), why, and the line as it stands there."""

    line: int
    reason: str
    text: str


@dataclass(frozen=True)
class Block:
    """Neighbouring rows of one file, in file order.

    `rows` has the columns that were asked for, under the names they were asked by; cells are texts, except where the
    file itself has types (Parquet, databases). `first_line` is the line of the first row; where lines and rows do not
    go together (a line break inside a cell, a blank line), `lines` gives the line of each row. `text_of` gives rows as
    they stand in the file, by their place in the block.
    """

    rows: pl.DataFrame
    first_line: int
    text_of: Callable[[Sequence[int]], list[str]]
    lines: NDArray[np.int64] | None = None
    broken: tuple[BrokenLine, ...] = ()
    may_hold_nul: bool = True
    """Whether a cell may hold a NUL character. Looking at every cell takes as long as a tenth of all reading."""

    def head(self, rows: int) -> Block:
        """The first rows only."""
        lines = None if self.lines is None else self.lines[:rows]
        return replace(self, rows=self.rows.head(rows), lines=lines)

    def lines_of(self, places: NDArray[np.int64]) -> NDArray[np.int64]:
        """The lines in the file of the rows at these places."""
        return places + self.first_line if self.lines is None else self.lines[places]


@dataclass(frozen=True)
class Piece:
    """A part of a file that is yet to be read; `read` may be called on any thread. `size` is its share of the work."""

    size: int
    read: Callable[[], Block]


class Table(Protocol):
    """A file, a member of an archive, or the answer of a database, opened as far as its columns."""

    @property
    def name(self) -> str:
        """What people know it by."""

    @property
    def columns(self) -> Sequence[str]:
        """Column names as they stand there."""

    def pieces(self, picked: ColumnPositions) -> Iterator[Piece]:
        """The rows, in order; `picked` gives for each name asked for the place of its column."""


@dataclass(frozen=True)
class OpenTable:
    """A `Table` made of its parts."""

    name: str
    columns: Sequence[str]
    read: Callable[[ColumnPositions], Iterator[Piece]] = field(repr=False)

    def pieces(self, picked: ColumnPositions) -> Iterator[Piece]:
        """See `Table.pieces`."""
        return self.read(picked)
