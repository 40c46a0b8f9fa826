"""The period that a file covers, without stray events far outside of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import polars as pl

from core.schema import SECONDS_PER_DAY, TIME

_TAIL: Final = 0.05
"""Share of the events before and after the middle 90%, which shows the period: a few stray events cannot move it."""
FAR_LENGTHS: Final = 3
"""An event is outside the log if it is farther from the middle 90% than this many times their length (at least a day).
An evenly filled log reaches 0.06 lengths beyond them, and one that doubles every half year over five years 1.3."""


@dataclass(frozen=True)
class Span:
    """The period that a file covers, in epoch seconds.

    Attributes:
        low, high: ends of the middle 90% of its events.
        earliest, latest: an event before or after these times is outside the log.
        first, last: first and last event that is not outside the log.
    """

    low: int
    high: int
    earliest: int
    latest: int
    first: int
    last: int

    @classmethod
    def of(cls, events: pl.LazyFrame) -> Span:
        """Return the period of events with a column `time` in epoch seconds."""
        time = pl.col(TIME)
        ends = [time.quantile(share, "nearest").cast(pl.Int64).alias(str(share)) for share in (_TAIL, 1 - _TAIL)]
        low, high = events.select(ends).collect().row(0)
        reach = FAR_LENGTHS * max(high - low, SECONDS_PER_DAY)
        earliest, latest = low - reach, high + reach
        inside = events.filter(time.is_between(earliest, latest))
        first, last = inside.select(time.min().alias("first"), time.max().alias("last")).collect().row(0)
        return cls(low, high, earliest, latest, first, last)
