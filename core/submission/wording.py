"""The recurring parts of a check's sentence: counts with their verb, examples with line numbers, numbers, quotes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import polars as pl

from core.submission.case import TEXT
from core.submission.file import LINE

MOST_EXAMPLES: Final = 3
"""Enough to see a pattern, few enough to stay one sentence."""

_LONGEST_QUOTE: Final = 40
"""Characters: an id or a number is shorter; a whole paragraph in a field must not flood the sentence."""


def amount(count: int, noun: str) -> str:
    """`1 row`, `1,000 rows`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def counted(count: int, total: int, noun: str, singular: str = "is", plural: str = "are") -> str:
    """`1 of 1,000 values is`, `2 of 1,000 values are`: the verb agrees with the count, the noun with the total."""
    return f"{count:,} of {amount(total, noun)} {singular if count == 1 else plural}"


def quoted(texts: Iterable[str]) -> str:
    """`'a', 'b', 'c' and 4 more`, control characters made visible and long texts cut."""
    return _listed([_quote(text) for text in texts])


def line_examples(rows: pl.DataFrame) -> str:
    """`line 5: 'a', line 9: 'b', line 12: 'c' and 4 more` from rows with `line` and `text`."""
    shown = [f"line {line:,}: {_quote(text)}" for line, text in rows.select(LINE, TEXT).head(MOST_EXAMPLES).rows()]
    return _listed(shown, rows.height)


def plain_number(number: float) -> str:
    """Six significant digits with thousands marks: `9,614.9`."""
    return f"{number:,.6g}"


def _listed(items: list[str], total: int | None = None) -> str:
    more = (len(items) if total is None else total) - MOST_EXAMPLES
    shown = ", ".join(items[:MOST_EXAMPLES])
    return f"{shown} and {more:,} more" if more > 0 else shown


def _quote(text: str) -> str:
    return repr(text if len(text) <= _LONGEST_QUOTE else f"{text[:_LONGEST_QUOTE]}…")
