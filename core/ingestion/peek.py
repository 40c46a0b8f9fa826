"""Read the first rows of a log without interpreting them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import polars as pl

from core.errors import SourceError
from core.ingestion.mapping import Guess, Mapping, guess_mapping
from core.ingestion.mapping.guess import further_columns, guess_own
from core.ingestion.mapping.own_guess import OwnGuess
from core.ingestion.mapping.own_text import further_columns_note
from core.ingestion.sources.columns import plain, require_header
from core.ingestion.sources.encodings import Detection
from core.ingestion.sources.paths import files_of
from core.ingestion.sources.query import Query
from core.ingestion.sources.source import Source, open_tables
from core.ingestion.sources.tables import Block, BrokenLine, FaultCode, Table

MAX_ROWS: Final = 5_000
"""Rows that a guess is based on. They are read in an instant and include rare event types."""


@dataclass(frozen=True)
class Peek:
    """The beginning of a log.

    Attributes:
        name: name of the file or query.
        columns: column names, in file order.
        rows: cells as texts; an empty cell is "".
        encoding: what was detected about the encoding of the text; None if the source is not text.
    """

    name: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    encoding: Detection | None = None

    def guess(self, *, with_value: bool = True) -> Guess:
        """Guess a mapping for this log; see `mapping.guess_mapping`. A repeated guess is free."""
        if with_value not in self._guesses:
            self._guesses[with_value] = guess_mapping(self.columns, self.rows, with_value=with_value)
        return self._guesses[with_value]

    def guess_own(self, mapping: Mapping) -> OwnGuess:
        """Guess the own columns of this log, which a mapping reads. A repeated guess is free."""
        if mapping.digest not in self._own_guesses:
            self._own_guesses[mapping.digest] = guess_own(mapping, self.columns, self.rows)
        return self._own_guesses[mapping.digest]

    def own_note(self, mapping: Mapping) -> str | None:
        """Return a sentence on useful columns that a mapping does not use; None if there are none.

        None also if the mapping has own columns, or does not fit the log.
        """
        further = set(further_columns(mapping, self.columns))
        guess = self.guess_own(mapping).own if further else {}
        useful = [own["column"] for own in guess.values() if own["column"] in further]
        return further_columns_note(useful) if useful else None

    @cached_property
    def _guesses(self) -> dict[bool, Guess]:
        return {}

    @cached_property
    def _own_guesses(self) -> dict[str, OwnGuess]:
        return {}


def peek(source: Source, mapping: Mapping | None = None, rows: int = MAX_ROWS) -> Peek:
    """Read the first rows of the first table of a source that has rows.

    Args:
        mapping: only its separator and encoding are used.

    Raises:
        InputError: the source is not a table, or has no header or no rows.
    """
    first_broken: tuple[str, BrokenLine] | None = None
    for table in open_tables(source, mapping or Mapping()):
        require_header(table.name, table.columns)
        for block in blocks_of(table):
            if block.rows.height:
                columns = tuple(map(plain, table.columns))
                rows_as_texts = as_texts(_with_record_fields(table, block.rows.head(rows)))
                return Peek(table.name, columns, rows_as_texts, table.encoding)
            if block.broken and first_broken is None:
                first_broken = table.name, block.broken[0]
            if len(block.broken) >= MAX_ROWS:  # there is no need to read more of something that is not a table
                break
    if first_broken is None:
        raise SourceError.empty(source.name)
    table_name, line = first_broken
    if line.fault.code is FaultCode.OTHER_ENCODING:
        raise SourceError.other_encoding(table_name, f"{line.fault.detail}, as its line {line.line:,} shows")
    raise SourceError.unreadable(table_name, f"line {line.line:,}: {line.fault.reason}")


def changed_at(source: Source) -> tuple[int, ...]:
    """Return the modification times of a source's files, in nanoseconds since 1970; empty for a query.

    Raises:
        InputError: there is no such file.
    """
    if isinstance(source, Query):
        return ()
    return tuple(file.stat().st_mtime_ns for file in files_of(source))


def blocks_of(table: Table) -> Iterator[Block]:
    """Read a table piece by piece. Columns are named by their positions, because names may repeat."""
    for piece in table.pieces({str(position): position for position in range(len(table.columns))}):
        yield piece.read()


def as_texts(rows: pl.DataFrame) -> tuple[tuple[str, ...], ...]:
    """Return all cells as texts; cells of types without a text form are empty."""
    return tuple(rows.select(_as_text(cells).fill_null("") for cells in rows).iter_rows())


def _as_text(cells: pl.Series) -> pl.Series:
    try:
        return cells.cast(pl.String)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException):
        return pl.Series(cells.name, [None], dtype=pl.String).new_from_index(0, len(cells))


def _with_record_fields(table: Table, rows: pl.DataFrame) -> pl.DataFrame:
    """Return the rows of a table, with a record without values in nested columns whose cells are not read."""
    records = {
        str(position): json.dumps(dict.fromkeys(table.nested[name]))
        for position, name in enumerate(table.columns)
        if table.nested.get(name)
    }
    return rows.with_columns(pl.lit(record).alias(column) for column, record in records.items())
