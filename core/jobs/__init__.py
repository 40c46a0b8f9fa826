"""Background jobs: the queue, its database and the worker processes."""

from core.jobs.control import cancel, finish_early, log_file, resume, start_next_job, start_run
from core.jobs.job import Job
from core.jobs.queue import Jobs
from core.jobs.worker import JobCallbacks, foreground_job, job_worker, should_finish_callback

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
