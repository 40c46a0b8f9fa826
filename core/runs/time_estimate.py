"""Estimated duration of a run on this machine, based on the durations of earlier runs."""

from __future__ import annotations

from collections.abc import Sequence

from core.config import RunConfig, available_cores
from core.runs.store import Run

_SECONDS_PER_SESSION = 40.0 / 101_500
"""Pace of a quick run with all learners, from files to submission (docs/benchmarks.md)."""
_CORES_OF_MEASUREMENT = 2
"""Cores of the machine on which that pace was measured."""
_START_SECONDS = 5.0
"""Duration of the smallest run, most of it for imports."""
_FITTING_SHARE = 0.5
"""Share of the time that is proportional to learners and folds."""


def expected_seconds(config: RunConfig, sessions: int, runs: Sequence[Run]) -> float:
    """Return the estimated seconds from start to submission, without trials, for `sessions` train and test sessions.

    With a time budget this is the budget. Otherwise it is based on the pace of the latest of `runs` with default
    settings, or, if there is none, on a measured pace.
    """
    if config.budget_minutes is not None:
        return 60.0 * config.budget_minutes
    default = RunConfig()
    fits = len(config.learners) / len(default.learners) * config.folds / default.folds
    return _START_SECONDS + _seconds_per_session(runs) * sessions * (1 - _FITTING_SHARE + _FITTING_SHARE * fits)


def _seconds_per_session(runs: Sequence[Run]) -> float:
    latest = max(
        (run.manifest for run in runs if run.manifest.config == RunConfig(seed=run.manifest.config.seed)),
        key=lambda manifest: manifest.created,
        default=None,
    )
    if latest is None:
        return _SECONDS_PER_SESSION * _CORES_OF_MEASUREMENT / available_cores()
    return max(latest.seconds - _START_SECONDS, 0.0) / (latest.sessions.train + latest.sessions.test)
