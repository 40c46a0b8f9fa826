"""Writes the demo files: event rows grouped by type as in the real files, the sample submission and the true values."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt

from core import schema
from core.base.files import scratch_folder, sweep
from core.demo.defects import LOST
from core.demo.log_chunk import LogChunk, Shop
from core.demo.own_columns import COLUMNS, MAPPING, OwnColumns
from core.demo.summary import DemoSummary
from core.demo.text import IdFormats, cents, join_lines, times

_TYPE_ORDER = (schema.ADD_CART, schema.VIEW, schema.REMOVE_CART, schema.BUY)
"""The real files group their rows by type in this order."""
_COLUMNS = {"train": schema.TRAIN_COLUMNS, "test": schema.EVENT_COLUMNS}
MAPPING_FILE = "mapping.toml"
_COPY_BYTES = 1 << 24
"""Larger buffers do not copy faster."""


class DemoFiles:
    """Open files to which chunks are appended: one per role and event type, so that no rows are held or sorted."""

    def __init__(self, shop: Shop, folder: Path, stack: ExitStack, own: OwnColumns | None) -> None:
        self._catalogue = shop.catalogue
        self._own = own
        self._ids = IdFormats.for_shop(shop)
        self._folder = folder
        self._lost_id_listed = False
        self._events: dict[tuple[schema.Role, str], IO[bytes]] = {}
        for role in schema.ROLES:
            for number, event_type in enumerate(_TYPE_ORDER):
                # The other types are appended to the file of the first type at the end.
                name = f"{role}.{event_type}" if number else f"{role}.csv"
                self._events[role, event_type] = stack.enter_context((folder / name).open("w+b"))
            self._events[role, _TYPE_ORDER[0]].write(_header((*_COLUMNS[role], *(COLUMNS if own else ()))))
        self._sample, self._truth = (
            stack.enter_context((folder / name).open("wb")) for name in ("sample_submission.csv", "truth.csv")
        )
        for file in (self._sample, self._truth):
            file.write(_header(schema.SUBMISSION_COLUMNS))

    def add(self, chunk: LogChunk) -> None:
        """Append the rows of a chunk to the event files, and its test sessions to the sample and the true values."""
        for role in schema.ROLES:
            in_file = chunk.in_test if role == "test" else ~chunk.in_test
            for event_type in _TYPE_ORDER:
                rows = np.flatnonzero(in_file & (chunk.types == schema.EVENT_CODE[event_type]))
                if len(rows):
                    self._events[role, event_type].write(self._event_lines(chunk, rows, event_type, role))
        self._add_values(chunk, np.unique(chunk.session[chunk.in_test]))

    def finish(self, summary: DemoSummary) -> None:
        """Join the event types of each role into one file, and write the summary."""
        for role in schema.ROLES:
            first, *others = (self._events[role, event_type] for event_type in _TYPE_ORDER)
            for other in others:
                other.seek(0)
                shutil.copyfileobj(other, first, _COPY_BYTES)
                other.truncate(0)  # frees disk space before the next copy
        if self._own is not None:
            (self._folder / MAPPING_FILE).write_text(MAPPING, encoding="utf-8")
        (self._folder / "demo.json").write_text(json.dumps(asdict(summary), indent=2) + "\n", encoding="utf-8")

    def _event_lines(self, chunk: LogChunk, rows: npt.NDArray[np.int64], event_type: str, role: schema.Role) -> bytes:
        session, products = chunk.session[rows], chunk.products[rows]
        value = [b",", *cents(chunk.cents[session])] if role == "train" else []
        return join_lines(
            [
                *times(chunk.seconds[rows]),
                f",{event_type},".encode(),
                *self._ids.product.parts(products),
                b",",
                *self._ids.category.parts(self._catalogue.categories[products]),
                b",",
                *self._ids.user.parts(chunk.users[session]),
                b",",
                *self._ids.session.parts(chunk.numbers[session]),
                *value,
                *([] if self._own is None else self._own.parts(chunk, rows)),
                b"\n",
            ]
        )

    def _add_values(self, chunk: LogChunk, sessions: npt.NDArray[np.int64]) -> None:
        """Append one line per session id. All sessions with the lost id have the same value, so only one is listed."""
        lost = sessions[chunk.numbers[sessions] == LOST]
        listed = np.setdiff1d(sessions, lost if self._lost_id_listed else lost[1:])
        self._lost_id_listed |= len(lost) > 0
        if not len(listed):
            return
        ids = self._ids.session.parts(chunk.numbers[listed])
        self._sample.write(join_lines([*ids, b",0.0\n"]))
        self._truth.write(join_lines([*ids, b",", *cents(chunk.cents[listed]), b"\n"]))


@contextmanager
def demo_files(shop: Shop, out: Path, own: OwnColumns | None = None) -> Iterator[DemoFiles]:
    """Open the demo files. They appear in `out` all together, once the block ends without an exception.

    Existing files are replaced, and the mapping of an earlier demo with own columns is removed.
    """
    out.mkdir(parents=True, exist_ok=True)
    sweep(out)
    with scratch_folder(out, ".demo-") as folder:
        with ExitStack() as stack:
            yield DemoFiles(shop, folder, stack, own)
        for file in sorted(folder.iterdir()):
            if file.suffix in {".csv", ".json", ".toml"}:
                file.replace(out / file.name)
    if own is None:
        _remove_mapping(out / MAPPING_FILE)


def _remove_mapping(path: Path) -> None:
    """Remove the mapping of an earlier call, which names columns that the events no longer have."""
    if path.is_file() and path.read_bytes() == MAPPING.encode():
        path.unlink()


def _header(columns: tuple[str, ...]) -> bytes:
    return (",".join(columns) + "\n").encode()
