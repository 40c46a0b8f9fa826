"""Writes the demo files: event rows grouped by type as in the real files, the sample submission and the true values."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt

from core.demo.defects import LOST
from core.demo.ids import IdStyles
from core.demo.piece import Piece, Shop
from core.demo.summary import DemoSummary
from core.demo.text import cents, join_lines, times
from core.schema import (
    ADD_CART,
    BUY,
    EVENT_CODE,
    EVENT_COLUMNS,
    REMOVE_CART,
    ROLES,
    SUBMISSION_COLUMNS,
    TEST_ROLE,
    TRAIN_COLUMNS,
    TRAIN_ROLE,
    VIEW,
    Role,
)

_TYPE_ORDER = (ADD_CART, VIEW, REMOVE_CART, BUY)
"""The real files group their rows by type in this order."""
_HEADERS = {"train": TRAIN_COLUMNS, "test": EVENT_COLUMNS}
_ROLE_CODES: dict[Role, int] = {"train": TRAIN_ROLE, "test": TEST_ROLE}
_ANSWERS = ("sample_submission", "truth")
_COPY_BYTES = 1 << 24
"""Larger buffers do not copy faster."""


class DemoFiles:
    """Open files to which pieces are appended: one per role and event type, so that no rows are held or sorted."""

    def __init__(self, shop: Shop, folder: Path, stack: ExitStack) -> None:
        self._catalogue = shop.catalogue
        self._ids = IdStyles.for_shop(shop)
        self._folder = folder
        self._lost_listed = False
        self._events: dict[tuple[Role, str], IO[bytes]] = {}
        for role in ROLES:
            for number, event_type in enumerate(_TYPE_ORDER):
                # The other types are appended to the file of the first type at the end.
                name = f"{role}.{event_type}" if number else f"{role}.csv"
                self._events[role, event_type] = stack.enter_context((folder / name).open("w+b"))
            self._events[role, _TYPE_ORDER[0]].write(_header(_HEADERS[role]))
        self._answers = {name: stack.enter_context((folder / f"{name}.csv").open("wb")) for name in _ANSWERS}
        for file in self._answers.values():
            file.write(_header(SUBMISSION_COLUMNS))

    def add(self, piece: Piece) -> None:
        """Append the rows of a piece to the event files, and its test sessions to the answer files."""
        for role in ROLES:
            in_role = piece.in_test == (_ROLE_CODES[role] == TEST_ROLE)
            for event_type in _TYPE_ORDER:
                rows = np.flatnonzero(in_role & (piece.types == EVENT_CODE[event_type]))
                if len(rows):
                    self._events[role, event_type].write(self._event_lines(piece, rows, event_type, role))
        self._add_answers(piece, np.unique(piece.session[piece.in_test]))

    def finish(self, summary: DemoSummary) -> None:
        """Join the event types of each role into one file, and write the summary."""
        for role in ROLES:
            first, *others = (self._events[role, event_type] for event_type in _TYPE_ORDER)
            for other in others:
                other.seek(0)
                shutil.copyfileobj(other, first, _COPY_BYTES)
                other.truncate(0)  # frees disk space before the next copy
        (self._folder / "demo.json").write_text(json.dumps(asdict(summary), indent=2) + "\n", encoding="utf-8")

    def _event_lines(self, piece: Piece, rows: npt.NDArray[np.int64], event_type: str, role: Role) -> bytes:
        session, products = piece.session[rows], piece.products[rows]
        value = [b",", *cents(piece.cents[session])] if role == "train" else []
        return join_lines(
            [
                *times(piece.seconds[rows]),
                f",{event_type},".encode(),
                *self._ids.product.parts(products),
                b",",
                *self._ids.category.parts(self._catalogue.categories[products]),
                b",",
                *self._ids.user.parts(piece.users[session]),
                b",",
                *self._ids.session.parts(piece.numbers[session]),
                *value,
                b"\n",
            ]
        )

    def _add_answers(self, piece: Piece, sessions: npt.NDArray[np.int64]) -> None:
        """Append one line per session id. All sessions with the lost id have the same value, so only one is listed."""
        lost = sessions[piece.numbers[sessions] == LOST]
        already_listed = lost if self._lost_listed else lost[1:]
        listed = np.setdiff1d(sessions, already_listed)
        self._lost_listed = self._lost_listed or len(lost) > 0
        if not len(listed):
            return
        ids = self._ids.session.parts(piece.numbers[listed])
        self._answers["sample_submission"].write(join_lines([*ids, b",0.0\n"]))
        self._answers["truth"].write(join_lines([*ids, b",", *cents(piece.cents[listed]), b"\n"]))


@contextmanager
def demo_files(shop: Shop, out: Path) -> Iterator[DemoFiles]:
    """Open the demo files. They appear in `out` when the block ends without an exception, all together."""
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out, prefix=".demo-") as name:
        folder = Path(name)
        with ExitStack() as stack:
            yield DemoFiles(shop, folder, stack)
        for file in sorted(folder.iterdir()):
            if file.suffix in {".csv", ".json"}:
                file.replace(out / file.name)


def _header(columns: tuple[str, ...]) -> bytes:
    return (",".join(columns) + "\n").encode()
