"""The steps of a run as a bar shows them: in the order of `core.pipeline.run`, each with its share of the time."""

from __future__ import annotations

from dataclasses import replace

from core.base.progress import Step
from core.config import RunConfig

_SHARE_OF_OTHERS = 0.3
"""Of the time given to a tuned run: 0.2 to 0.5 in runs of two and three minutes, less in longer ones."""
_SECONDS_A_LEARNER = 9.0
"""With one seed on five folds, at 100,000 sessions on two cores."""
_SECONDS_A_TRIAL = 6.0
"""Of a learner, at 100,000 sessions on two cores, most trials being given up early."""


def steps(config: RunConfig) -> tuple[Step, ...]:
    """The steps of a run; weights are about their seconds at 100,000 sessions."""
    least, _ = config.seeds
    others: tuple[Step, ...] = (
        Step("ingest", "Reading the files", 2),
        Step("features", "Computing features", 3),
        Step("prepare", "Recovering prices", 7),
        Step("train", "Training", _SECONDS_A_LEARNER * len(config.learners) * least),
        Step("importance", "Measuring importance", 7),
        Step("certificate", "Checking for leaks", 4),
        Step("write", "Writing the run", 1),
    )
    if not config.tunes:
        return others
    searching = _SECONDS_A_TRIAL * len(config.learners) * (config.trials or 1)
    if config.minutes_given is not None:  # a time is given: the search takes what the others leave, whatever the size
        others = tuple(replace(each, weight=_SHARE_OF_OTHERS * each.weight / _total(others)) for each in others)
        searching = 1.0 - _SHARE_OF_OTHERS
    return (*others[:3], Step("tune", "Tuning", searching), *others[3:])


def _total(parts: tuple[Step, ...]) -> float:
    return sum(each.weight for each in parts)
