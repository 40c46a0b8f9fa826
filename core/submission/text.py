"""Shares, quoted examples and numbers in the sentences of the checks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import polars as pl

from core.base.text import count, listed, shorten, verb
from core.schema import LINE
from core.submission.case import TEXT

MAX_EXAMPLES: Final = 3
"""Enough to see a pattern, few enough for one sentence."""


def share(amount: int, total: int, noun: str, singular: str = "is", plural: str = "are") -> str:
    """Return an amount of a total with a verb; the verb agrees with the amount, the noun with the total.

    >>> share(1, 1000, "value"), share(2, 1000, "row", "has", "have")
    ('1 of 1,000 values is', '2 of 1,000 rows have')
    """
    return f"{amount:,} of {count(total, noun)} {verb(amount, singular, plural)}"


def quoted(texts: Iterable[str]) -> str:
    r"""Return texts in quotes, with control characters escaped, long texts cut, and at most three of them.

    >>> quoted(["a", "b\n"]), quoted("abcde")
    ("'a', 'b\\n'", "'a', 'b', 'c' and 2 more")
    """
    return listed((repr(shorten(text)) for text in texts), MAX_EXAMPLES)


def line_examples(rows: pl.DataFrame) -> str:
    """Return the first rows of a table with `line` and `text`, each as its line number and quoted text.

    >>> line_examples(pl.DataFrame({"line": [5, 9], "text": ["a", "b"]}))
    "line 5: 'a', line 9: 'b'"
    """
    first = rows.select(LINE, TEXT).head(MAX_EXAMPLES).rows()
    return listed((f"line {line:,}: {shorten(text)!r}" for line, text in first), MAX_EXAMPLES, total=rows.height)


def plain_number(number: float) -> str:
    """Return a number with six significant digits and thousands separators.

    >>> plain_number(9614.9), plain_number(20.0)
    ('9,614.9', '20')
    """
    return f"{number:,.6g}"
