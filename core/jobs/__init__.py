"""Background jobs: the queue, its database and the worker processes."""

from core.jobs.job import Job
from core.jobs.queue import Jobs
from core.jobs.worker import (
    JobCallbacks,
    cancel,
    finish_early,
    foreground_job,
    job_worker,
    log_file,
    resume,
    should_finish_callback,
    start_next_job,
    start_run,
)

__all__ = [
    "Job",
    "JobCallbacks",
    "Jobs",
    "cancel",
    "finish_early",
    "foreground_job",
    "job_worker",
    "log_file",
    "resume",
    "should_finish_callback",
    "start_next_job",
    "start_run",
]
