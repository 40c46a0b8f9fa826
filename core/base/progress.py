"""How far a piece of work is: one number between 0 and 1, the step in words, and the time left.

The pipeline tells a `Progress` how many parts of which step are done; whoever watches (a progress bar, the jobs
database, nobody) gets a `Moment` each time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

_SECONDS_BEFORE_ESTIMATE = 2.0  # before that, start-up costs rule the pace and an estimate would only jump


@dataclass(frozen=True)
class Step:
    """A step of the work, its name for people, and its share of the time (any unit; only proportions count)."""

    name: str
    label: str
    weight: float


@dataclass(frozen=True)
class Moment:
    """Where the work stands. `seconds_left` is None while there is no honest estimate yet."""

    step: str
    label: str
    detail: str
    part: int
    parts: int
    fraction: float
    seconds: float
    seconds_left: float | None


@dataclass(frozen=True)
class News:
    """What the work came by: `kind` trial or fit, and its figures by name (numbers, words, or a flat mapping)."""

    kind: str
    content: dict[str, Any]


Tell = Callable[[News], None]


class Progress:
    """Turns "part 3 of 15 of step train is done" into a `Moment` for one watcher."""

    def __init__(
        self,
        steps: Sequence[Step],
        watch: Callable[[Moment], None] | None = None,
        is_to_finish: Callable[[], bool] = lambda: False,
        tell: Tell = lambda news: None,
    ) -> None:
        """`is_to_finish` tells whether a person said that what was found so far is good enough; `tell` hears news."""
        self.is_to_finish = is_to_finish
        self.tell = tell
        self._steps = {step.name: step for step in steps}
        self._order = [step.name for step in steps]
        self._watch = watch
        self._began = time.monotonic()
        self._fraction = 0.0

    def took_before(self, seconds: float) -> None:
        """Count what earlier sittings of the same work took: the pace is that of all of them."""
        self._began -= seconds

    def report(self, step: str, part: int, parts: int, detail: str = "") -> None:
        """Say that `part` of `parts` of `step` are done; `detail` names what is being worked on now."""
        if self._watch is None:
            return
        total = sum(each.weight for each in self._steps.values())
        before = sum(self._steps[name].weight for name in self._order[: self._order.index(step)])
        fraction = (before + self._steps[step].weight * (part / max(parts, 1))) / total
        self._fraction = max(self._fraction, min(fraction, 1.0))  # a progress bar refuses 1 + rounding
        seconds = time.monotonic() - self._began
        known = seconds >= _SECONDS_BEFORE_ESTIMATE and self._fraction > 0
        left = seconds * (1 - self._fraction) / self._fraction if known else None
        self._watch(Moment(step, self._steps[step].label, detail, part, parts, self._fraction, seconds, left))
