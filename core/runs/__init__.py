"""Finished runs: what was computed, and how it compares."""

from core.runs.compare import Comparison, compare_runs
from core.runs.cost import expected_seconds
from core.runs.promise import (
    NOT_PROMISED,
    expected_error,
    expected_interval,
    expected_score,
    is_promised,
    warning_text,
)
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
from core.runs.summary import in_words

__all__ = [
    "NOT_PROMISED",
    "Comparison",
    "Note",
    "Run",
    "best_run",
    "compare_runs",
    "delete_run",
    "expected_error",
    "expected_interval",
    "expected_score",
    "expected_seconds",
    "find_run",
    "in_words",
    "is_promised",
    "list_runs",
    "load_run",
    "run_folder",
    "unreadable_runs",
    "warning_text",
]
