"""Processes: their priority, and their identification by id and start time, because the system reuses ids."""

from __future__ import annotations

import psutil

LOW_PRIORITY, NORMAL_PRIORITY = 10, 0
"""Priorities of a background job: after the dashboard and other programs, or like them."""
_TOLERANCE_SECONDS = 2.0
"""The system rounds start times, and it does not reuse an id this quickly."""


def start_time(process: psutil.Process) -> float:
    """Return the seconds from system boot to the start of a process.

    Unlike the time of day, they do not change if the clock is set.

    Raises:
        psutil.Error: the process has ended.
    """
    return float(process.create_time() - psutil.boot_time())


def find_process(pid: int, started: float) -> psutil.Process | None:
    """Return the process with this id and `start_time`; None if it has ended or is a zombie."""
    try:
        process = psutil.Process(pid)
        is_same = abs(start_time(process) - started) < _TOLERANCE_SECONDS
        return process if is_same and process.status() != psutil.STATUS_ZOMBIE else None
    except psutil.Error:
        return None
