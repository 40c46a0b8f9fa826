"""Finished runs: their store, texts, ranking and comparison."""

from core.base.note import Note
from core.runs.best import best_run, compare_with_best
from core.runs.compare import Comparison, compare_runs
from core.runs.leaderboard import Difference, Entry, differences, differing_settings, leaderboard
from core.runs.listing import delete_run, find_run, list_runs, open_runs, run_folder, unreadable_runs
from core.runs.store import Run, load_run
from core.runs.summary import (
    WITHHELD,
    describe_run,
    describe_settings,
    error_sentence,
    expected_error,
    expected_interval,
    expected_score,
    open_session_warning,
    setting_value,
    shift_warning,
)

__all__ = [
    "WITHHELD",
    "Comparison",
    "Difference",
    "Entry",
    "Note",
    "Run",
    "best_run",
    "compare_runs",
    "compare_with_best",
    "delete_run",
    "describe_run",
    "describe_settings",
    "differences",
    "differing_settings",
    "error_sentence",
    "expected_error",
    "expected_interval",
    "expected_score",
    "find_run",
    "leaderboard",
    "list_runs",
    "load_run",
    "open_runs",
    "open_session_warning",
    "run_folder",
    "setting_value",
    "shift_warning",
    "unreadable_runs",
]
