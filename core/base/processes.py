"""Whether a process that was noted down is still there: numbers are given anew, so when it began is noted beside it."""

from __future__ import annotations

import psutil

_TOLERANCE = 2.0
"""Seconds that two looks at one beginning may be apart: systems round it. A number is not given anew so soon."""


def began(process: psutil.Process) -> float:
    """Seconds from the machine's start to the process's: a clock that is put right moves both of the times of day that
    it is made of.

    Raises:
        psutil.Error: it has ended.
    """
    return float(process.create_time() - psutil.boot_time())


def living(pid: int, since: float) -> psutil.Process | None:
    """The process of this number that began then; None where it has ended, also one that nobody has collected yet."""
    try:
        process = psutil.Process(pid)
        same = abs(began(process) - since) < _TOLERANCE and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return None
    return process if same else None
