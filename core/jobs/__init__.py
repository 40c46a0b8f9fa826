"""Background jobs: the queue, its database and the worker processes."""

from core.jobs.job import Job
from core.jobs.queue import Jobs
from core.jobs.worker import (
    JobCallbacks,
    cancel,
    finish_early,
    finish_request,
    log_file,
    resume,
    start_run,
    start_waiting,
    working_here,
    working_on,
)

__all__ = [
    "Job",
    "JobCallbacks",
    "Jobs",
    "cancel",
    "finish_early",
    "finish_request",
    "log_file",
    "resume",
    "start_run",
    "start_waiting",
    "working_here",
    "working_on",
]
