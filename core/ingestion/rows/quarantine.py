"""Quarantine rows that cannot be used, with their original text and the first reason that applies."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import polars as pl

from core.base.text import fold_case
from core.ingestion.mapping import Mapping
from core.ingestion.mapping.refusals import short
from core.ingestion.mapping.time_format import ROUNDED_TIME
from core.ingestion.rows.event_types import IGNORED_TYPE
from core.ingestion.sources.tables import Block
from core.schema import (
    EVENT_TIME,
    EVENT_TYPE,
    FILE,
    IGNORED,
    LARGEST_VALUE,
    LINE,
    REASON,
    ROW,
    TIME,
    TYPE,
    USER_ID,
    USER_SESSION,
    VALUE,
)

NEEDED_IDS = frozenset({USER_ID, USER_SESSION})
"""Ids without which a row is quarantined."""
REPEATED_HEADER = "it repeats the header"
"""Reason for a row that is the header of another file, which was appended."""
_ROUNDED = "has lost its last digits, as in 1.74E+12, which a spreadsheet writes"
"""End of the reason for a row whose time is rounded; it follows the name of the column."""
NO_NUMBER = " is not a finite number"
"""End of the reason for a row whose value cannot be parsed; it follows the name of the column."""
NO_TOTAL = "no_total"
"""Column: whether a purchase row has no order total, which another row of the order may have. Only in a log of order
totals."""
_MAX_NAMED_WORDS = 5  # with more unknown words than this, reasons do not name them


def quarantine_rows(name: str, block: Block, unusable: pl.DataFrame, positions: Sequence[int]) -> pl.DataFrame:
    """Return the rows of a block that go to the quarantine, sorted by line: file, line, reason, row and ignored.

    Args:
        unusable: parsed rows that cannot be used, with their line and reason.
        positions: positions of these rows in the block.
    """
    reason_of = {id(fault): fault.reason for fault in block.faults}
    cells: dict[str, list[Any]] = {
        LINE: [broken.line for broken in block.broken],
        REASON: [reason_of[id(broken.fault)] for broken in block.broken],
        ROW: [broken.text for broken in block.broken],
        IGNORED: [False] * len(block.broken),
    }
    if positions:
        cells[LINE] += unusable.get_column(LINE).to_list()
        cells[REASON] += unusable.get_column(REASON).to_list()
        cells[ROW] += block.text_of(positions)
        cells[IGNORED] += (unusable.get_column(TYPE) == IGNORED_TYPE).fill_null(value=False).to_list()
    schema = {LINE: pl.Int64, REASON: pl.String, ROW: pl.String, IGNORED: pl.Boolean}
    quarantined = pl.DataFrame(cells, schema=schema).select(pl.lit(name).alias(FILE), pl.all())
    return quarantined.sort(LINE, maintain_order=True)


def reason_expression(
    mapping: Mapping, ids: Collection[str], unknown_words: Collection[str], value: str | None
) -> pl.Expr:
    """Return an expression for the first reason why a row cannot be used; null for a usable row.

    It needs the cells of event_time, of event_type and of the id columns, and the parsed time, type and value.

    Args:
        mapping: how the log is read; reasons use its column names.
        ids: schema names of the id columns.
        unknown_words: event words that the mapping does not name.
        value: description of the value in reasons; None in a test file.
    """
    columns = mapping.columns
    time = _fold_case(pl.col(EVENT_TIME).cast(pl.String).str.strip_chars())
    rules = {REPEATED_HEADER: (time == fold_case(str(columns.event_time))).fill_null(value=False)}
    for column in ids:
        if column in NEEDED_IDS:
            rules[f"empty {getattr(columns, column)}"] = (pl.col(column) == "").fill_null(value=True)
    words = [] if mapping.every_event_is is not None else [EVENT_TYPE]
    rules |= {f"{getattr(columns, column)} contains a NUL character": has_nul(column) for column in [*ids, *words]}
    rules[f"{columns.event_time} {_ROUNDED}"] = time.str.contains(ROUNDED_TIME) & pl.col(TIME).is_null()
    rules[no_time(mapping)] = pl.col(TIME).is_null()
    if mapping.every_event_is is None:
        rules |= _word_rules(mapping, unknown_words)
    if value is not None:
        needs_value = ~pl.col(NO_TOTAL) if mapping.price_is == "order_total" else pl.lit(value=True)
        rules[f"{value}{NO_NUMBER}"] = pl.col(VALUE).is_null() & needs_value
        if not mapping.adds_prices:  # a negative purchase is a return
            rules[f"{value} is negative"] = pl.col(VALUE) < 0
        rules[f"{value} is above {LARGEST_VALUE:.0e}"] = pl.col(VALUE).abs() > LARGEST_VALUE
    return pl.coalesce(pl.when(rule).then(pl.lit(reason)) for reason, rule in rules.items()).alias(REASON)


def has_nul(column: str) -> pl.Expr:
    """Return a mask of the cells with a NUL character, which is invisible and a sign of a damaged export."""
    return pl.col(column).cast(pl.String).str.contains("\x00", literal=True).fill_null(value=False)


def _fold_case(texts: pl.Expr) -> pl.Expr:
    """Return the texts as `fold_case` does."""
    return texts.str.normalize("NFC").str.replace_many(["İ", "ı"], ["i", "i"]).str.to_lowercase()


def _word_rules(mapping: Mapping, unknown_words: Collection[str]) -> dict[str, pl.Expr]:
    """Return reason -> mask of the rows whose event word is ignored, empty or unknown."""
    column = mapping.columns.event_type
    mapped_words = ", ".join(mapping.event_words)
    word = pl.col(EVENT_TYPE).cast(pl.String).str.strip_chars().fill_null("")
    rules = {
        f"{column} is {ignored or 'empty'}, which the mapping ignores": _fold_case(word) == ignored
        for ignored in sorted(mapping.ignored())
    }
    rules[f"empty {column}"] = word == ""
    if len(unknown_words) <= _MAX_NAMED_WORDS:
        rules |= {
            f"{column} is {short(text)}, not one of {mapped_words}": word == text for text in sorted(unknown_words)
        }
    rules[f"{column} is none of {mapped_words}"] = pl.col(TYPE).is_null()
    return rules


def no_time(mapping: Mapping) -> str:
    """Return the reason for a row whose time cannot be parsed."""
    form = mapping.time_format
    if form == "auto":
        description = "such as 2025-06-19 10:23:07+00:00"
    elif form.startswith("epoch"):
        description = f"in {form.replace('_', ' ')} of 1990 or later"
    else:
        description = f"of the form {form}"
    return f"{mapping.columns.event_time} is not a time {description}"
