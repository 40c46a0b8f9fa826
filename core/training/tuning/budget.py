"""The budget of a search: a number of trials, a deadline, or both."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Budget:
    """Limits of a search. The first one that is reached ends it.

    Attributes:
        trials: Trials per learner, including those of an interrupted search that is resumed; None for no limit.
        deadline: When the whole run should end, in seconds of time.monotonic(); None for no limit.
        should_finish: Returns True once a user asked to finish with the results so far.
    """

    trials: int | None
    deadline: float | None
    should_finish: Callable[[], bool] = lambda: False

    def seconds_left(self) -> float:
        """Return the seconds until the deadline; infinite without one."""
        return float("inf") if self.deadline is None else self.deadline - time.monotonic()
