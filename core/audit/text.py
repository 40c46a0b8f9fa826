"""Recurring parts of a finding's sentences: days, time spans, verbs that agree with an amount, lists."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from core.base.text import duration, number

DAY: Final = 86_400
"""Seconds."""
MAX_EXAMPLES: Final = 3
"""Enough to see a pattern, few enough to read at a glance."""
MAX_TEXT: Final = 40
"""Characters. Most ids are shorter; a paragraph in place of an id must not flood the sentence."""


def format_day(seconds: int) -> str:
    """Return the date (UTC) of an epoch time in seconds, in any year.

    >>> format_day(1_748_865_600), format_day(-1)
    ('2025-06-02', '1969-12-31')
    """
    return str(np.datetime64(seconds, "s").astype("datetime64[D]"))


def display(text: str, length: int = MAX_TEXT) -> str:
    r"""Return text from a file for display: long text is cut, and control characters are escaped.

    >>> display("P12"), display("a\nb"), display("x" * 50) == "x" * 40 + "…"
    ('P12', 'a\\nb', True)
    """
    cut = text if len(text) <= length else f"{text[:length]}…"
    return cut if cut.isprintable() else repr(cut)[1:-1]


def time_span(seconds: int) -> str:
    """Return a time span, in days if it is two days or longer.

    >>> time_span(90), time_span(86_400), time_span(1_764_000)
    ('1 min 30 s', '24 h 0 min', '20.4 days')
    """
    return duration(seconds) if seconds < 2 * DAY else f"{number(seconds / DAY)} days"


def verb(amount: int, singular: str, plural: str) -> str:
    """Return the form of a verb that agrees with an amount.

    >>> verb(1, "has", "have"), verb(0, "has", "have")
    ('has', 'have')
    """
    return singular if amount == 1 else plural


def enumeration(parts: Sequence[str]) -> str:
    """Return a list with commas and "and".

    >>> enumeration(["a"]), enumeration(["a", "b"]), enumeration(["a", "b", "c"])
    ('a', 'a and b', 'a, b and c')
    """
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
