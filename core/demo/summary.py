"""Counts of what the demo files contain, taken while they are written, to check readers of the files against."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.demo.defects import LOST
from core.demo.piece import Piece, Shop
from core.schema import TEST_ROLE, TRAIN_ROLE


@dataclass(frozen=True)
class DemoSummary:
    """Counts of the demo files. A *known* session is in both files with the same user."""

    synthetic: bool
    seed: int
    sessions_asked: int
    sessions: int
    """Distinct session ids in both files together, the lost id included."""
    train_rows: int
    test_rows: int
    train_sessions: int
    test_sessions: int
    train_users: int
    test_users: int
    users_in_both: int
    train_products: int
    test_products: int
    products_new_in_test: int
    known_sessions: int
    composite_session: str
    """The lost id, shared by several users."""
    composite_train_rows: int
    composite_test_rows: int
    composite_train_users: int
    composite_test_users: int


class SummaryCounter:
    """Counts piece by piece. A byte per user marks the files in which the user is; 25 million sessions take 100 MB."""

    def __init__(self, shop: Shop) -> None:
        self._users = np.zeros(shop.crowd.size + 1, dtype=np.uint8)
        self._products = np.zeros(len(shop.catalogue), dtype=np.uint8)
        self._rows = [0, 0]
        self._sessions = [0, 0]
        self._known = 0
        self._lost_rows = [0, 0]
        self._lost_users = [0, 0]

    def add(self, piece: Piece) -> None:
        """Count a piece."""
        in_test = np.bincount(piece.session[piece.in_test], minlength=len(piece.numbers))
        has_id = piece.numbers != LOST
        for role, rows in ((TRAIN_ROLE, piece.rows - in_test), (TEST_ROLE, in_test)):
            present = rows > 0
            self._rows[role] += int(rows.sum())
            self._sessions[role] += int((present & has_id).sum())
            self._lost_rows[role] += int(rows[~has_id].sum())
            self._lost_users[role] += int((present & ~has_id).sum())
            self._users[piece.users[present]] |= 1 << role
            self._products[piece.products[piece.in_test == (role == TEST_ROLE)]] |= 1 << role
        self._known += int((has_id & (in_test > 0) & (in_test < piece.rows)).sum())

    def summary(self, *, seed: int, sessions_asked: int, composite_session: str) -> DemoSummary:
        """Return the counts, together with the arguments of the demo."""
        train, test = (sessions + 1 for sessions in self._sessions)  # plus the lost id
        return DemoSummary(
            synthetic=True,
            seed=seed,
            sessions_asked=sessions_asked,
            sessions=train + test - self._known - 1,
            train_rows=self._rows[TRAIN_ROLE],
            test_rows=self._rows[TEST_ROLE],
            train_sessions=train,
            test_sessions=test,
            train_users=_n_marked(self._users, TRAIN_ROLE),
            test_users=_n_marked(self._users, TEST_ROLE),
            users_in_both=int((self._users == 3).sum()),
            train_products=_n_marked(self._products, TRAIN_ROLE),
            test_products=_n_marked(self._products, TEST_ROLE),
            products_new_in_test=int((self._products == 1 << TEST_ROLE).sum()),
            known_sessions=self._known,
            composite_session=composite_session,
            composite_train_rows=self._lost_rows[TRAIN_ROLE],
            composite_test_rows=self._lost_rows[TEST_ROLE],
            composite_train_users=self._lost_users[TRAIN_ROLE],
            composite_test_users=self._lost_users[TEST_ROLE],
        )


def _n_marked(marks: npt.NDArray[np.uint8], role: int) -> int:
    return int(np.count_nonzero(marks & (1 << role)))
