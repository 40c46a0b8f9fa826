"""Read the files of one role (train or test) block by block, on all cores, and count the rows.

In: a source and a `RowParser`. Out: an iterator of `ParsedBlock`, one per piece of about 16 MB of text, in file order.
A file with too few usable rows is refused with a message that names the most frequent reasons for quarantine.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace

import polars as pl

from core.errors import InputError, StudioError
from core.ingestion.mapping import Mapping
from core.ingestion.mapping.time_guess import time_form
from core.ingestion.parallel import map_in_order
from core.ingestion.preview import peek
from core.ingestion.rows.quarantine import NO_NUMBER, no_time
from core.ingestion.rows.read_counts import ReadCounts
from core.ingestion.rows.row_parser import ParsedBlock, RowParser
from core.ingestion.sources.columns import pick
from core.ingestion.sources.content_hash import Content
from core.ingestion.sources.database import Query
from core.ingestion.sources.source import Source, open_tables
from core.ingestion.sources.tables import Block, FaultCode, Piece
from core.ingestion.values.doubts import refuse_lost_purchases, refuse_unclear_numbers
from core.schema import IGNORED

_PER_CORE = 2
"""Blocks in progress per core: two keep every core busy while memory stays small."""
_GIVE_UP_AFTER = 1_000_000
"""Rows, not counting ignored ones. A file without a usable row among its first million is the wrong file."""


def parse_source(
    source: Source,
    parser: RowParser,
    counts: ReadCounts,
    report: Callable[[int], None] = lambda size: None,
    content: Content | None = None,
) -> Iterator[tuple[ParsedBlock, bytes]]:
    """Parse all rows of a source.

    Args:
        counts: is updated with each block.
        report: called with the size of each piece in bytes.
        content: receives the hashes of the files while they are read. None for a query.

    Yields:
        Each parsed block, with the SHA-256 of its rows if the source is a query, else empty bytes.

    Raises:
        InputError: a file is not a table, lacks a column, or has too few usable rows.
    """
    hashed = isinstance(source, Query)
    faulty = ReadCounts()  # quarantined rows, except those that the mapping says to ignore
    for table in open_tables(source, parser.mapping, content):
        counts.begin(table.name)
        faulty.begin(table.name)
        picked = pick(table, parser.mapping, parser.columns, parser.optional_columns)

        def work(piece: Piece, name: str = table.name) -> tuple[int, ParsedBlock, bytes]:
            block = piece.read()
            return piece.size, parser.parse(name, block), _digest(block) if hashed else b""

        for size, block, digest in map_in_order(work, table.pieces(picked), per_core=_PER_CORE):
            counts.add(table.name, block)
            if block.bad.height:
                faulty.add(table.name, _faults(block))
            if counts.rows - counts.ignored >= _GIVE_UP_AFTER and not counts.kept:
                _refuse(source, counts, faulty, parser)
            report(size)
            yield block, digest
    mapping = parser.mapping
    refuse_unclear_numbers(source.name, mapping, counts)
    if counts.kept < mapping.least_usable * (counts.rows - counts.ignored) or not counts.kept:
        _refuse(source, counts, faulty, parser)
    if counts.purchases.lost:
        reason, _ = counts.purchases.reasons.most_common(1)[0]
        setting = _setting_that_helps(source, reason, mapping)
        refuse_lost_purchases(source.name, mapping, counts, setting)


def _faults(block: ParsedBlock) -> ParsedBlock:
    """Return the block with only those quarantined rows that the mapping does not say to ignore."""
    return replace(block, rows=block.rows.clear(), bad=block.bad.filter(~pl.col(IGNORED)), empty={})


def _refuse(source: Source, counts: ReadCounts, faulty: ReadCounts, parser: RowParser) -> None:
    """Raise the error for too few usable rows. Ignored rows count only if there are no others."""
    if not counts.rows:
        raise InputError.no_answer(source.name) if isinstance(source, Query) else InputError.empty(source.name)
    quarantined = faulty if faulty.rows else counts
    total = counts.kept + quarantined.quarantined
    reasons = ", ".join(f"{count:,} x {reason}" for reason, count in quarantined.most_reasons())
    worst = quarantined.worst_file()
    if worst is not None:
        reasons += f"; {quarantined.files()[worst].quarantined:,} of them in {worst}"
    if total < counts.rows:
        are = "is" if counts.ignored == 1 else "are"
        reasons += f"; {counts.ignored:,} more {are} to be ignored"
    least = parser.mapping.least_usable
    reason, _ = quarantined.most_reasons()[0]
    if quarantined.faults.get(reason) is FaultCode.OTHER_ENCODING:
        setting = 'encoding = "cp1252" (or what it is)'
    else:
        setting = _setting_that_helps(source, reason, parser.mapping)
    raise InputError.too_few_rows(source.name, counts.kept, total, reasons, at_least=least, setting=setting)


def _setting_that_helps(source: Source, reason: str, mapping: Mapping) -> str:
    """Return the mapping setting that may fix a reason for quarantine, in TOML; empty if there is none."""
    if reason.endswith(NO_NUMBER) and mapping.adds_prices:
        return _guessed_price_setting(source, mapping)
    if reason == no_time(mapping):
        form = _guessed_time_format(source, mapping)
        return "" if form in (None, mapping.time_format) else f'time_format = "{form}"'
    return ""


def _guessed_price_setting(source: Source, mapping: Mapping) -> str:
    """Return the guessed price column or decimal mark as TOML, if it differs from the mapping's."""
    with suppress(StudioError):
        guess = peek(source, mapping).guess().settings
        price, decimal = guess.get("columns", {}).get("price"), guess.get("decimal")
        if price not in (None, mapping.columns.price):
            return f'price = "{price}" below [columns]'
        if decimal not in (None, mapping.decimal):
            return f'decimal = "{decimal}"'
    return ""


def _guessed_time_format(source: Source, mapping: Mapping) -> str | None:
    with suppress(StudioError):
        head = peek(source, mapping)
        names = [name.casefold() for name in head.columns]
        place = names.index(str(mapping.columns.event_time).casefold())
        form = time_form([row[place].strip() for row in head.rows if row[place].strip()])
        return None if form is None else form.time_format
    return None


def _digest(block: Block) -> bytes:
    return hashlib.sha256(block.rows.write_csv().encode()).digest()
