"""Reads the files of one role block by block, on all cores, and hands what is understood on in file order."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace

import polars as pl

from core.errors import InputError, StudioError
from core.ingestion.doubts import refuse_lost_purchases, refuse_unclear_numbers
from core.ingestion.mapping import Mapping
from core.ingestion.mapping.time_guess import time_form
from core.ingestion.parallel import map_in_order
from core.ingestion.preview import peek
from core.ingestion.rows.quarantine import IGNORED
from core.ingestion.rows.read_counts import ReadCounts
from core.ingestion.rows.row_parser import ParsedBlock, RowParser
from core.ingestion.sources.columns import pick
from core.ingestion.sources.content_hash import Content
from core.ingestion.sources.csv_records import NOT_IN_ENCODING
from core.ingestion.sources.database import Query
from core.ingestion.sources.source import Source, open_tables
from core.ingestion.sources.tables import Block, Piece

_PER_CORE = 2
"""Blocks in work a core: no core waits, and memory stays small."""
_HOPELESS = 1_000_000
"""After so many rows, beside ignored ones, without a usable one the file is the wrong one, however long it is."""


def parse_source(
    source: Source,
    understanding: RowParser,
    counts: ReadCounts,
    report: Callable[[int], None] = lambda size: None,
    content: Content | None = None,
) -> Iterator[tuple[ParsedBlock, bytes]]:
    """Understand all rows behind a source; gives each block, and the SHA-256 of its rows where no file has one.

    `content` is that of the source, unless it is a query; it has the hashes of the files once all rows are read.

    Raises:
        InputError: one sentence on a file that is no table, lacks a column, or has too few usable rows.
    """
    hashed = isinstance(source, Query)
    faulty = ReadCounts()  # of the rows set aside only those that the mapping does not tell to ignore
    for table in open_tables(source, understanding.mapping, content):
        counts.begin(table.name)
        faulty.begin(table.name)
        picked = pick(table, understanding.mapping, understanding.wanted, understanding.optional)

        def work(piece: Piece, name: str = table.name) -> tuple[int, ParsedBlock, bytes]:
            block = piece.read()
            return piece.size, understanding(name, block), _digest(block) if hashed else b""

        for size, block, digest in map_in_order(work, table.pieces(picked), per_core=_PER_CORE):
            counts.add(table.name, block)
            if block.bad.height:
                faulty.add(table.name, _faults(block))
            if counts.rows - counts.ignored >= _HOPELESS and not counts.kept:
                _refuse(source, counts, faulty, understanding)
            report(size)
            yield block, digest
    mapping = understanding.mapping
    refuse_unclear_numbers(source.name, mapping, counts)
    if counts.kept < mapping.least_usable * (counts.rows - counts.ignored) or not counts.kept:
        _refuse(source, counts, faulty, understanding)
    if counts.purchases.lost:
        why = counts.purchases.reasons.most_common(1)[0]
        setting = _setting_that_helps(source, *why, counts.purchases.usable + counts.purchases.lost, mapping)
        refuse_lost_purchases(source.name, mapping, counts, setting)


def _faults(block: ParsedBlock) -> ParsedBlock:
    """Only the rows set aside for a fault of theirs."""
    return replace(block, rows=block.rows.clear(), bad=block.bad.filter(~pl.col(IGNORED)), empty={})


def _refuse(source: Source, counts: ReadCounts, faulty: ReadCounts, understanding: RowParser) -> None:
    """Say why; rows to be ignored count neither as usable nor as faulty, unless there is nothing else."""
    if not counts.rows:
        raise InputError.no_answer(source.name) if isinstance(source, Query) else InputError.empty(source.name)
    aside = faulty if faulty.rows else counts
    total = counts.kept + aside.quarantined
    reasons = ", ".join(f"{count:,} x {reason}" for reason, count in aside.most_reasons())
    worst = aside.worst_file()
    if worst is not None:
        reasons += f"; {aside.files()[worst].quarantined:,} of them in {worst}"
    if total < counts.rows:
        are = "is" if counts.ignored == 1 else "are"
        reasons += f"; {counts.ignored:,} more {are} to be ignored"
    least = understanding.mapping.least_usable
    setting = _setting_that_helps(source, *aside.most_reasons()[0], total, understanding.mapping)
    raise InputError.too_few_rows(source.name, counts.kept, total, reasons, at_least=least, setting=setting)


def _setting_that_helps(source: Source, reason: str, rows: int, total: int, mapping: Mapping) -> str:
    """What in a mapping would make the most frequent reason go away, as it would stand there; empty: nothing known.

    `rows` of all `total` rows have that reason.
    """
    if reason.startswith(NOT_IN_ENCODING):
        return 'encoding = "cp1252" (or what it is)'
    if reason.endswith(" is no finite number") and mapping.adds_prices:
        return _settings_of_prices(source, mapping)
    if reason.startswith(f"{mapping.columns.event_time} is no time"):
        form = _form_of_times(source, mapping)
        return "" if form in (None, mapping.time_format) else f'time_format = "{form}"'
    return ""


def _settings_of_prices(source: Source, mapping: Mapping) -> str:
    """The price column and decimal mark that a guess finds, where they are other ones than the mapping's."""
    with suppress(StudioError):
        guess = peek(source, mapping).guess().settings
        found = {"price": guess.get("columns", {}).get("price"), "decimal": guess.get("decimal")}
        if found["price"] not in (None, mapping.columns.price):
            return f'price = "{found["price"]}" below [columns]'
        if found["decimal"] not in (None, mapping.decimal):
            return f'decimal = "{found["decimal"]}"'
    return ""


def _form_of_times(source: Source, mapping: Mapping) -> str | None:
    with suppress(StudioError):
        head = peek(source, mapping)
        names = [name.casefold() for name in head.columns]
        place = names.index(str(mapping.columns.event_time).casefold())
        form = time_form([row[place].strip() for row in head.rows if row[place].strip()])
        return None if form is None else form.time_format
    return None


def _digest(block: Block) -> bytes:
    return hashlib.sha256(block.rows.write_csv().encode()).digest()
