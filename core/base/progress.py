"""Progress of a run: the current step, the fraction done and the time left.

The pipeline reports finished parts to a `Progress`. A progress bar or the jobs database receives the `ProgressUpdate`s.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

Report = Callable[[int, int, str], None]
"""Progress callback of a step: number of finished parts, total number of parts, description of the current part."""

_SECONDS_BEFORE_ESTIMATE = 2.0
"""Start-up dominates the first seconds, so an earlier estimate would be far off."""
_PRIOR_SHARE = 0.2
"""Share of the expected seconds that count as if they had already been done at the expected pace."""
ADAPTIVE_STEP = "tune"
"""The step that uses the time that the others leave, in a run with a time limit."""


def no_report(part: int, parts: int, detail: str) -> None:
    """Ignore progress: the default where a function takes a `Report`."""


@dataclass(frozen=True)
class Step:
    """A step of a run.

    Attributes:
        name: its code.
        label: its name for people.
        weight: its expected duration relative to the other steps, in any unit; in seconds if these are known.
    """

    name: str
    label: str
    weight: float


@dataclass(frozen=True)
class ProgressUpdate:
    """The state of a run that is in progress.

    Attributes:
        step: code of the current step.
        detail: description of the current part; may be empty.
        part: number of finished parts of the step.
        parts: total number of parts of the step.
        fraction: finished share of the run, 0 to 1; never decreases.
        seconds: elapsed time, including earlier attempts at the same run.
        seconds_left: estimated remaining time; None if it is too early for an estimate.
    """

    step: str
    label: str
    detail: str
    part: int
    parts: int
    fraction: float
    seconds: float
    seconds_left: float | None


@dataclass(frozen=True)
class InterimResult:
    """A result that is available before the run ends.

    Attributes:
        kind: "trial", "fit" or "space".
        content: name -> number, text or flat mapping.
    """

    kind: str
    content: dict[str, Any]


OnResult = Callable[[InterimResult], None]


def ignore_result(result: InterimResult) -> None:
    """Ignore interim results: the default where a function takes an `OnResult`."""


class Progress:
    """Converts finished parts of steps into the finished share of a run.

    >>> steps = [Step("read", "Reading", weight=1), Step("fit", "Fitting", weight=3)]
    >>> progress = Progress(steps, lambda update: print(f"{update.label}: {update.fraction:.0%}"))
    >>> progress.report("fit", part=1, parts=3)
    Fitting: 50%
    """

    def __init__(
        self,
        steps: Sequence[Step],
        on_update: Callable[[ProgressUpdate], None] | None = None,
        should_finish: Callable[[], bool] = lambda: False,
        on_result: OnResult = ignore_result,
        *,
        in_seconds: bool = False,
        trust: float = 1.0,
        budget: float | None = None,
    ) -> None:
        """Create the progress of a run that starts now.

        Args:
            steps: all steps, in order.
            on_update: called at every report.
            should_finish: returns whether a person asked to stop tuning and finish with the best result so far.
            on_result: called with every interim result.
            in_seconds: whether the weights of the steps are expected seconds. The time left is then estimated from
                these at first, and increasingly from the pace of this run. Otherwise it is estimated from the pace
                only.
            trust: from 0 to 1; how much the expected seconds count against the pace of this run.
            budget: seconds of the whole run, which `ADAPTIVE_STEP` uses up as far as the later steps leave time; None
                without a time limit. It needs weights in seconds, and a step of this name.
        """
        self.should_finish = should_finish
        self.on_result = on_result
        self._steps = {step.name: step for step in steps}
        self._total_weight = sum(step.weight for step in steps)
        self._on_update = on_update
        self._in_seconds, self._budget, self._prior_share = in_seconds, budget, _PRIOR_SHARE * trust
        self._started = time.monotonic()
        self._fraction = 0.0

    def add_earlier_seconds(self, seconds: float) -> None:
        """Add the duration of earlier attempts at the same run, so that the estimate includes their pace."""
        self._started -= seconds

    def report(self, step: str, part: int, parts: int, detail: str = "") -> None:
        """Report that `part` of the `parts` of `step` are finished; `detail` describes the current part."""
        if self._on_update is None:
            return
        self._fraction = max(self._fraction, self._fraction_at(step, part / max(parts, 1)))
        seconds = time.monotonic() - self._started
        seconds_left = self._seconds_left(seconds, step)
        label = self._steps[step].label
        self._on_update(ProgressUpdate(step, label, detail, part, parts, self._fraction, seconds, seconds_left))

    def _seconds_left(self, seconds: float, step: str) -> float | None:
        """Estimate the remaining time; None if it is too early.

        The pace of the first steps says little about the later ones, which may be slower for these data. So the
        expected seconds count as if a part of the work had already been done at the expected pace.
        """
        done = self._fraction * self._total_weight
        left = (1 - self._fraction) * self._total_weight
        if not self._in_seconds:
            is_too_early = seconds < _SECONDS_BEFORE_ESTIMATE or done <= 0
            return None if is_too_early else left * seconds / done
        prior = self._prior_share * self._total_weight
        pace = (seconds + prior) / max(done + prior, 1e-9)
        if self._budget is None:
            return left * pace
        names = list(self._steps)
        later = names[names.index(ADAPTIVE_STEP) + 1 :]
        if step in later:
            return left * pace
        return max(self._budget - seconds, pace * sum(self._steps[name].weight for name in later))

    def _fraction_at(self, step: str, share: float) -> float:
        names = list(self._steps)
        earlier = sum(self._steps[name].weight for name in names[: names.index(step)])
        fraction = (earlier + self._steps[step].weight * share) / self._total_weight
        return min(fraction, 1.0)  # rounding can exceed 1, which a progress bar rejects
