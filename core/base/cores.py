"""The number of cores that this process may use."""

from __future__ import annotations

import os

MAX_THREADS = 64
"""Boosting gets slower, not faster, with more threads than this."""


def available_cores() -> int:
    """Return the number of cores that this process may use (in a container, often not all), at most `MAX_THREADS`."""
    if hasattr(os, "sched_getaffinity"):
        return min(len(os.sched_getaffinity(0)), MAX_THREADS)
    return min(os.cpu_count() or 1, MAX_THREADS)
