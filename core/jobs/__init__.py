"""Jobs: background work that is waiting, running or has ended."""

from core.jobs.job import Job
from core.jobs.queue import Jobs
from core.jobs.worker import (
    Watcher,
    cancel,
    finish_early,
    finish_wish,
    log_file,
    resume,
    start_run,
    start_waiting,
    working_here,
    working_on,
)

__all__ = [
    "Job",
    "Jobs",
    "Watcher",
    "cancel",
    "finish_early",
    "finish_wish",
    "log_file",
    "resume",
    "start_run",
    "start_waiting",
    "working_here",
    "working_on",
]
