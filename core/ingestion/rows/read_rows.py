"""Read the train or the test file block by block, on all cores, and count the rows.

A file with too few usable rows is refused with a message that names the most frequent reasons for quarantine.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from functools import cache, partial

import polars as pl

from core.base.text import fold_case
from core.errors import ContentError, SourceError, StudioError
from core.ingestion.mapping import Mapping
from core.ingestion.mapping.time_guess import guess_time_format
from core.ingestion.mapping.time_problems import time_problem
from core.ingestion.parallel import map_in_order
from core.ingestion.peek import peek
from core.ingestion.rows.quarantine import NO_NUMBER, no_time
from core.ingestion.rows.read_counts import ReadCounts
from core.ingestion.rows.row_parser import ParsedBlock, RowParser
from core.ingestion.sources.columns import pick
from core.ingestion.sources.content_hash import Content
from core.ingestion.sources.query import Query
from core.ingestion.sources.source import Source, most_rows, open_tables
from core.ingestion.sources.tables import FaultCode, Piece
from core.ingestion.values.doubts import refuse_lost_purchases, refuse_unclear_numbers
from core.schema import IGNORED

_PER_CORE = 2  # blocks in progress: two per core keep every core busy while memory stays small
_GIVE_UP_AFTER, _GIVE_UP_BELOW = 200_000, 0.1
"""Number of rows, without ignored ones, and a share of `least_usable`. If fewer of the first 200,000 rows are usable
than a tenth of what is required, it is probably the wrong file. Reading then stops as soon as the rest of the file is
too short to reach the required share."""


def parse_source(
    source: Source,
    parser: RowParser,
    counts: ReadCounts,
    report: Callable[[int], None] = lambda size: None,
    content: Content | None = None,
    *,
    assumed_encoding: str | None = None,
) -> Iterator[tuple[ParsedBlock, bytes]]:
    """Parse all rows of a source.

    Args:
        counts: updated with each block.
        report: called with the size of each piece in bytes.
        content: receives the hashes of the files while they are read. None for a query.
        assumed_encoding: see `open_tables`.

    Yields:
        Each parsed block, and a hash: the SHA-256 of its rows if the source is a query, else empty bytes.

    Raises:
        InputError: a file is not a table, lacks a column, or has too few usable rows.
    """
    faulty = ReadCounts()  # quarantined rows, except those that the mapping ignores
    most_usable = cache(partial(most_rows, source, parser.shortest_row))
    for table in open_tables(source, parser.mapping, content, assumed_encoding=assumed_encoding):
        counts.begin(table.name)
        faulty.begin(table.name)
        columns = pick(table, parser.mapping, parser.columns, parser.optional_columns)
        parse = partial(_parse_piece, parser, table.name, hashes_rows=isinstance(source, Query))
        for size, block, digest in map_in_order(parse, table.pieces(columns), per_core=_PER_CORE):
            counts.add(table.name, block)
            if block.bad.height:
                bad = block.bad.filter(~pl.col(IGNORED))
                faulty.add(table.name, replace(block, rows=block.rows.clear(), bad=bad, empty={}))
            if _is_hopeless(counts, parser.mapping.least_usable, most_usable):
                _refuse(source, counts, faulty, parser)
            report(size)
            yield block, digest
    _require_usable(source, counts, faulty, parser)


def _parse_piece(parser: RowParser, name: str, piece: Piece, *, hashes_rows: bool) -> tuple[int, ParsedBlock, bytes]:
    """Return the size of a piece, its rows, and the SHA-256 of its rows on request, else empty bytes."""
    block = piece.read()
    digest = hashlib.sha256(block.rows.write_csv().encode()).digest() if hashes_rows else b""
    return piece.size, parser.parse(name, block), digest


def _require_usable(source: Source, counts: ReadCounts, faulty: ReadCounts, parser: RowParser) -> None:
    """Refuse a source that has been read if too few of its rows can be used, or if a person must decide on them."""
    mapping = parser.mapping
    refuse_unclear_numbers(source.name, mapping, counts)
    if counts.kept < mapping.least_usable * (counts.rows - counts.ignored) or not counts.kept:
        _refuse(source, counts, faulty, parser)
    if counts.purchases.lost:
        reason, _ = counts.purchases.reasons.most_common(1)[0]
        refuse_lost_purchases(source.name, mapping, counts, _suggested_setting(source, reason, mapping))


def _is_hopeless(counts: ReadCounts, least: float, most_usable: Callable[[], int]) -> bool:
    """Return whether too few rows are usable so far, and the rest of the source is too short to change that.

    Args:
        most_usable: returns an upper bound of the usable rows of the whole source.
    """
    n_rows = counts.rows - counts.ignored
    if n_rows < _GIVE_UP_AFTER or counts.kept > _GIVE_UP_BELOW * least * n_rows:
        return False
    return least * (n_rows - counts.kept) > (1 - least) * most_usable()


def _refuse(source: Source, counts: ReadCounts, faulty: ReadCounts, parser: RowParser) -> None:
    """Raise the error for too few usable rows. Ignored rows count only if no other rows are quarantined."""
    if not counts.rows:
        no_rows = SourceError.empty_query_result if isinstance(source, Query) else SourceError.empty
        raise no_rows(source.name)
    quarantined = faulty if faulty.rows else counts
    total = counts.kept + quarantined.quarantined
    reasons = ", ".join(f"{count:,} x {reason}" for reason, count in quarantined.most_reasons())
    worst = quarantined.worst_file()
    if worst is not None:
        reasons += f"; {quarantined.files[worst].quarantined:,} of them in {worst}"
    if total < counts.rows:
        reasons += f"; the mapping ignores {counts.ignored:,} more"
    least = parser.mapping.least_usable
    reason, _ = quarantined.most_reasons()[0]
    if quarantined.faults.get(reason) is FaultCode.OTHER_ENCODING:
        setting = 'encoding = "cp1252" (or the actual encoding)'
    else:
        setting = _suggested_setting(source, reason, parser.mapping)
    raise ContentError.too_few_valid(
        "row",
        source.name,
        counts.kept,
        total,
        reasons,
        min_share=least,
        mapping_line=setting,
        remedy="" if setting else _time_problem(source, reason, parser.mapping),
    )


def _suggested_setting(source: Source, reason: str, mapping: Mapping) -> str:
    """Return the mapping setting that may fix a reason for quarantine, in TOML; empty if none is known."""
    with suppress(StudioError):
        if reason.endswith(NO_NUMBER) and mapping.adds_prices:
            guess = peek(source, mapping).guess().settings
            price, decimal = guess.get("columns", {}).get("price"), guess.get("decimal")
            if price not in (None, mapping.columns.price):
                return f'price = "{price}" under [columns]'
            if decimal not in (None, mapping.decimal):
                return f'decimal = "{decimal}"'
        if reason == no_time(mapping):
            detected = guess_time_format(_first_times(source, mapping))
            if detected is not None and detected.time_format != mapping.time_format:
                return f'time_format = "{detected.time_format}"'
    return ""


def _time_problem(source: Source, reason: str, mapping: Mapping) -> str:
    """Return why the times have no format that a mapping can name and what to do; empty if that is not the reason."""
    if not reason.startswith(f"{mapping.columns.event_time} "):
        return ""
    with suppress(StudioError):
        return time_problem(str(mapping.columns.event_time), _first_times(source, mapping))
    return ""


def _first_times(source: Source, mapping: Mapping) -> list[str]:
    """Return the times in the first rows that are not empty."""
    head = peek(source, mapping)
    names = [fold_case(name) for name in head.columns]
    position = names.index(fold_case(str(mapping.columns.event_time)))
    return [row[position].strip() for row in head.rows if row[position].strip()]
