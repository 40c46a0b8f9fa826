"""The steps of a run and their expected durations."""

from __future__ import annotations

from collections.abc import Mapping

from core.base.progress import Step
from core.config import RunConfig
from core.schema import LEARNER_LABELS

_DEFAULT_SESSIONS = 100_000
"""Train and test sessions of the competition."""
_SECONDS = {
    "ingest": (0.05, 0.0),  # of a stored dataset, which is only opened
    "features": (0.2, 0.005),
    "prepare": (0.5, 0.056),
    "train": (1.15, 0.23),
    "importance": (1.7, 0.08),
    "certificate": (0.45, 0.045),
    "write": (0.12, 0.02),
}
"""Step -> seconds of any run, and seconds per 1,000 sessions: a quick run with default settings on two idle cores.

Fitted to runs of 1,500 to 100,000 sessions. The fixed part matters: a run on a thousandth of the data takes far longer
than a thousandth of the time.
"""
_LIVE_ROWS = 1.8
"""Rows of a run for open sessions, relative to its sessions, on data in which half of the sessions have one event."""
_SECONDS_PER_TRIAL = (0.15, 0.036)
"""The same for one trial of one learner, when most trials are pruned."""
_EXPLAINED_SESSIONS = 8_000
"""Above this, importance hardly takes more time, because it is computed on a sample."""
_SHARED = 0.35
"""Share of training and importance that does not depend on the number of learners with trees."""
_CHEAP = 0.1
"""Time of a trial of a linear model, relative to one of trees."""
_TUNED_FIT = 0.65
"""Time of fitting a tuned model with one seed, relative to a default one. In seven runs it was 0.5 to 1.3: a search may
find more and larger trees, or fewer and smaller ones."""
_COSTLY = frozenset(LEARNER_LABELS) - {"linear"}
"""Learners whose fits take time. A linear model is fitted in a tenth of the time of trees."""


def steps(
    config: RunConfig, n_sessions: int = _DEFAULT_SESSIONS, paces: Mapping[str, float] | None = None
) -> tuple[Step, ...]:
    """Return the steps of a run in order. Their weights are expected seconds.

    Args:
        n_sessions: number of train and test sessions.
        paces: step -> its duration on this machine, as a multiple of that on the machine where the durations were
            measured; 1 for steps that are not named.

    >>> [step.name for step in steps(RunConfig(preset="standard"))]
    ['ingest', 'features', 'prepare', 'tune', 'train', 'importance', 'certificate', 'write']
    >>> round(sum(step.weight for step in steps(RunConfig(preset="standard"))))
    600
    """
    n_sessions = round(n_sessions * _LIVE_ROWS) if config.is_live else n_sessions
    budget = None if config.budget_minutes is None else 60 * config.budget_minutes
    paces = paces or {}
    others = _other_steps(config, n_sessions, paces, config.min_seeds)
    if budget is not None and _total(others) > budget:  # there is only time for one seed
        others = _other_steps(config, n_sessions, paces, 1)
    if not config.tunes:
        return others
    if budget is not None:  # tuning takes the time that the other steps leave
        tuning = max(budget - _total(others), 0.0)
    else:
        per_trial = _seconds(_SECONDS_PER_TRIAL, n_sessions) * paces.get("tune", 1.0)
        tuning = per_trial * max(_n_costly(config), _CHEAP) * (config.trials or 1)
    return (*others[:3], Step("tune", "Tuning", tuning), *others[3:])


def _other_steps(config: RunConfig, n_sessions: int, paces: Mapping[str, float], n_seeds: int) -> tuple[Step, ...]:
    """Return the steps other than tuning."""
    default = RunConfig()
    learners = _SHARED + (1 - _SHARED) * _n_costly(config) / len(_COSTLY)
    fits = learners * config.folds / default.folds
    # with several seeds, the importance of each is measured on fewer sessions
    shares = {"train": fits * n_seeds * (_TUNED_FIT if config.tunes else 1.0), "importance": fits}
    seconds = {
        name: _seconds(cost, min(n_sessions, _EXPLAINED_SESSIONS) if name == "importance" else n_sessions)
        * paces.get(name, 1.0)
        * shares.get(name, 1.0)
        for name, cost in _SECONDS.items()
    }
    labels = {
        "ingest": "Reading the files",
        "features": "Computing features",
        "prepare": "Recovering prices",
        "train": "Training",
        "importance": "Measuring importance",
        "certificate": "Checking for leaks",
        "write": "Writing the run",
    }
    return tuple(Step(name, label, seconds[name]) for name, label in labels.items())


def _n_costly(config: RunConfig) -> int:
    return len(_COSTLY.intersection(config.learners))


def _seconds(cost: tuple[float, float], n_sessions: int) -> float:
    fixed, per_thousand = cost
    return fixed + per_thousand * n_sessions / 1_000


def _total(parts: tuple[Step, ...]) -> float:
    return sum(step.weight for step in parts)
