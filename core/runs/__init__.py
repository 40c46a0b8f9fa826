"""Runs and jobs: what was computed, and what is being computed."""

from core.runs.compare import Comparison, compare_runs
from core.runs.cost import expected_seconds
from core.runs.job import Job
from core.runs.jobs import Jobs
from core.runs.promise import (
    NOT_PROMISED,
    expected_error,
    expected_interval,
    expected_score,
    is_promised,
    warning_text,
)
from core.runs.store import Note, Run, best_run, delete_run, find_run, list_runs, load_run, run_folder, unreadable_runs
from core.runs.words import in_words
from core.runs.worker import (
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
    "NOT_PROMISED",
    "Comparison",
    "Job",
    "Jobs",
    "Note",
    "Run",
    "Watcher",
    "best_run",
    "cancel",
    "compare_runs",
    "delete_run",
    "expected_error",
    "expected_interval",
    "expected_score",
    "expected_seconds",
    "find_run",
    "finish_early",
    "finish_wish",
    "in_words",
    "is_promised",
    "list_runs",
    "load_run",
    "log_file",
    "resume",
    "run_folder",
    "start_run",
    "start_waiting",
    "unreadable_runs",
    "warning_text",
    "working_here",
    "working_on",
]
