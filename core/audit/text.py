"""Days, time spans and shares in the sentences of findings."""

from __future__ import annotations

from typing import Final

import numpy as np

from core.base.text import duration, number, percent, whole
from core.schema import SECONDS_PER_DAY

MAX_EXAMPLES: Final = 3
"""Enough to see a pattern, few enough to read at a glance."""


def share_of(amount: int, total: int, plural: str) -> str:
    """Return an amount as a share of a total.

    >>> share_of(3, 1500, "sessions")
    '3 of 1,500 sessions (0.2%)'
    """
    return f"{whole(amount)} of {whole(total)} {plural} ({percent(amount / total)})"


def format_day(seconds: int) -> str:
    """Return the date (UTC) of an epoch time in seconds, in any year.

    >>> format_day(1_748_865_600), format_day(-1)
    ('2025-06-02', '1969-12-31')
    """
    return str(np.datetime64(seconds, "s").astype("datetime64[D]"))


def time_span(seconds: int) -> str:
    """Return a time span as text, in days if it is two days or longer.

    >>> time_span(90), time_span(86_400), time_span(1_764_000)
    ('1 min 30 s', '24 h 0 min', '20.4 days')
    """
    return duration(seconds) if seconds < 2 * SECONDS_PER_DAY else f"{number(seconds / SECONDS_PER_DAY)} days"
