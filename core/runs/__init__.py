"""Runs and jobs: what was computed, and what is being computed."""

from core.runs.jobs import Job, Jobs
from core.runs.store import Run, best_run, find_run, list_runs, load_run
from core.runs.worker import cancel, finish_early, finish_wish, log_file, start_run, working_on

__all__ = [
    "Job",
    "Jobs",
    "Run",
    "best_run",
    "cancel",
    "find_run",
    "finish_early",
    "finish_wish",
    "list_runs",
    "load_run",
    "log_file",
    "start_run",
    "working_on",
]
