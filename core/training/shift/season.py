"""Where the files lie in time: whether test follows train, and whether it is of a season that train does not know."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

Times = NDArray[np.int64]

DAY: Final = 86_400
_YEAR: Final = 365
_STRAY: Final = 0.01
"""Share of the sessions at each end that may have a wrong clock."""
SEASON_GAP: Final = 60
"""Days between the files from which on test is of another season. Test files follow train at once or after a few days;
two months without a session are two thirds of a season."""
LONG_GAP: Final = 91
"""Days from which on a gap counts although train knows the time of the year from an earlier year: a whole season, with
its prices and products, passed without a session."""
_NEAR: Final = 15
"""Days: a train session so near in the calendar, in whatever year, is of the same time of the year."""
COVERED: Final = 0.75
"""Share of test sessions that train must know the time of the year of, for a gap to be no other season."""
_FOLLOWS: Final = 0.1
"""Share of train's sessions that may begin after the first of test, for test to follow train."""


def gap_days(train: Times, test: Times) -> float:
    """Days from the end of the earlier file to the beginning of the later; 0 where they overlap."""
    first, second = (np.quantile(each, [_STRAY, 1.0 - _STRAY]) for each in (train, test))
    return float(max(second[0] - first[1], first[0] - second[1], 0.0) / DAY)


def season_known(train: Times, test: Times) -> float:
    """Share of the test sessions with train sessions at the same time of the year, in whatever year."""
    days = np.zeros(_YEAR, dtype=bool)
    low, high = np.quantile(train, [_STRAY, 1.0 - _STRAY])
    held = np.unique(train[(train >= low) & (train <= high)] // DAY % _YEAR)
    for offset in range(-_NEAR, _NEAR + 1):
        days[(held + offset) % _YEAR] = True
    return float(days[test // DAY % _YEAR].mean())


def another_season(train: Times, test: Times) -> bool:
    """Whether the files lie far apart, and farther still where train knows the same time of the year."""
    gap = gap_days(train, test)
    return gap >= (LONG_GAP if season_known(train, test) >= COVERED else SEASON_GAP)


def follows(train: Times, test: Times) -> bool:
    """Whether test is later than train; where both cover the same time, sessions or users were dealt to the files."""
    return bool(np.mean(train > np.quantile(test, _STRAY)) <= _FOLLOWS)


def calendar_cell(starts: Times) -> NDArray[np.int64]:
    """Which of eight cells a session begins in: weekday or weekend, and the quarter of the day (UTC)."""
    weekend = ((starts // DAY + 3) % 7 >= 5).astype(np.int64)  # 1970-01-01 was a Thursday; 0 is Monday
    return np.asarray(weekend * 4 + starts % DAY // (DAY // 4), dtype=np.int64)
