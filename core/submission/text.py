"""Recurring parts of the checks' sentences: shares with their verb, examples with line numbers, numbers, quotes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import polars as pl

from core.base.text import count
from core.schema import LINE
from core.submission.case import TEXT

MAX_EXAMPLES: Final = 3
"""Enough to see a pattern, few enough for one sentence."""

_MAX_QUOTE: Final = 40
"""Characters. Ids and numbers are shorter; a paragraph in a field must not flood the sentence."""


def share(amount: int, total: int, noun: str, singular: str = "is", plural: str = "are") -> str:
    """Return an amount of a total with a verb; the verb agrees with the amount, the noun with the total.

    >>> share(1, 1000, "value"), share(2, 1000, "row", "has", "have")
    ('1 of 1,000 values is', '2 of 1,000 rows have')
    """
    return f"{amount:,} of {count(total, noun)} {singular if amount == 1 else plural}"


def quoted(texts: Iterable[str]) -> str:
    r"""Return texts in quotes, with control characters escaped, long texts cut, and at most three of them.

    >>> quoted(["a", "b\n"]), quoted("abcde")
    ("'a', 'b\\n'", "'a', 'b', 'c' and 2 more")
    """
    return _enumerate([_quote(text) for text in texts])


def line_examples(rows: pl.DataFrame) -> str:
    """Return the first rows of a table with `line` and `text`, each as its line number and quoted text.

    >>> line_examples(pl.DataFrame({"line": [5, 9], "text": ["a", "b"]}))
    "line 5: 'a', line 9: 'b'"
    """
    examples = [f"line {line:,}: {_quote(text)}" for line, text in rows.select(LINE, TEXT).head(MAX_EXAMPLES).rows()]
    return _enumerate(examples, rows.height)


def plain_number(number: float) -> str:
    """Return a number with six significant digits and thousands separators.

    >>> plain_number(9614.9), plain_number(20.0)
    ('9,614.9', '20')
    """
    return f"{number:,.6g}"


def _enumerate(items: list[str], total: int | None = None) -> str:
    rest = (len(items) if total is None else total) - MAX_EXAMPLES
    listed = ", ".join(items[:MAX_EXAMPLES])
    return f"{listed} and {rest:,} more" if rest > 0 else listed


def _quote(text: str) -> str:
    return repr(text if len(text) <= _MAX_QUOTE else f"{text[:_MAX_QUOTE]}…")
