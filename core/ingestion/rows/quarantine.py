"""Quarantine rows that cannot be used, with their original text and the first reason that applies."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import numpy as np
import polars as pl

from core.ingestion.mapping import Mapping
from core.ingestion.mapping.refusals import short
from core.ingestion.sources.tables import Block
from core.schema import EVENT_TIME, EVENT_TYPE, LARGEST_VALUE, TIME, TYPE, USER_ID, USER_SESSION, VALUE

FILE, LINE, REASON, ROW, IGNORED = "file", "line", "reason", "row", "ignored"
"""Columns of the quarantine: file name, line (the header is line 1), reason, original text of the row, and whether
it is there only because the mapping says to ignore its event word."""
IGNORED_TYPE = -1
"""Code of event words that the mapping says to ignore."""
NEEDED_IDS = frozenset({USER_ID, USER_SESSION})
"""Ids without which a row is quarantined."""
NO_TOTAL = "no_total"
"""Column: whether a purchase row has an empty order total, because another row of the order has it."""
_MOST_WORDS_NAMED = 5  # with more unknown words than this, reasons do not name them


def quarantine_rows(
    name: str, block: Block, meaning: pl.DataFrame, unusable: pl.Series, reason: pl.Expr
) -> pl.DataFrame:
    """Return the rows of a block that go to the quarantine, sorted by line.

    Args:
        name: the file's name.
        block: the rows and the broken lines.
        meaning: cells and parsed values, one row per row of the block, as `reason` needs them.
        unusable: true for the rows to quarantine.
        reason: see `reason_expression`.
    """
    parts = [_rows(name, ((row.line, row.reason, row.text, False) for row in block.broken))]
    if unusable.any():
        places = unusable.arg_true().to_numpy().astype(np.int64)
        why = meaning.filter(unusable).select(reason, (pl.col(TYPE) == IGNORED_TYPE).fill_null(value=False))
        texts = block.text_of(places.tolist())
        found = zip(block.lines_of(places).tolist(), why.get_column(REASON), texts, why.get_column(TYPE), strict=True)
        parts.append(_rows(name, found))
    return pl.concat(parts).sort(LINE, maintain_order=True)


def reason_expression(
    mapping: Mapping, ids: Collection[str], unknown_words: Collection[str], value: str | None
) -> pl.Expr:
    """Return an expression for the first reason why a row cannot be used; null for a usable row.

    It needs the cells of the id columns and of event_type, and the parsed time, type and value.

    Args:
        mapping: how the log is read; reasons use its column names.
        ids: schema names of the id columns.
        unknown_words: event words that the mapping does not name.
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
    rules[f"{columns.event_time} is no time {_time_form(mapping)}"] = pl.col(TIME).is_null()
    if mapping.every_event_is is None:
        rules |= _word_rules(mapping, unknown_words)
    if value is not None:
        total = ~pl.col(NO_TOTAL) if mapping.price_is == "order_total" else pl.lit(value=True)
        rules[f"{value} is no finite number"] = pl.col(VALUE).is_null() & total
        if not mapping.adds_prices:  # a negative purchase is a return
            rules[f"{value} is negative"] = pl.col(VALUE) < 0
        rules[f"{value} is above {LARGEST_VALUE:.0e}"] = pl.col(VALUE).abs() > LARGEST_VALUE
    return pl.coalesce(pl.when(rule).then(pl.lit(reason)) for reason, rule in rules.items()).alias(REASON)


def holds_nul(column: str) -> pl.Expr:
    """Return whether cells contain a NUL character: invisible, and a sign of a broken export."""
    return pl.col(column).cast(pl.String).str.contains("\x00", literal=True).fill_null(value=False)


def _word_rules(mapping: Mapping, unknown: Collection[str]) -> dict[str, pl.Expr]:
    column = mapping.columns.event_type
    known = ", ".join(mapping.event_words)
    word = pl.col(EVENT_TYPE).cast(pl.String).str.strip_chars().fill_null("")
    rules = {
        f"{column} is {ignored or 'empty'}, which is to be ignored": word.str.to_lowercase() == ignored
        for ignored in sorted(mapping.ignored())
    }
    rules[f"empty {column}"] = word == ""
    if len(unknown) <= _MOST_WORDS_NAMED:
        rules |= {f"{column} is {short(each)}, not one of {known}": word == each for each in sorted(unknown)}
    rules[f"{column} is none of {known}"] = pl.col(TYPE).is_null()
    return rules


def _time_form(mapping: Mapping) -> str:
    form = mapping.time_format
    if form == "auto":
        return "like 2025-06-19 10:23:07+00:00"
    return f"in {form.replace('_', ' ')} of 1990 or later" if form.startswith("epoch") else f"of the form {form}"


def _rows(name: str, found: Iterable[tuple[int, str, str, bool]]) -> pl.DataFrame:
    schema = {LINE: pl.Int64, REASON: pl.String, ROW: pl.String, IGNORED: pl.Boolean}
    return pl.DataFrame(list(found), schema=schema, orient="row").select(pl.lit(name).alias(FILE), pl.all())
