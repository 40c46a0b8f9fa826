"""How long a search may go on: a number of trials a learner, or until a moment, or both."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Budget:
    """Attributes:
    trials: a learner, those of an earlier sitting of the same search counted; None: no bound.
    ends: by time.monotonic(), when the whole run is to end; None: no bound.
    finish: whether a person said that what was found so far is good enough.
    """

    trials: int | None
    ends: float | None
    finish: Callable[[], bool] = lambda: False

    def seconds_left(self) -> float:
        """Until the run is to end; infinite without a bound."""
        return float("inf") if self.ends is None else self.ends - time.monotonic()
