"""Look at the first rows of a log: as they are in the file, and as a mapping reads them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Final

import numpy as np
import polars as pl

from core.base.text import fold_case
from core.errors import InputError, SourceError
from core.ingestion.attributes import AttributeTable
from core.ingestion.mapping import Guess, Mapping, guess_mapping
from core.ingestion.mapping.completion import complete, lost_time_of_day, open_roles
from core.ingestion.mapping.guess import further_columns, guess_own, without_absent_own
from core.ingestion.mapping.open_settings import find_open_role, open_setting_error
from core.ingestion.mapping.own_guess import OwnGuess
from core.ingestion.mapping.own_text import further_columns_note
from core.ingestion.rows.row_parser import RowParser
from core.ingestion.sources.columns import pick, plain, require_header
from core.ingestion.sources.database import Query
from core.ingestion.sources.encodings import Detection
from core.ingestion.sources.paths import files_of
from core.ingestion.sources.source import Source, header_of, open_tables
from core.ingestion.sources.tables import Block, BrokenLine, FaultCode, Table
from core.schema import BUY, LINE, REASON

_MAX_ROWS: Final = 5_000
"""Rows that a guess is based on. They are read in an instant and include rare event types."""
_MAX_PIECES: Final = 5
"""Pieces of a log that are searched for purchases. A log that is sorted by event type may begin with views."""


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


def peek(source: Source, mapping: Mapping | None = None, rows: int = _MAX_ROWS) -> Peek:
    """Read the first rows of the first table of a source that has rows.

    Args:
        mapping: only its separator and encoding are used.

    Raises:
        InputError: the source is not a table, or has no header or no rows.
    """
    first_broken: tuple[str, BrokenLine] | None = None
    for table in open_tables(source, mapping or Mapping()):
        require_header(table.name, table.columns)
        for block in _blocks(table):
            if block.rows.height:
                columns = tuple(map(plain, table.columns))
                rows_as_texts = _as_texts(_with_record_fields(table, block.rows.head(rows)))
                return Peek(table.name, columns, rows_as_texts, table.encoding)
            if block.broken and first_broken is None:
                first_broken = table.name, block.broken[0]
            if len(block.broken) >= _MAX_ROWS:  # there is no need to read more of something that is not a table
                break
    if first_broken is None:
        raise SourceError.empty(source.name)
    table_name, line = first_broken
    if line.fault.code is FaultCode.OTHER_ENCODING:
        raise SourceError.other_encoding(table_name, f"{line.fault.detail}, as its line {line.line:,} shows")
    raise SourceError.unreadable(table_name, f"line {line.line:,}: {line.fault.reason}")


def assumed_encodings(sources: Iterable[Source], mapping: Mapping) -> dict[str, Detection]:
    """Return name of a table -> detection, for those first tables of the sources whose encoding is only assumed."""
    if mapping.encoding is not None:
        return {}
    assumed: dict[str, Detection] = {}
    for source in sources:
        if isinstance(source, Query):
            continue
        with suppress(InputError):  # reading the whole file raises it again
            for table in islice(open_tables(source, mapping), 1):
                if table.encoding is not None and table.encoding.note:
                    assumed[table.name] = table.encoding
    return assumed


def complete_mapping(source: Source, mapping: Mapping, *, with_value: bool = True) -> tuple[Mapping, list[str]]:
    """Add columns of orders, statuses and currencies that the log has and the mapping does not mention.

    A shipped mapping loses the own columns that the log lacks.

    Args:
        with_value: whether session values are needed. False for a test file.

    Returns:
        The mapping, and sentences on what was added or is not used; see `mapping.completion`.

    Raises:
        InputError: the mapping leaves a setting open, and the log does not have the default column.
    """
    _refuse_open_settings(source, mapping, with_value=with_value)
    try:
        log = peek(source, mapping) if mapping.dates_only else None
        purchases = _peek_at_purchases(source, mapping) if open_roles(mapping) else None
    except InputError:  # reading the whole file raises it again, with more detail
        return mapping, []
    note = log and lost_time_of_day(mapping, log.columns, log.rows)
    notes = [note] if note else []
    if purchases is None:
        return mapping, notes
    mapping = without_absent_own(mapping, purchases.columns)
    completed, reasons = complete(mapping, purchases.columns, purchases.rows)
    return completed, [*notes, *reasons]


def own_note(source: Source, mapping: Mapping) -> str | None:
    """Return a sentence on useful columns of a log with session values that a mapping without own columns does not use.

    None if there are none, or if the source is a query, which would run again.
    """
    if isinstance(source, Query):
        return None
    try:
        if not further_columns(mapping, list(map(plain, header_of(source, mapping)))):
            return None
        return peek(source, mapping).own_note(mapping)
    except InputError:  # reading the whole file raises it again, with more detail
        return None


def preview_rows(
    source: Source, mapping: Mapping, *, with_value: bool, rows: int = 10, tables: Iterable[AttributeTable] = ()
) -> pl.DataFrame:
    """Return the first rows of a source as the mapping reads them; see `RowParser.preview` for the columns.

    Rows that would be quarantined are included with their reason, and so are lines that could not be parsed.

    Raises:
        InputError: the source is not a table, or does not have the mapping's columns.
    """
    mapping, _ = complete_mapping(source, mapping, with_value=with_value)
    parser = RowParser(mapping, with_value, tables=tuple(tables))
    for table in open_tables(source, mapping):
        for piece in table.pieces(pick(table, mapping, parser.columns, parser.optional_columns)):
            preview = _preview_block(piece.read(), parser, rows)
            if preview.height:
                return preview
    raise SourceError.empty(source.name)


def count_usable(preview: pl.DataFrame) -> tuple[int, int]:
    """Return the number of rows of a preview that are usable, and the number of all its rows."""
    return preview.get_column(REASON).null_count(), preview.height


def changed_at(source: Source) -> tuple[int, ...]:
    """Return the modification times of a source's files, in nanoseconds since 1970; empty for a query.

    Raises:
        InputError: there is no such file.
    """
    if isinstance(source, Query):
        return ()
    return tuple(file.stat().st_mtime_ns for file in files_of(source))


def _refuse_open_settings(source: Source, mapping: Mapping, *, with_value: bool) -> None:
    """Refuse a mapping that lacks a required column, such as an incomplete guess."""
    if isinstance(source, Query):  # to see its columns, it would run twice
        return
    try:
        header = list(map(plain, header_of(source, mapping)))
        role = find_open_role(mapping, header, with_value=with_value)
        if role is None:
            return
        log = peek(source, mapping)
    except InputError:  # reading the whole file raises it again, with more detail
        return
    raise open_setting_error(log.name, role, mapping, log.columns, log.rows)


def _peek_at_purchases(source: Source, mapping: Mapping) -> Peek:
    """Return the first purchases in the first pieces of a log; if they have none, the first rows of any type."""
    log = peek(source, mapping)
    names = [fold_case(name) for name in log.columns]
    type_column = fold_case(plain(str(mapping.columns.event_type)))
    if mapping.every_event_is is not None or type_column not in names:
        return log
    words = mapping.words()
    blocks = ((table, block) for table in open_tables(source, mapping) for block in _blocks(table))
    for table, block in islice(blocks, _MAX_PIECES):
        types = block.rows.get_column(str(names.index(type_column))).cast(pl.String).str.strip_chars()
        buy_words = [word for word in types.unique().drop_nulls() if words.get(fold_case(word)) == BUY]
        purchases = block.rows.filter(types.is_in(buy_words))
        if purchases.height:
            return Peek(table.name, log.columns, _as_texts(purchases.head(_MAX_ROWS)))
    return log


def _blocks(table: Table) -> Iterator[Block]:
    """Read a table piece by piece. Columns are named by their positions, because names may repeat."""
    for piece in table.pieces({str(position): position for position in range(len(table.columns))}):
        yield piece.read()


def _with_record_fields(table: Table, rows: pl.DataFrame) -> pl.DataFrame:
    """Return the rows of a table, with a record without values in nested columns whose cells are not read."""
    records = {
        str(position): json.dumps(dict.fromkeys(table.nested[name]))
        for position, name in enumerate(table.columns)
        if table.nested.get(name)
    }
    return rows.with_columns(pl.lit(record).alias(column) for column, record in records.items())


def _as_texts(rows: pl.DataFrame) -> tuple[tuple[str, ...], ...]:
    """Return all cells as texts; cells of types without a text form are empty."""
    return tuple(rows.select(_as_text(cells).fill_null("") for cells in rows).iter_rows())


def _as_text(cells: pl.Series) -> pl.Series:
    try:
        return cells.cast(pl.String)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException):
        return pl.Series(cells.name, [None], dtype=pl.String).new_from_index(0, len(cells))


def _preview_block(block: Block, parser: RowParser, rows: int) -> pl.DataFrame:
    """Return the first rows and unparsable lines of a block, in file order."""
    first = block.head(rows)
    lines = pl.Series(LINE, first.lines_of(np.arange(first.rows.height)))
    parsed = parser.preview(first).with_columns(lines)
    broken = [(line.line, line.fault.reason) for line in block.broken[:rows]]
    unparsed = pl.DataFrame(broken, schema={LINE: pl.Int64, REASON: pl.String}, orient="row")
    return pl.concat([parsed, unparsed], how="diagonal").sort(LINE).head(rows).drop(LINE)
