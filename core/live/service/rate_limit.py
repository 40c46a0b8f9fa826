"""A limit of events per second and client address."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable

DEFAULT_RATE = 5_000.0
"""Events a second: more than one service can value."""
_MAX_ADDRESSES = 10_000
"""Maximum number of remembered addresses. The least recently used one is forgotten."""


class RateLimit:
    """A token bucket per address, which gets `rate` tokens a second and holds at most `burst`.

    Args:
        rate: events a second; 0 for no limit.
        burst: events at once.
        clock: returns seconds.
    """

    def __init__(self, rate: float, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._burst, self._clock = rate, max(float(burst), rate), clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        """Address -> tokens, and when they were counted."""

    def seconds_to_wait(self, address: str, events: int) -> int:
        """Take a token for each event of an address, and return 0.

        If there are too few, take none, and return the seconds until there are enough.
        """
        if self._rate <= 0:
            return 0
        now = self._clock()
        tokens, then = self._buckets.get(address, (self._burst, now))
        tokens = min(tokens + (now - then) * self._rate, self._burst)
        enough = tokens >= events
        self._buckets[address] = (tokens - events if enough else tokens, now)
        self._buckets.move_to_end(address)
        if len(self._buckets) > _MAX_ADDRESSES:
            self._buckets.popitem(last=False)
        return 0 if enough else max(math.ceil((events - tokens) / self._rate), 1)
