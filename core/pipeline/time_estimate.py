"""Estimated duration of a run on this machine, learned from how long the steps of its earlier runs took."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from core.base.cores import available_cores
from core.base.text import short_duration
from core.config import RunConfig
from core.pipeline.steps import steps
from core.runs.store import Run

_START_SECONDS = 2.7
"""Outside of the steps: a process starts, imports the learners, and ends."""
_MEASURED_CORES = 2
"""Cores of the machine on which the durations of the steps were measured."""
_UNKNOWN_MACHINE = 3.0
"""Without an earlier run, a machine may be this many times faster or slower."""
_KNOWN_MACHINE = 1.3
"""Times vary by a third from run to run (docs/benchmarks.md)."""
_FACTOR_PER_SIZE = 1.12
"""Additional factor for each doubling or halving of the sessions beyond those of any earlier run."""
_AGE_DECAY = 0.5
"""Weight of a run relative to the next newer one: the load of a machine changes."""
_OTHER_PRESET = 0.15
"""Weight of the steps with models of a run that tuned for one that does not, and the reverse: their models differ."""
_MODEL_STEPS = frozenset(("tune", "train", "importance"))
_WHOLE_RUN = 0.5
"""Weight of the pace of whole runs next to that of a single step, whose time varies more."""
_MIN_SECONDS = 0.2
"""Steps with shorter times say nothing about the pace."""
_SHOWN_AS_RANGE = 1.5
"""An estimate that may be wrong by a larger factor is shown as a range."""


@dataclass(frozen=True)
class TimeEstimate:
    """How long a run will take.

    Attributes:
        seconds: from the request to the submission.
        low, high: the duration is expected between these.
        over_budget: whether the data need more time than the run's time budget.
    """

    seconds: float
    low: float
    high: float
    over_budget: bool = False

    @property
    def is_sure(self) -> bool:
        """Whether a single number is an honest estimate."""
        return self.high <= self.seconds * _SHOWN_AS_RANGE and self.low * _SHOWN_AS_RANGE >= self.seconds

    @property
    def text(self) -> str:
        """The estimate in a few words, as a range if it is uncertain.

        >>> TimeEstimate(40.0, 35.0, 50.0).text, TimeEstimate(40.0, 20.0, 80.0).text
        ('40 s', '20 s to 1.5 min')
        """
        if self.is_sure:
            return short_duration(self.seconds)
        return f"{short_duration(self.low)} to {short_duration(self.high)}"

    def at_least(self, other: TimeEstimate) -> TimeEstimate:
        """Return the estimate, raised where the other one is longer."""
        names = ("seconds", "low", "high")
        return replace(self, **{name: max(getattr(self, name), getattr(other, name)) for name in names})


def estimate_presets(n_sessions: int, runs: Sequence[Run]) -> dict[str, TimeEstimate]:
    """Return preset -> estimate with its default settings. No preset is promised to take less time than a simpler one.

    The arguments are those of `estimate_time`.
    """
    estimates: dict[str, TimeEstimate] = {}
    simpler: TimeEstimate | None = None
    for preset in RunConfig.setting("preset").choices:  # from the simplest to the most thorough
        estimate = estimate_time(RunConfig.checked(preset=preset), n_sessions, runs)
        if simpler is not None:
            estimate = estimate.at_least(simpler)
        estimates[preset] = simpler = estimate
    return estimates


def estimate_time(config: RunConfig, n_sessions: int, runs: Sequence[Run]) -> TimeEstimate:
    """Estimate how long a run takes from the request, with a stored dataset, to its submission.

    A run with a time budget takes this budget, unless the data need more. Other runs are estimated from the steps of
    the earlier `runs`.

    Args:
        n_sessions: number of train and test sessions.
        runs: earlier runs on any data, newest first.
    """
    pace = learn_pace(config, n_sessions, runs)
    seconds = sum(step.weight for step in steps(config, n_sessions, pace.of_steps))
    total = _START_SECONDS * pace.overall + seconds
    estimate = TimeEstimate(total, total / pace.factor, total * pace.factor)
    if config.budget_minutes is None:
        return estimate
    budget = 60 * config.budget_minutes
    if seconds > budget * (1 + 1e-9):
        return replace(estimate.at_least(TimeEstimate(budget, budget, budget)), over_budget=True)
    # tuning takes what the other steps leave, so only data that need more than the budget make the run longer
    others = sum(step.weight for step in steps(config, n_sessions, pace.of_steps) if step.name != "tune")
    return TimeEstimate(budget, budget, max(budget, others * pace.factor))


@dataclass(frozen=True)
class Pace:
    """How long this machine takes, relative to the usual durations of the steps.

    Attributes:
        overall: factor for whole runs.
        of_steps: step -> factor.
        factor: the estimate of a whole run may be too high or too low by this factor.
    """

    overall: float
    of_steps: Mapping[str, float]
    factor: float

    @property
    def trust(self) -> float:
        """How much the estimate counts against the pace of a run in progress, from 0 to 1."""
        return min(1.0, ((_KNOWN_MACHINE - 1) / (self.factor - 1)) ** 2)


@dataclass(frozen=True)
class _Evidence:
    """What an earlier run says about the pace of another one.

    Attributes:
        distance: doublings or halvings between the sessions of the two runs.
        is_same_kind: whether both runs tune, or both do not.
        weight: how much it counts.
    """

    run: Run
    distance: float
    is_same_kind: bool
    weight: float

    def step_weight(self, step: str) -> float:
        """Return how much the run counts for a step."""
        return self.weight if self.is_same_kind or step not in _MODEL_STEPS else _OTHER_PRESET * self.weight


def learn_pace(config: RunConfig, n_sessions: int, runs: Sequence[Run]) -> Pace:
    """Return the pace of a run on this machine, learned from the step times of earlier runs.

    Each factor is a weighted geometric mean. Runs on data of a similar size and recent runs count more; for
    steps with models, so do runs of the same kind (with or without tuning). The arguments are those of `estimate_time`.
    """
    evidence = _evidence(config, n_sessions, runs)
    if not evidence:
        overall = math.sqrt(_MEASURED_CORES / available_cores())
        return Pace(overall, dict.fromkeys((step.name for step in steps(config)), overall), _UNKNOWN_MACHINE)
    whole_runs = [(_whole_ratio(each.run, is_same_kind=each.is_same_kind), each.weight) for each in evidence]
    overall = _mean(whole_runs)
    overall_pair = (overall, _WHOLE_RUN * max(each.weight for each in evidence))
    step_ratios = [(each, _step_ratios(each.run)) for each in evidence]
    of_steps = {}
    for step in (step.name for step in steps(config, n_sessions)):
        measured = [(ratios[step], each.step_weight(step)) for each, ratios in step_ratios if step in ratios]
        of_steps[step] = _mean([overall_pair, *measured])
    return Pace(overall, of_steps, _uncertainty(evidence, _spread(whole_runs)))


def _evidence(config: RunConfig, n_sessions: int, runs: Sequence[Run]) -> list[_Evidence]:
    """Return what the runs with the same engine, device and purpose say; `runs` are newest first."""
    evidence: list[_Evidence] = []
    for run in runs:
        other = run.manifest.config
        if (other.engine, other.device, other.is_live) == (config.engine, config.device, config.is_live):
            distance = abs(math.log2(_n_sessions(run) / max(n_sessions, 1)))
            weight = _AGE_DECAY ** len(evidence) / (1 + distance)
            evidence.append(_Evidence(run, distance, other.tunes == config.tunes, weight))
    return evidence


def _uncertainty(evidence: Sequence[_Evidence], spread: float) -> float:
    """Return the factor by which an estimate may be wrong.

    Args:
        evidence: at least one run.
        spread: standard deviation of the logarithms of the paces of whole runs.
    """
    same_kind = [each.distance for each in evidence if each.is_same_kind]
    nearest = min(same_kind, default=1.0 + min(each.distance for each in evidence))
    factor: float = max(_KNOWN_MACHINE, math.exp(spread)) * _FACTOR_PER_SIZE ** max(nearest - 1, 0.0)
    return min(factor, _UNKNOWN_MACHINE)


def _mean(pairs: Sequence[tuple[float, float]]) -> float:
    """Return the weighted geometric mean of pairs (ratio, weight)."""
    return math.exp(sum(math.log(ratio) * weight for ratio, weight in pairs) / sum(weight for _, weight in pairs))


def _spread(pairs: Sequence[tuple[float, float]]) -> float:
    """Return the weighted standard deviation of the logarithms of pairs (ratio, weight)."""
    center = math.log(_mean(pairs))
    total = sum(weight for _, weight in pairs)
    return math.sqrt(sum(weight * (math.log(ratio) - center) ** 2 for ratio, weight in pairs) / total)


def _step_ratios(run: Run) -> dict[str, float]:
    """Return step -> its time relative to the usual one. Steps that use up the time budget are left out."""
    config, timings = run.manifest.config, run.manifest.timings
    depends_on_budget = ("tune", "train", "importance") if config.budget_minutes is not None else ()
    return {
        step.name: timings[step.name] / step.weight
        for step in steps(config, _n_sessions(run))
        if step.name not in depends_on_budget and min(timings.get(step.name, 0.0), step.weight) >= _MIN_SECONDS
    }


def _whole_ratio(run: Run, *, is_same_kind: bool) -> float:
    """Return the time of a run relative to the usual one.

    For a run of another kind or with a time budget, the steps with models are left out.
    """
    config, timings = run.manifest.config, run.manifest.timings
    usual_seconds = {step.name: step.weight for step in steps(config, _n_sessions(run))}
    if config.budget_minutes is None and is_same_kind:
        return max(run.manifest.seconds, 0.1) / sum(usual_seconds.values())
    names = [name for name in ("features", "prepare", "certificate") if timings.get(name)]
    if not names:
        return 1.0
    return sum(timings[name] for name in names) / sum(usual_seconds[name] for name in names)


def _n_sessions(run: Run) -> int:
    return max(run.manifest.sessions.train + run.manifest.sessions.test, 1)
