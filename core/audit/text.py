"""The recurring parts of a finding's sentences: days, lasting times, verbs that agree with their count."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from core.base.text import duration, number

DAY: Final = 86_400
MOST_EXAMPLES: Final = 3
"""Enough to see a pattern, few enough to read at a glance."""
LONGEST_SHOWN: Final = 40
"""Characters: a usual id is shorter; a paragraph in an id's place must not flood the sentence."""


def day(seconds: int) -> str:
    """The day (UTC) of a moment in epoch seconds, of any year.

    >>> day(1_748_865_600), day(-1)
    ('2025-06-02', '1969-12-31')
    """
    return str(np.datetime64(seconds, "s").astype("datetime64[D]"))


def shown(text: str, most: int = LONGEST_SHOWN) -> str:
    """A text of the files as it is shown: control characters made visible, what is longer than `most` cut.

    >>> shown("P12"), shown("a" + chr(10) + "b") == "a" + chr(92) + "nb", shown("x" * 50) == "x" * 40 + "…"
    ('P12', True, True)
    """
    cut = text if len(text) <= most else f"{text[:most]}…"
    return cut if cut.isprintable() else repr(cut)[1:-1]


def lasting(seconds: int) -> str:
    """A length of time; from two days on in days.

    >>> lasting(90), lasting(86_400), lasting(1_764_000)
    ('1 min 30 s', '24 h 0 min', '20.4 days')
    """
    return duration(seconds) if seconds < 2 * DAY else f"{number(seconds / DAY)} days"


def verb(amount: int, one: str, several: str) -> str:
    """The form of the verb that goes with the amount.

    >>> verb(1, "has", "have"), verb(0, "has", "have")
    ('has', 'have')
    """
    return one if amount == 1 else several


def joined(parts: Sequence[str]) -> str:
    """Parts of a sentence as a list.

    >>> joined(["a"]), joined(["a", "b"]), joined(["a", "b", "c"])
    ('a', 'a and b', 'a, b and c')
    """
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
