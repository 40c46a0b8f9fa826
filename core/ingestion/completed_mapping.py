"""Complete a mapping from the log that it will read, and list useful columns that it does not use."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from itertools import islice
from typing import Final

import polars as pl

from core.base.text import fold_case
from core.errors import InputError
from core.ingestion.mapping import Mapping
from core.ingestion.mapping.completion import complete, lost_time_of_day, open_roles
from core.ingestion.mapping.guess import further_columns, without_absent_own
from core.ingestion.mapping.open_settings import find_open_role, open_setting_error
from core.ingestion.peek import MAX_ROWS, Peek, as_texts, blocks_of, peek
from core.ingestion.sources.columns import plain
from core.ingestion.sources.encodings import Detection
from core.ingestion.sources.query import Query
from core.ingestion.sources.source import Source, header_of, open_tables
from core.schema import BUY

_MAX_PIECES: Final = 5
"""Pieces of a log that are searched for purchases. A log that is sorted by event type may begin with views."""


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
    note = None if log is None else lost_time_of_day(mapping, log.columns, log.rows)
    notes = [] if note is None else [note]
    if purchases is None:
        return mapping, notes
    mapping = without_absent_own(mapping, purchases.columns)
    completed, reasons = complete(mapping, purchases.columns, purchases.rows)
    return completed, [*notes, *reasons]


def own_note(source: Source, mapping: Mapping) -> str | None:
    """Return a sentence on useful columns of a train file that a mapping without own columns does not use.

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


def assumed_encodings(sources: Iterable[Source], mapping: Mapping) -> dict[str, Detection]:
    """Return name of a table -> detected encoding, for the first table of each source if its encoding is uncertain."""
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
    """Return the first purchases of a log, searched in its first `_MAX_PIECES` blocks.

    If these have no purchases, or if the event types are not in a column, return the first rows of any type.
    """
    log = peek(source, mapping)
    if mapping.every_event_is is None:
        blocks = ((table, block) for table in open_tables(source, mapping) for block in blocks_of(table))
        for table, block in islice(blocks, _MAX_PIECES):
            columns = tuple(map(plain, table.columns))  # the tables of a folder may differ in their columns
            purchases = _purchases(block.rows, columns, mapping)
            if purchases.height:
                return Peek(table.name, columns, as_texts(purchases.head(MAX_ROWS)))
    return log


def _purchases(rows: pl.DataFrame, columns: Sequence[str], mapping: Mapping) -> pl.DataFrame:
    """Return the purchases among rows whose columns are named by their positions in `columns`."""
    names = list(map(fold_case, columns))
    type_column = fold_case(plain(str(mapping.columns.event_type)))
    if type_column not in names:
        return rows.clear()
    words = mapping.words()
    types = rows.get_column(str(names.index(type_column))).cast(pl.String).str.strip_chars()
    buy_words = [word for word in types.unique().drop_nulls() if words.get(fold_case(word)) == BUY]
    return rows.filter(types.is_in(buy_words))
