"""Reads the files of one role block by block, on all cores, and hands what is understood on in file order."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator

from core.errors import InputError
from core.ingestion.block import Block, Piece
from core.ingestion.columns import pick
from core.ingestion.database import Query
from core.ingestion.side_by_side import in_order
from core.ingestion.sources import Source, open_tables
from core.ingestion.tally import Tally
from core.ingestion.understanding import Understanding, Understood

_PER_CORE = 2
"""Blocks in work a core: no core waits, and memory stays small."""
_HOPELESS = 1_000_000
"""After so many rows without a usable one the file is the wrong one, however long it is."""


def read_blocks(
    source: Source, understanding: Understanding, tally: Tally, report: Callable[[int], None] = lambda size: None
) -> Iterator[tuple[Understood, bytes]]:
    """Understand all rows behind a source; gives each block, and the SHA-256 of its rows where no file has one.

    Raises:
        InputError: one sentence on a file that is no table, lacks a column, or has too few usable rows.
    """
    hashed = isinstance(source, Query)
    name = source.name
    for table in open_tables(source, understanding.mapping):
        picked = pick(table, understanding.mapping, understanding.wanted)

        def work(piece: Piece, name: str = table.name) -> tuple[int, Understood, bytes]:
            block = piece.read()
            return piece.size, understanding(name, block), _digest(block) if hashed else b""

        for size, block, digest in in_order(work, table.pieces(picked), per_core=_PER_CORE):
            tally.add(block)
            if tally.rows >= _HOPELESS and not tally.kept:
                _refuse(name, tally, understanding)
            report(size)
            yield block, digest
    if tally.kept < understanding.mapping.least_usable * (tally.rows - tally.ignored) or not tally.kept:
        _refuse(name, tally, understanding)


def _refuse(name: str, tally: Tally, understanding: Understanding) -> None:
    if not tally.rows:
        raise InputError.empty(name)
    reasons = ", ".join(f"{count:,} x {reason}" for reason, count in tally.most_reasons())
    raise InputError.too_few_rows(name, tally.kept, tally.rows, reasons, understanding.mapping.least_usable)


def _digest(block: Block) -> bytes:
    return hashlib.sha256(block.rows.write_csv().encode()).digest()
