"""Text for the explanations of the checks: counts, quoted examples and numbers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import polars as pl

from core.base.text import count, listed, shorten, verb, whole
from core.schema import LINE
from core.submission.target import TEXT

MAX_EXAMPLES: Final = 3
"""Enough to see a pattern, few enough for one sentence."""


def count_of(amount: int, total: int, noun: str, singular: str = "is", plural: str = "are") -> str:
    """Return an amount of a total with a verb. The verb agrees with the amount, the noun with the total.

    >>> count_of(1, 1000, "value"), count_of(2, 1000, "row", "has", "have")
    ('1 of 1,000 values is', '2 of 1,000 rows have')
    """
    return f"{whole(amount)} of {count(total, noun)} {verb(amount, singular, plural)}"


def quoted(texts: Iterable[str]) -> str:
    r"""Return the first three texts in quotes. Control characters are escaped and long texts are cut.

    >>> quoted(["a", "b\n"]), quoted("abcde")
    ("'a' and 'b\\n'", "'a', 'b', 'c' and 2 more")
    """
    return listed((repr(shorten(text)) for text in texts), MAX_EXAMPLES)


def explain_rows(rows: pl.DataFrame, amount: str, problem: str, advice: str) -> str | None:
    """Explain a problem of some rows with the first three of them; None if there are no rows.

    Args:
        rows: the rows with the problem: `line` and `text`.
        amount: the number of these rows with a verb, from `count_of`.
        problem: rest of the sentence.
        advice: what to do next, as a sentence.

    >>> rows = pl.DataFrame({"line": [5, 9], "text": ["-1", "-2"]})
    >>> explain_rows(rows, "2 of 8 values are", "below 0", "Correct them.")
    "2 of 8 values are below 0 (line 5: '-1' and line 9: '-2'). Correct them."
    """
    if rows.is_empty():
        return None
    first = rows.select(LINE, TEXT).head(MAX_EXAMPLES).rows()
    lines = listed((f"line {whole(line)}: {shorten(text)!r}" for line, text in first), MAX_EXAMPLES, total=rows.height)
    return f"{amount} {problem} ({lines}). {advice}"


def plain_number(number: float) -> str:
    """Return a number with six significant digits and thousands separators.

    >>> plain_number(9614.9), plain_number(20.0)
    ('9,614.9', '20')
    """
    return f"{number:,.6g}"
