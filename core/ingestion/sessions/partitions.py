"""Keeps rows and ids by parts of the code's range, in memory while they are few and on disk when they are many.

A part holds all that share the first bits of a code: all events of a session, all sightings of an id. What must be put
together is then put together part by part, and memory does not grow with the file.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, Future
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from pyarrow import OSFile, ipc

_IN_MEMORY = 4_000_000
"""Rows held before they are written: 400 MB of events; most people's files never reach the disk twice."""
_ROWS_A_PART = 1_000_000
"""Rows that a part should have when it is put together: sorted in a fifth of a second within 200 MB. Fewer, and the
splitting takes longer than the sorting gains (measured with 1 to 16 parts of 5 million rows)."""
_MOST_PARTS_BITS = 10
_UNKNOWN_SIZE_BITS = 6
"""For a database, which does not say how much will come: 64 parts of up to 30 million rows are small enough."""

Partitions = dict[int, pl.DataFrame]
"""Rows by part; see `split`."""


def partition_bits(rows: int | None) -> int:
    """How many first bits of a code tell the part, for about so many rows (None: not known)."""
    if rows is None:
        return _UNKNOWN_SIZE_BITS
    return min((rows // _ROWS_A_PART).bit_length(), _MOST_PARTS_BITS)


def split(frame: pl.DataFrame, key: str, bits: int) -> Partitions:
    """Split rows by the first `bits` bits of the code in column `key`; parts without rows are left out.

    By a stable sort, which for small whole numbers takes one pass, and slices: half the time of Polars' partition_by.
    """
    if bits == 0 or frame.is_empty():
        return {0: frame}
    codes = frame.get_column(key).to_numpy()
    part = ((codes >> (64 - bits)) + (1 << bits >> 1)).astype(np.uint16)
    ordered = frame[np.argsort(part, kind="stable")]
    ends = np.cumsum(np.bincount(part, minlength=1 << bits))
    return {
        place: ordered.slice(int(end - rows), int(rows))
        for place, (end, rows) in enumerate(zip(ends, np.diff(ends, prepend=0), strict=True))
        if rows
    }


@dataclass(frozen=True)
class Partition:
    """The rows of one part, in memory or on disk."""

    _files: Sequence[Path]
    _held: Sequence[pl.DataFrame]
    _empty: pl.DataFrame

    def load(self) -> pl.DataFrame:
        """The rows; what lay on disk is gone from there."""
        frames = [pl.read_ipc(file) for file in self._files] + list(self._held)
        for file in self._files:
            with suppress(PermissionError):  # Windows keeps a file that is still read; the folder goes in the end
                file.unlink()
        return pl.concat(frames) if frames else self._empty


class PartitionStore:
    """Takes rows by part in any order and gives them back part by part, in the order of the codes.

    `writing` puts what is too much for memory on disk while more comes; who owns it must end it before the folder goes.
    """

    def __init__(self, folder: Path, bits: int, writing: Executor) -> None:
        self._folder = folder
        self._parts = 1 << bits
        self._held: dict[int, list[pl.DataFrame]] = {}
        self._height = 0
        self._files: dict[int, list[Path]] = {}
        self._empty = pl.DataFrame()
        self._writing = writing
        self._written: list[Future[None]] = []

    def add(self, parts: Partitions) -> None:
        """Keep rows."""
        for part, frame in parts.items():
            if not self._empty.columns:
                self._empty = frame.clear()
            self._held.setdefault(part, []).append(frame)
            self._height += frame.height
        if self._height >= _IN_MEMORY:
            self._finish_writing()  # of what was held before: twice _IN_MEMORY is the most that is ever held
            self._written = [self._writing.submit(self._write, part, frames) for part, frames in self._held.items()]
            self._held, self._height = {}, 0

    def parts(self) -> Iterator[Partition]:
        """Every part, also one without rows, once; each may be loaded on any thread."""
        self._finish_writing()
        for part in range(self._parts):
            yield Partition(self._files.get(part, []), self._held.pop(part, []), self._empty)

    def _finish_writing(self) -> None:
        while self._written:
            self._written.pop().result()

    def _write(self, part: int, frames: list[pl.DataFrame]) -> None:
        place = self._files.setdefault(part, [])
        file = self._folder / f"{part:04}-{len(place):06}.arrow"
        # As Arrow's older texts, each frame with its own: Polars would write the texts of all parts into each.
        table = pl.concat(frames, rechunk=True).to_arrow(compat_level=pl.CompatLevel.oldest())
        frames.clear()
        with (
            OSFile(str(file), "wb") as opened,
            ipc.new_file(opened, table.schema) as target,
        ):  # closed on a full disk, too
            target.write_table(table)
        place.append(file)
