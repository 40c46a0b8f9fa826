"""Identify a process across time. The system reuses process ids, so the start time is stored next to the id."""

from __future__ import annotations

import psutil

_TOLERANCE = 2.0
"""Seconds. The system rounds start times, and it does not reuse an id this quickly."""


def start_time(process: psutil.Process) -> float:
    """Return the seconds from system boot to the start of a process.

    Relative to boot, because setting the clock changes the absolute times of both.

    Raises:
        psutil.Error: the process has ended.
    """
    return float(process.create_time() - psutil.boot_time())


def find_process(pid: int, started: float) -> psutil.Process | None:
    """Return the process with this id and `start_time`; None if it has ended, even if it is still a zombie."""
    try:
        process = psutil.Process(pid)
        same = abs(start_time(process) - started) < _TOLERANCE and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return None
    return process if same else None
