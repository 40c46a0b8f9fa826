"""The rows that cannot be used: why, and as they stood in the file. Nothing is dropped in silence."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import numpy as np
import polars as pl

from core.ingestion.mapping import Mapping
from core.ingestion.mapping.refusals import short
from core.ingestion.sources.tables import Block
from core.schema import EVENT_TIME, EVENT_TYPE, LARGEST_VALUE, TIME, TYPE, USER_ID, USER_SESSION, VALUE

FILE, LINE, REASON, ROW, IGNORED = "file", "line", "reason", "row", "ignored"
"""Columns of the quarantine: the file, the line in it (the header is line 1), why, the row as it was, and whether it is
there only because the mapping told to ignore its event word."""
IGNORED_TYPE = -1
"""Stands for the event types that the mapping told to ignore."""
NEEDED_IDS = frozenset({USER_ID, USER_SESSION})
"""Ids without which a row is no event: whose it is, and of which session."""
NO_TOTAL = "no_total"
"""A purchase row whose cell for the order's total is empty: another row of the order has it."""
_MOST_WORDS_NAMED = 5  # event words told one by one in reasons; a column of free text would give a reason a row


def quarantine_rows(
    name: str, block: Block, meaning: pl.DataFrame, unusable: pl.Series, reason: pl.Expr
) -> pl.DataFrame:
    """The quarantine's rows of a block, in the order of their lines.

    Args:
        name: the file's name.
        block: its rows, and those that are none.
        meaning: cells and what they mean, row by row, as `reason` wants them.
        unusable: true for the rows to set aside.
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
    """The first reason why a row cannot be used, null for one that can.

    To be evaluated on the cells of the id columns and of event_type, and on time, type and value.

    Args:
        mapping: how the log is read; reasons call its columns as it does.
        ids: our names of the id columns that it has.
        unknown_words: event words that the mapping does not know.
        value: what the value is made of, in words; None in a test file.
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
        if not mapping.adds_prices:  # a purchase below 0 is a return, which lowers the order
            rules[f"{value} is negative"] = pl.col(VALUE) < 0
        rules[f"{value} is above {LARGEST_VALUE:.0e}"] = pl.col(VALUE).abs() > LARGEST_VALUE
    return pl.coalesce(pl.when(rule).then(pl.lit(reason)) for reason, rule in rules.items()).alias(REASON)


def holds_nul(column: str) -> pl.Expr:
    """Whether cells hold a NUL character, which broken programs leave behind and which no person can see."""
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
