"""The flaw of the real files: sessions whose id got lost all carry the same one, as if they were one session."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from core.demo.calibration import SHOP
from core.demo.piece import Piece
from core.schema import BUY, EVENT_CODE

LOST = 0
"""The session number that stands where an id got lost."""
_SESSIONS_PER_LOST = 40  # a tiny demo loses fewer ids: at 200 sessions 5 users in train and in test


def lost_sessions(sessions: int) -> tuple[int, int]:
    """How many sessions lose their id in train and in test, in a demo of so many sessions."""
    train, test = (min(users, sessions // _SESSIONS_PER_LOST) for users in SHOP.lost_users)
    return train, test


def lose_ids(piece: Piece, train: int, test: int) -> Piece:
    """Give short sessions without a BUY, of so many users in train and in test, the lost id.

    The sessions lie on one side of the split and no user has two of them. In each file the lost id has one value, the
    sum over its sessions, as a shop's database would add them up.
    """
    side = np.bincount(piece.session[piece.in_test], minlength=len(piece.numbers))
    bought = np.bincount(piece.session[piece.types == EVENT_CODE[BUY]], minlength=len(piece.numbers))
    short = (piece.rows <= SHOP.lost_rows) & (bought == 0)
    numbers, values = piece.numbers.copy(), piece.cents.copy()
    for wanted, candidates in ((train, short & (side == 0)), (test, short & (side == piece.rows))):
        lost = _one_each(np.flatnonzero(candidates), piece.users)[:wanted]
        numbers[lost] = LOST
        values[lost] = piece.cents[lost].sum()
    return replace(piece, numbers=numbers, cents=values)


def _one_each(sessions: npt.NDArray[np.int64], users: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The first of the sessions of each user, in their order."""
    _, first = np.unique(users[sessions], return_index=True)
    return sessions[np.sort(first)]
