"""The steps of a run and their expected durations, for the progress bar."""

from __future__ import annotations

from dataclasses import replace

from core.base.progress import Step
from core.config import RunConfig

_SHARE_OF_OTHER_STEPS = 0.3
"""Share of a time budget not spent on tuning: 0.2 to 0.5 in runs of two to three minutes, less in longer ones."""
_SECONDS_PER_LEARNER = 9.0
"""With one seed on five folds, at 100,000 sessions on two cores."""
_SECONDS_PER_TRIAL = 6.0
"""Of one learner, at 100,000 sessions on two cores, when most trials are pruned."""


def steps(config: RunConfig) -> tuple[Step, ...]:
    """Return the steps of a run in order. Their weights are seconds at 100,000 sessions, or shares of a time budget.

    >>> [step.name for step in steps(RunConfig(preset="standard"))]
    ['ingest', 'features', 'prepare', 'tune', 'train', 'importance', 'certificate', 'write']
    """
    others: tuple[Step, ...] = (
        Step("ingest", "Reading the files", 2),
        Step("features", "Computing features", 3),
        Step("prepare", "Recovering prices", 7),
        Step("train", "Training", _SECONDS_PER_LEARNER * len(config.learners) * config.min_seeds),
        Step("importance", "Measuring importance", 7),
        Step("certificate", "Checking for leaks", 4),
        Step("write", "Writing the run", 1),
    )
    if not config.tunes:
        return others
    tuning = _SECONDS_PER_TRIAL * len(config.learners) * (config.trials or 1)
    if config.budget_minutes is not None:  # tuning takes the time that the other steps leave
        total = sum(step.weight for step in others)
        others = tuple(replace(step, weight=_SHARE_OF_OTHER_STEPS * step.weight / total) for step in others)
        tuning = 1.0 - _SHARE_OF_OTHER_STEPS
    return (*others[:3], Step("tune", "Tuning", tuning), *others[3:])
