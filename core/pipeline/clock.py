"""Timing and progress of a run, including its earlier attempts."""

from __future__ import annotations

import datetime
import time
from collections.abc import Iterator
from contextlib import contextmanager

from core.base.checkpoint import Checkpoints
from core.base.progress import Progress, Report
from core.config import RunConfig
from core.training.tuning import Budget


class RunClock:
    """Times the steps of a run and reports their progress.

    Attributes:
        created: start of this attempt, in UTC.
        timings: finished step -> seconds, including earlier attempts.
        on_result: callback for interim results, such as a finished trial.
    """

    def __init__(self, progress: Progress) -> None:
        self.created = datetime.datetime.now(datetime.UTC)
        self.timings: dict[str, float] = {}
        self.on_result = progress.on_result
        self._progress = progress
        self._started = time.monotonic()
        self._checkpoints: Checkpoints | None = None

    def resume(self, checkpoints: Checkpoints) -> None:
        """Add the timings of earlier attempts. From now on, store the timings with the checkpoints."""
        self._checkpoints = checkpoints
        self._started -= checkpoints.earlier_seconds
        self._progress.add_earlier_seconds(checkpoints.earlier_seconds)
        for name, seconds in checkpoints.timings.items():
            self.timings[name] = self.timings.get(name, 0.0) + seconds

    @contextmanager
    def step(self, name: str) -> Iterator[Report]:
        """Time the block as a step, and yield its progress callback. A step that raises an error is not timed."""
        started = time.monotonic()

        def report(part: int, parts: int, detail: str) -> None:
            if self._checkpoints is not None:
                self._checkpoints.touch()
            self._progress.report(name, part, parts, detail)

        yield report
        self.timings[name] = round(self.timings.get(name, 0.0) + time.monotonic() - started, 3)
        if self._checkpoints is not None:
            self._checkpoints.save_timings(self.timings)

    def budget(self, config: RunConfig) -> Budget:
        """Return the limits of tuning. The minutes count from the start of the run, as if it had had no pause."""
        minutes = config.budget_minutes
        deadline = None if minutes is None else self._started + 60 * minutes
        return Budget(config.trials, deadline, self._progress.should_finish)

    def seconds(self) -> float:
        """Return the seconds that all attempts have taken so far, without the pauses between them."""
        return time.monotonic() - self._started
