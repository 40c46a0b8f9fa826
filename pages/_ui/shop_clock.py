"""The clock of a replayed day, which runs faster than real time. Each tab has its own."""

from __future__ import annotations

import datetime
import time
from dataclasses import dataclass

from core.schema import SECONDS_PER_DAY

_FIRST_LOOK = 9 * 3_600
"""Nine o'clock: by then, a shop is busy."""


@dataclass
class ShopClock:
    """The time in a replayed day.

    Attributes:
        day: start of the day, in epoch seconds.
        speed: seconds of the day per second.
        since: monotonic time at which it was started; None if it stands still.
    """

    day: int = 0
    speed: int = 60
    since: float | None = None
    _seconds: float = _FIRST_LOOK
    """Seconds of the day at which it was started, or at which it stands still."""

    @property
    def moment(self) -> int:
        """The time, in epoch seconds; at most the end of the day."""
        return self.day + int(min(self._elapsed(), SECONDS_PER_DAY))

    @property
    def has_ended(self) -> bool:
        """Whether the day is over."""
        return self._elapsed() >= SECONDS_PER_DAY

    @property
    def time_of_day(self) -> datetime.time:
        """The time, in UTC, without its seconds; that of the last minute at the end of the day."""
        minutes = int(min(self._elapsed(), SECONDS_PER_DAY - 1)) // 60
        return datetime.time(minutes // 60, minutes % 60)

    def start(self) -> None:
        """Let the clock run, from the start of the day if it is over."""
        self._seconds = 0 if self.has_ended else self._elapsed()
        self.since = time.monotonic()

    def pause(self) -> None:
        """Let the clock stand still."""
        self._seconds, self.since = min(self._elapsed(), SECONDS_PER_DAY), None

    def jump(self, time_of_day: datetime.time) -> None:
        """Set the clock."""
        self._seconds = time_of_day.hour * 3_600 + time_of_day.minute * 60
        self.since = None if self.since is None else time.monotonic()

    def set_speed(self, speed: int) -> None:
        """Change the speed from now on."""
        if speed != self.speed:
            self._seconds = self._elapsed()
            self.since = None if self.since is None else time.monotonic()
            self.speed = speed

    def _elapsed(self) -> float:
        running = 0.0 if self.since is None else (time.monotonic() - self.since) * self.speed
        return self._seconds + running
