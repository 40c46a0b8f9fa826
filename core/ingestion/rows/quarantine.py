"""Quarantine rows that cannot be used, with their original text and the first reason that applies."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import numpy as np
import polars as pl

from core.ingestion.mapping import Mapping
from core.ingestion.mapping.refusals import short
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
NO_NUMBER = " is no finite number"
"""End of the reason for a row whose value cannot be parsed; its column comes first."""
NO_TOTAL = "no_total"
"""Column: whether a purchase row has an empty order total, because another row of the order has it."""
_MOST_WORDS_NAMED = 5  # with more unknown words than this, reasons do not name them


def quarantine_rows(
    name: str, block: Block, meaning: pl.DataFrame, unusable: pl.Series, reason: pl.Expr
) -> pl.DataFrame:
    """Return the rows of a block that go to the quarantine, sorted by line.

    Args:
        meaning: cells and parsed values, one row per row of the block, as `reason` needs them.
        unusable: true for the rows to quarantine.
    """
    parts = [_rows(name, ((broken.line, broken.fault.reason, broken.text, False) for broken in block.broken))]
    if unusable.any():
        places = unusable.arg_true().to_numpy().astype(np.int64)
        why = meaning.filter(unusable).select(reason, (pl.col(TYPE) == IGNORED_TYPE).fill_null(value=False))
        texts = block.text_of(places.tolist())
        lines = block.lines_of(places).tolist()
        parts.append(_rows(name, zip(lines, why.get_column(REASON), texts, why.get_column(TYPE), strict=True)))
    return pl.concat(parts).sort(LINE, maintain_order=True)


def reason_expression(
    mapping: Mapping, ids: Collection[str], unknown_words: Collection[str], value: str | None
) -> pl.Expr:
    """Return an expression for the first reason why a row cannot be used; null for a usable row.

    It needs the cells of the id columns and of event_type, and the parsed time, type and value.

    Args:
        mapping: how the log is read; reasons use its column names.
        ids: schema names of the id columns.
        value: description of the value for reasons; None in a test file.
    """
    columns = mapping.columns
    rules = {
        f"empty {getattr(columns, column)}": (pl.col(column) == "").fill_null(value=True)
        for column in ids
        if column in NEEDED_IDS
    }
    title = pl.col(EVENT_TIME).cast(pl.String).str.strip_chars().str.to_lowercase()
    rules = {"it repeats the header": (title == str(columns.event_time).lower()).fill_null(value=False)} | rules
    words = [] if mapping.every_event_is is not None else [EVENT_TYPE]
    rules |= {f"{getattr(columns, column)} holds a NUL character": holds_nul(column) for column in [*ids, *words]}
    rules[no_time(mapping)] = pl.col(TIME).is_null()
    if mapping.every_event_is is None:
        rules |= _word_rules(mapping, unknown_words)
    if value is not None:
        total = ~pl.col(NO_TOTAL) if mapping.price_is == "order_total" else pl.lit(value=True)
        rules[f"{value}{NO_NUMBER}"] = pl.col(VALUE).is_null() & total
        if not mapping.adds_prices:  # a negative purchase is a return
            rules[f"{value} is negative"] = pl.col(VALUE) < 0
        rules[f"{value} is above {LARGEST_VALUE:.0e}"] = pl.col(VALUE).abs() > LARGEST_VALUE
    return pl.coalesce(pl.when(rule).then(pl.lit(reason)) for reason, rule in rules.items()).alias(REASON)


def holds_nul(column: str) -> pl.Expr:
    """Return whether cells contain a NUL character: invisible, and a sign of a broken export."""
    return pl.col(column).cast(pl.String).str.contains("\x00", literal=True).fill_null(value=False)


def _word_rules(mapping: Mapping, unknown: Collection[str]) -> dict[str, pl.Expr]:
    column = mapping.columns.event_type
    mapped_words = ", ".join(mapping.event_words)
    word = pl.col(EVENT_TYPE).cast(pl.String).str.strip_chars().fill_null("")
    rules = {
        f"{column} is {ignored or 'empty'}, which is to be ignored": word.str.to_lowercase() == ignored
        for ignored in sorted(mapping.ignored())
    }
    rules[f"empty {column}"] = word == ""
    if len(unknown) <= _MOST_WORDS_NAMED:
        rules |= {f"{column} is {short(text)}, not one of {mapped_words}": word == text for text in sorted(unknown)}
    rules[f"{column} is none of {mapped_words}"] = pl.col(TYPE).is_null()
    return rules


def no_time(mapping: Mapping) -> str:
    """Return the reason for a row whose time cannot be parsed."""
    form = mapping.time_format
    if form == "auto":
        example = "like 2025-06-19 10:23:07+00:00"
    else:
        is_number = form.startswith("epoch")
        example = f"in {form.replace('_', ' ')} of 1990 or later" if is_number else f"of the form {form}"
    return f"{mapping.columns.event_time} is no time {example}"


def _rows(name: str, rows: Iterable[tuple[int, str, str, bool]]) -> pl.DataFrame:
    schema = {LINE: pl.Int64, REASON: pl.String, ROW: pl.String, IGNORED: pl.Boolean}
    return pl.DataFrame(list(rows), schema=schema, orient="row").select(pl.lit(name).alias(FILE), pl.all())
