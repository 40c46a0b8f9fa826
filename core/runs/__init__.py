"""Finished runs: the store, text about them, their comparison and the expected duration of new ones."""

from core.runs.compare import Comparison, compare_runs
from core.runs.cost import expected_seconds
from core.runs.expected import WITHHELD, expected_error, expected_interval, expected_score, shift_warning
from core.runs.store import (
    Note,
    Run,
    best_run,
    delete_run,
    find_run,
    list_runs,
    load_run,
    run_folder,
    unreadable_runs,
)
from core.runs.summary import describe_run

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
