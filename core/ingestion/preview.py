"""Looks at the first rows of a log: as they stand there, and as a mapping would have them understood."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from core.errors import InputError
from core.ingestion.mapping import Guess, Mapping, guess_mapping
from core.ingestion.mapping.definition import GUESSED_ROLES
from core.ingestion.mapping.money_guess import completed
from core.ingestion.rows.quarantine import LINE, REASON
from core.ingestion.rows.row_parser import RowParser
from core.ingestion.sources.columns import pick, plain
from core.ingestion.sources.csv_records import NOT_IN_ENCODING
from core.ingestion.sources.database import Query
from core.ingestion.sources.paths import files_of
from core.ingestion.sources.source import Source, open_tables
from core.ingestion.sources.tables import Block, BrokenLine
from core.schema import BUY

_ROWS_LOOKED_AT = 5_000
"""Rows that a guess rests on: rare event words show, and it takes no time."""


_PIECES_LOOKED_AT = 5
"""Pieces of a log that are searched for a purchase: logs that are sorted by event type may begin with views."""


@dataclass(frozen=True)
class Peek:
    """The beginning of a log: its columns, and rows as texts (an empty cell is an empty text)."""

    name: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def guess(self, *, with_value: bool = True) -> Guess:
        """A mapping for this log, as far as it can be guessed."""
        return guess_mapping(self.columns, self.rows, with_value=with_value)


def peek(source: Source, mapping: Mapping | None = None, rows: int = _ROWS_LOOKED_AT) -> Peek:
    """Read the beginning of the first table behind a source; of the mapping only separator and encoding count.

    Raises:
        InputError: one sentence on what is no table.
    """
    broken: list[tuple[str, BrokenLine]] = []
    for table in open_tables(source, mapping or Mapping()):
        columns = tuple(plain(column) for column in table.columns)
        places = {f"{place}": place for place in range(len(columns))}
        for piece in table.pieces(places):
            block = piece.read()
            if block.rows.height:
                return Peek(table.name, columns, tuple(_texts(block.rows.head(rows)).iter_rows()))
            broken += [(table.name, row) for row in block.broken[:1]]
            if len(block.broken) >= _ROWS_LOOKED_AT:  # the table is no such table, however long it is
                break
    if broken:
        raise _no_rows(*broken[0])
    raise InputError.empty(source.name)


def completed_mapping(source: Source, mapping: Mapping) -> tuple[Mapping, list[str]]:
    """Add the columns of orders, statuses and currencies that the mapping does not mention and the log has.

    Returns:
        The mapping, and a sentence for each column that was added; see `mapping.money_guess.completed`.
    """
    if not mapping.adds_prices or set(GUESSED_ROLES) <= mapping.columns.model_fields_set:
        return mapping, []
    try:
        log = _first_purchases(source, mapping)
    except InputError:  # reading it will say so, and knows more about the reason
        return mapping, []
    return completed(mapping, log.columns, log.rows)


def _first_purchases(source: Source, mapping: Mapping) -> Peek:
    """The first rows that are purchases, as far as the first pieces of the log have any; else its first rows."""
    log = peek(source, mapping)
    words = {word for word, kind in mapping.words().items() if kind == BUY}
    named = [name.casefold() for name in log.columns]
    column = plain(str(mapping.columns.event_type)).casefold()
    if mapping.every_event_is is not None or column not in named:
        return log
    place = f"{named.index(column)}"
    looked_at = 0
    for table in open_tables(source, mapping):
        for piece in table.pieces({f"{number}": number for number in range(len(log.columns))}):
            rows = piece.read().rows
            kinds = rows.get_column(place).cast(pl.String).str.strip_chars().str.to_lowercase()
            bought = rows.filter(kinds.is_in(sorted(words)))
            looked_at += 1
            if bought.height:
                return Peek(table.name, log.columns, tuple(_texts(bought.head(_ROWS_LOOKED_AT)).iter_rows()))
            if looked_at == _PIECES_LOOKED_AT:
                return log
    return log


def _texts(rows: pl.DataFrame) -> pl.DataFrame:
    """All cells as texts; those of types that have no text form are empty."""
    return rows.select(_text(cells).fill_null("") for cells in rows)


def _text(cells: pl.Series) -> pl.Series:
    try:
        return cells.cast(pl.String)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException):
        return pl.Series(cells.name, [None], dtype=pl.String).new_from_index(0, len(cells))


def _no_rows(name: str, first: BrokenLine) -> InputError:
    """What to say of a table that has lines, but no row; `first` is the first of them."""
    if first.reason.startswith(NOT_IN_ENCODING):
        encoding = first.reason.removeprefix(NOT_IN_ENCODING).strip()
        return InputError.other_encoding(name, f"{encoding}, as its line {first.line:,} shows")
    return InputError.unreadable(name, f"line {first.line:,}: {first.reason}")


def understood(source: Source, mapping: Mapping, *, with_value: bool, rows: int = 10) -> pl.DataFrame:
    """The first rows of a source as the mapping has them understood; see `RowParser.preview`.

    Rows that would be set aside are among them, with the reason; so are lines that are no rows.

    Raises:
        InputError: one sentence on what is no table, or has not the mapping's columns.
    """
    mapping, _ = completed_mapping(source, mapping)
    understanding = RowParser(mapping, with_value)
    for table in open_tables(source, mapping):
        for piece in table.pieces(pick(table, mapping, understanding.columns, understanding.optional_columns)):
            shown = _shown(piece.read(), understanding, rows)
            if shown.height:
                return shown
    raise InputError.empty(source.name)


def _shown(block: Block, understanding: RowParser, rows: int) -> pl.DataFrame:
    """The first rows of a block as they are understood, and among them, in their places, the lines that are no rows."""
    first = block.head(rows)
    meant = understanding.preview(first).with_columns(pl.Series(LINE, first.lines_of(np.arange(first.rows.height))))
    broken = [(row.line, row.reason) for row in block.broken[:rows]]
    told = pl.DataFrame(broken, schema={LINE: pl.Int64, REASON: pl.String}, orient="row")
    return pl.concat([meant, told], how="diagonal").sort(LINE).head(rows).drop(LINE)


def changed_at(source: Source) -> tuple[int, ...]:
    """When the files behind a source were last changed (nanoseconds); empty for a query.

    Raises:
        InputError: there is no such file.
    """
    if isinstance(source, Query):
        return ()
    return tuple(file.stat().st_mtime_ns for file in files_of(source))


def counts_of(shown: pl.DataFrame) -> tuple[int, int]:
    """How many of the rows of a preview can be used, and how many there are."""
    return int(shown.get_column(REASON).is_null().sum()), shown.height
