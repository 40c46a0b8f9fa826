"""Finished runs: their store, texts about them, their comparison, and the expected duration of new runs."""

from core.runs.compare import Comparison, compare_runs
from core.runs.store import Note, Run, best_run, delete_run, find_run, list_runs, load_run, run_folder, unreadable_runs
from core.runs.summary import WITHHELD, describe_run, expected_error, expected_interval, expected_score, shift_warning
from core.runs.time_estimate import expected_seconds

__all__ = [
    "WITHHELD",
    "Comparison",
    "Note",
    "Run",
    "best_run",
    "compare_runs",
    "delete_run",
    "describe_run",
    "expected_error",
    "expected_interval",
    "expected_score",
    "expected_seconds",
    "find_run",
    "list_runs",
    "load_run",
    "run_folder",
    "shift_warning",
    "unreadable_runs",
]
