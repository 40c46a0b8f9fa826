"""Estimated duration of a run on this machine, based on the durations of earlier runs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from core.base.text import short_duration
from core.config import RunConfig, available_cores
from core.pipeline.steps import steps
from core.runs.store import Run

_START_SECONDS = 2.0
"""From the request to the first step: a process starts and imports the learners."""
_MEASURED_CORES = 2
"""Cores of the machine on which the durations of the steps were measured."""
_UNKNOWN_MACHINE = 3.0
"""Without an earlier run, a machine may be this many times faster or slower."""
_KNOWN_MACHINE = 1.3
"""Times vary by a third from run to run (docs/benchmarks.md)."""
_FACTOR_PER_SIZE = 1.12
"""Additional factor for each doubling or halving of the sessions beyond those of any earlier run."""
_AGE_DECAY = 0.7
"""Weight of a run relative to the next newer one: the load of a machine changes."""
_SHOWN_AS_RANGE = 1.5
"""An estimate that may be wrong by a larger factor is shown as a range."""


@dataclass(frozen=True)
class TimeEstimate:
    """How long a run will take.

    Attributes:
        seconds: from start to submission.
        factor: the actual duration is expected between `seconds` divided by this and multiplied by it.
        over_budget: whether the data need more time than the run's time budget.
    """

    seconds: float
    factor: float
    over_budget: bool = False

    @property
    def is_sure(self) -> bool:
        """Whether a single number is an honest estimate."""
        return self.factor <= _SHOWN_AS_RANGE

    @property
    def text(self) -> str:
        """The estimate in a few words, as a range if it is uncertain.

        >>> TimeEstimate(40.0, 1.2).text, TimeEstimate(40.0, 2.0).text
        ('40 s', '20 s to 1.5 min')
        """
        if self.is_sure:
            return short_duration(self.seconds)
        return f"{short_duration(self.seconds / self.factor)} to {short_duration(self.seconds * self.factor)}"


def estimate_time(config: RunConfig, n_sessions: int, runs: Sequence[Run]) -> TimeEstimate:
    """Estimate how long a run takes from the request, with a stored dataset, to its submission.

    A run with a time budget takes this budget, unless the data need more. Other runs are estimated from the steps'
    usual durations, and from how much faster or slower the earlier `runs` were.

    Args:
        n_sessions: number of train and test sessions.
        runs: earlier runs on any data, newest first.
    """
    pace, factor = machine_pace(config, n_sessions, runs)
    seconds = sum(step.weight for step in steps(config, n_sessions, pace))
    if config.budget_minutes is None:
        return TimeEstimate(_START_SECONDS * pace + seconds, factor)
    is_over = seconds > 60 * config.budget_minutes * (1 + 1e-9)
    return TimeEstimate(_START_SECONDS * pace + seconds, factor, is_over) if is_over else TimeEstimate(seconds, 1.0)


def machine_pace(config: RunConfig, n_sessions: int, runs: Sequence[Run]) -> tuple[float, float]:
    """Return how long this machine takes relative to the usual durations, and by which factor this may be wrong.

    It is the weighted geometric mean over the earlier runs without tuning. Runs on data of a similar size and recent
    runs count more.
    """
    evidence = [
        (_pace_of(run), abs(math.log2(_n_sessions(run) / max(n_sessions, 1))))
        for run in runs
        if not run.manifest.config.tunes
        and (run.manifest.config.engine, run.manifest.config.device) == (config.engine, config.device)
    ]
    if not evidence:
        return math.sqrt(_MEASURED_CORES / available_cores()), _UNKNOWN_MACHINE
    weights = [_AGE_DECAY**age / (1 + distance) for age, (_, distance) in enumerate(evidence)]
    mean = sum(weight * math.log(pace) for weight, (pace, _) in zip(weights, evidence, strict=True)) / sum(weights)
    nearest = min(distance for _, distance in evidence)
    return math.exp(mean), _KNOWN_MACHINE * _FACTOR_PER_SIZE ** max(nearest - 1, 0.0)


def _pace_of(run: Run) -> float:
    expected = sum(step.weight for step in steps(run.manifest.config, _n_sessions(run)))
    return max(run.manifest.seconds, 0.1) / expected


def _n_sessions(run: Run) -> int:
    return max(run.manifest.sessions.train + run.manifest.sessions.test, 1)
