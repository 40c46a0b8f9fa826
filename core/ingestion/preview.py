"""Looks at the first rows of a log: as they stand there, and as a mapping would have them understood."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from core.errors import InputError
from core.ingestion.columns import pick, plain
from core.ingestion.database import Query
from core.ingestion.found_files import files_of
from core.ingestion.mapping import Guess, Mapping, guess_mapping
from core.ingestion.quarantine import REASON
from core.ingestion.sources import Source, open_tables
from core.ingestion.understanding import Understanding

_ROWS_LOOKED_AT = 5_000
"""Rows that a guess rests on: rare event words show, and it takes no time."""


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
    for table in open_tables(source, mapping or Mapping()):
        columns = tuple(plain(column) for column in table.columns)
        places = {f"{place}": place for place in range(len(columns))}
        for piece in table.pieces(places):
            texts = piece.read().rows.head(rows).select(pl.all().cast(pl.String).fill_null(""))
            if texts.height:
                return Peek(table.name, columns, tuple(texts.iter_rows()))
    raise InputError.empty(source.name)


def understood(source: Source, mapping: Mapping, *, with_value: bool, rows: int = 10) -> pl.DataFrame:
    """The first rows of a source as the mapping has them understood; see `Understanding.preview`.

    Rows that would be set aside are among them, with the reason.

    Raises:
        InputError: one sentence on what is no table, or has not the mapping's columns.
    """
    understanding = Understanding(mapping, with_value)
    for table in open_tables(source, mapping):
        for piece in table.pieces(pick(table, mapping, understanding.wanted)):
            return understanding.preview(piece.read().head(rows))
    raise InputError.empty(source.name)


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
