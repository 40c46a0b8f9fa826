"""The known defect of the real files: sessions that lost their id share a single id, as if they were one session."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from core.demo.calibration import SHOP
from core.demo.log_chunk import LogChunk
from core.schema import BUY, EVENT_CODE

LOST = 0
"""Session number of sessions that lost their id."""
_SESSIONS_PER_LOST_ID = 40
"""Limits the lost ids of a small demo: with 200 sessions, 5 users in train and 5 in test."""


def n_lost_sessions(sessions: int) -> tuple[int, int]:
    """Return how many sessions lose their id in train and in test, in a demo with this number of sessions."""
    train, test = (min(users, sessions // _SESSIONS_PER_LOST_ID) for users in SHOP.lost_users)
    return train, test


def lose_ids(chunk: LogChunk, n_train: int, n_test: int) -> LogChunk:
    """Give the lost id to `n_train` sessions of train and `n_test` of test, which are short and have no BUY.

    Each session is in one file only, and each belongs to another user. In each file, the lost id has the sum of its
    sessions' values, as a query on a shop's database would return it.
    """
    n_sessions = len(chunk.numbers)
    n_test_rows = np.bincount(chunk.session[chunk.in_test], minlength=n_sessions)
    n_buys = np.bincount(chunk.session[chunk.types == EVENT_CODE[BUY]], minlength=n_sessions)
    is_short = (chunk.n_rows <= SHOP.max_lost_rows) & (n_buys == 0)
    numbers, cents = chunk.numbers.copy(), chunk.cents.copy()
    for count, in_file in ((n_train, n_test_rows == 0), (n_test, n_test_rows == chunk.n_rows)):
        lost = _first_per_user(np.flatnonzero(is_short & in_file), chunk.users)[:count]
        numbers[lost] = LOST
        cents[lost] = chunk.cents[lost].sum()
    return replace(chunk, numbers=numbers, cents=cents)


def _first_per_user(sessions: npt.NDArray[np.int64], users: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return the first session of each user, in the order of the sessions."""
    _, first = np.unique(users[sessions], return_index=True)
    return sessions[np.sort(first)]
