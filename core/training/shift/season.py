"""Whether the test file follows the train file in time, and whether it is from a season that the train file lacks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Times = NDArray[np.int64]
"""Start of each session in epoch seconds."""

DAY = 86_400
_YEAR = 365
_OUTLIERS = 0.01
"""Share of the sessions at each end that is ignored, because their clock may be wrong."""
SEASON_GAP = 60
"""Days between the files from which test is another season. Test files usually follow train within days; two months
without a session are two thirds of a season."""
LONG_GAP = 91
"""The same where train covers the time of the year in an earlier year: a whole season, with its prices and products,
passed without a session."""
_NEARBY = 15
"""Days of the calendar within which a train session, of any year, is from the same time of the year."""
MIN_COVERAGE = 0.75
"""Share of the test sessions whose time of the year train must cover for LONG_GAP to apply."""
_MAX_OVERLAP = 0.1
"""Largest share of train sessions after the start of the test file with which it still follows the train file."""


def gap_days(train: Times, test: Times) -> float:
    """Return the days between the end of the earlier file and the start of the later; 0 where they overlap."""
    (start, end), (test_start, test_end) = (np.quantile(times, [_OUTLIERS, 1.0 - _OUTLIERS]) for times in (train, test))
    return float(max(test_start - end, start - test_end, 0.0) / DAY)


def season_coverage(train: Times, test: Times) -> float:
    """Return the share of test sessions with train sessions at the same time of the year, in any year."""
    covered = np.zeros(_YEAR, dtype=bool)
    low, high = np.quantile(train, [_OUTLIERS, 1.0 - _OUTLIERS])
    days = np.unique(train[(train >= low) & (train <= high)] // DAY % _YEAR)
    for offset in range(-_NEARBY, _NEARBY + 1):
        covered[(days + offset) % _YEAR] = True
    return float(covered[test // DAY % _YEAR].mean())


def is_other_season(train: Times, test: Times) -> bool:
    """Return whether the gap is too long. A longer gap is allowed if train covers the same time of the year."""
    return gap_days(train, test) >= (LONG_GAP if season_coverage(train, test) >= MIN_COVERAGE else SEASON_GAP)


def follows(train: Times, test: Times) -> bool:
    """Return whether test is later than train; if they overlap, sessions or users were split at random."""
    return bool(np.mean(train > np.quantile(test, _OUTLIERS)) <= _MAX_OVERLAP)


def calendar_cell(starts: Times) -> NDArray[np.int64]:
    """Return one of eight cells per session: weekday or weekend, and the quarter of the day (UTC)."""
    weekend = ((starts // DAY + 3) % 7 >= 5).astype(np.int64)  # 1970-01-01 was a Thursday; 0 is Monday
    return np.asarray(weekend * 4 + starts % DAY // (DAY // 4), dtype=np.int64)
