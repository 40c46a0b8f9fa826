"""The known flaw of the real files: sessions that lost their id share a single id, as if they were one session."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from core.demo.calibration import SHOP
from core.demo.piece import Piece
from core.schema import BUY, EVENT_CODE

LOST = 0
"""Session number of sessions that lost their id."""
_SESSIONS_PER_LOST_ID = 40
"""Limits the lost ids of a small demo: with 200 sessions, 5 users in train and 5 in test."""


def lost_sessions(sessions: int) -> tuple[int, int]:
    """Return how many sessions lose their id in train and in test, in a demo with this number of sessions."""
    train, test = (min(users, sessions // _SESSIONS_PER_LOST_ID) for users in SHOP.lost_users)
    return train, test


def lose_ids(piece: Piece, train: int, test: int) -> Piece:
    """Give the lost id to short sessions without a BUY.

    The sessions are either in train or in test, and each belongs to another user. In each file the lost id has one
    value, the sum over its sessions, as a query on a shop's database would return it.

    Args:
        piece: the sessions.
        train: number of train sessions that lose their id.
        test: number of test sessions that lose their id.
    """
    test_rows = np.bincount(piece.session[piece.in_test], minlength=len(piece.numbers))
    bought = np.bincount(piece.session[piece.types == EVENT_CODE[BUY]], minlength=len(piece.numbers))
    short = (piece.rows <= SHOP.lost_rows) & (bought == 0)
    numbers, values = piece.numbers.copy(), piece.cents.copy()
    for count, candidates in ((train, short & (test_rows == 0)), (test, short & (test_rows == piece.rows))):
        lost = _first_per_user(np.flatnonzero(candidates), piece.users)[:count]
        numbers[lost] = LOST
        values[lost] = piece.cents[lost].sum()
    return replace(piece, numbers=numbers, cents=values)


def _first_per_user(sessions: npt.NDArray[np.int64], users: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return the first session of each user, in the order of the sessions."""
    _, first = np.unique(users[sessions], return_index=True)
    return sessions[np.sort(first)]
