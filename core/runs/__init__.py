"""Finished runs: their store, texts, ranking and comparison."""

from core.base.note import Note
from core.runs.best import best_run, compare_with_best
from core.runs.compare import Comparison, compare_runs
from core.runs.store import Run, delete_run, find_run, list_runs, load_run, run_folder, unreadable_runs
from core.runs.summary import (
    WITHHELD,
    describe_run,
    describe_settings,
    expected_error,
    expected_interval,
    expected_score,
    shift_warning,
)

__all__ = [
    "WITHHELD",
    "Comparison",
    "Note",
    "Run",
    "best_run",
    "compare_runs",
    "compare_with_best",
    "delete_run",
    "describe_run",
    "describe_settings",
    "expected_error",
    "expected_interval",
    "expected_score",
    "find_run",
    "list_runs",
    "load_run",
    "run_folder",
    "shift_warning",
    "unreadable_runs",
]
