"""Counts of the demo files, collected while they are written; readers of the files are checked against them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.demo.defects import LOST
from core.demo.log_chunk import LogChunk, Shop
from core.schema import TEST_ROLE, TRAIN_ROLE

_IN_BOTH = 1 << TRAIN_ROLE | 1 << TEST_ROLE
"""Mark of what is in both files: one bit for each."""


@dataclass(frozen=True)
class DemoSummary:
    """Counts of the demo files.

    Attributes:
        sessions_asked: number of sessions that was asked for; `sessions` is the number that was written.
        users_in_both: users with a row in both files.
        products_new_in_test: products in test that are not in train.
        sessions: distinct session ids in both files together, including the lost id.
        known_sessions: session ids that are in both files, except the lost id.
        composite_session: the lost id, which several users share; its rows and users are counted by file.
    """

    synthetic: bool
    seed: int
    sessions_asked: int
    sessions: int
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
    composite_train_rows: int
    composite_test_rows: int
    composite_train_users: int
    composite_test_users: int


class SummaryCounter:
    """Counts chunk by chunk. One byte per user marks the files with the user; 25 million sessions take 100 MB."""

    def __init__(self, shop: Shop) -> None:
        self._users = np.zeros(shop.crowd.size + 1, dtype=np.uint8)
        self._products = np.zeros(len(shop.catalogue), dtype=np.uint8)
        self._rows = [0, 0]
        self._sessions = [0, 0]
        self._known = 0
        self._lost_rows = [0, 0]
        self._lost_users = [0, 0]

    def add(self, chunk: LogChunk) -> None:
        """Count a chunk."""
        n_test_rows = np.bincount(chunk.session[chunk.in_test], minlength=len(chunk.numbers))
        has_id = chunk.numbers != LOST
        for role, n_rows in ((TRAIN_ROLE, chunk.n_rows - n_test_rows), (TEST_ROLE, n_test_rows)):
            is_present = n_rows > 0
            self._rows[role] += int(n_rows.sum())
            self._sessions[role] += int((is_present & has_id).sum())
            self._lost_rows[role] += int(n_rows[~has_id].sum())
            self._lost_users[role] += int((is_present & ~has_id).sum())
            self._users[chunk.users[is_present]] |= 1 << role
            self._products[chunk.products[chunk.in_test == (role == TEST_ROLE)]] |= 1 << role
        self._known += int((has_id & (n_test_rows > 0) & (n_test_rows < chunk.n_rows)).sum())

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
            users_in_both=int((self._users == _IN_BOTH).sum()),
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
