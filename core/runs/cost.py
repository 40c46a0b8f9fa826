"""What a run will take on this machine, from what earlier runs took here."""

from __future__ import annotations

from collections.abc import Sequence

from core.config import RunConfig, available_cores
from core.runs.store import Run

_SECONDS_A_SESSION = 40.0 / 101_500
"""Of a quick run with three learners on two cores, files to submission; measured on the demo (docs/benchmarks.md)."""
_START_SECONDS = 5.0
"""Of the smallest run: the libraries are imported, trees are grown."""
_OF_FITS = 0.5
"""Share of the time that goes with learners and folds."""
_CORES = 2


def expected_seconds(config: RunConfig, sessions: int, runs: Sequence[Run]) -> float:
    """Seconds from start to submission for so many train and test sessions; `runs` are those of this workspace.

    Where time is given, that; else the pace of the latest untuned run here, or, without one, a figure measured once.
    Trials are not foreseen: their cost shows when they run.
    """
    if config.minutes_given is not None:
        return 60.0 * config.minutes_given
    share = len(config.learners) / len(RunConfig().learners) * config.folds / RunConfig().folds
    return _START_SECONDS + _seconds_a_session(runs) * sessions * (1 - _OF_FITS + _OF_FITS * share)


def _seconds_a_session(runs: Sequence[Run]) -> float:
    """The pace of the latest run with the usual settings, or, without one, that measured once."""
    latest = max(
        (run.manifest for run in runs if run.manifest.config == RunConfig(seed=run.manifest.config.seed)),
        key=lambda manifest: manifest.created,
        default=None,
    )
    if latest is None:
        return _SECONDS_A_SESSION * _CORES / available_cores()
    return max(latest.seconds - _START_SECONDS, 0.0) / (latest.sessions.train + latest.sessions.test)
