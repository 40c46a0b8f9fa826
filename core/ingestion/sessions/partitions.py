"""Partition rows by code; few rows are kept in memory, many are spilled to disk.

In: data frames with a 64-bit code column, in any order. Out: one `Partition` per range of codes, in the order of the
codes. The codes of a partition have the same leading bits, so all events of a session and all occurrences of an id are
in one partition. Later steps work on few partitions at a time, so memory does not grow with the file.
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
"""Maximum rows in memory before they are spilled: about 400 MB of events, so most logs are never spilled."""
_ROWS_A_PART = 1_000_000
"""Target rows per partition, which are sorted in 0.2 s within 200 MB. Smaller partitions cost more time than they save
in sorting (measured on 5 million rows in 1 to 16 partitions)."""
_MAX_BITS = 10
_UNKNOWN_SIZE_BITS = 6
"""For a query, whose number of rows is unknown: 64 partitions are small enough for up to 30 million rows."""

Partitions = dict[int, pl.DataFrame]
"""Partition number -> its rows; see `split`."""


def partition_bits(rows: int | None) -> int:
    """Return how many leading bits of a code number its partition, for about `rows` rows (None if unknown)."""
    return _UNKNOWN_SIZE_BITS if rows is None else min((rows // _ROWS_A_PART).bit_length(), _MAX_BITS)


def split(frame: pl.DataFrame, key: str, bits: int) -> Partitions:
    """Split rows by the leading `bits` bits of the code in column `key`; empty partitions are left out.

    Rows keep their order. A stable sort of small integers takes half the time of Polars' partition_by.
    """
    if bits == 0 or frame.is_empty():
        return {0: frame}
    codes = frame.get_column(key).to_numpy()
    part = ((codes >> (64 - bits)) + (1 << bits >> 1)).astype(np.uint16)
    ordered = frame[np.argsort(part, kind="stable")]
    heights = np.bincount(part)
    starts = np.cumsum(heights) - heights
    return {int(number): ordered.slice(int(starts[number]), int(heights[number])) for number in heights.nonzero()[0]}


@dataclass(frozen=True)
class Partition:
    """The rows of one partition, in memory and on disk."""

    _files: Sequence[Path]
    _held: Sequence[pl.DataFrame]
    _empty: pl.DataFrame

    def load(self) -> pl.DataFrame:
        """Return the rows, and delete the spilled files. Call it once."""
        frames = [pl.read_ipc(file) for file in self._files] + list(self._held)
        for file in self._files:
            with suppress(PermissionError):  # Windows keeps an open file; its folder is deleted later
                file.unlink()
        return pl.concat(frames) if frames else self._empty


class PartitionStore:
    """Collects partitioned rows and returns them partition by partition, in the order of the codes.

    Args:
        writing: executor that spills rows to disk in the background. Its owner must shut it down before `folder` is
            deleted.
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
        """Add rows, and spill all rows in memory if there are too many."""
        for part, frame in parts.items():
            if not self._empty.columns:
                self._empty = frame.clear()
            self._held.setdefault(part, []).append(frame)
            self._height += frame.height
        if self._height >= _IN_MEMORY:
            self._finish_writing()  # of the previous spill, so that memory is bounded
            self._written = [self._writing.submit(self._write, part, frames) for part, frames in self._held.items()]
            self._held, self._height = {}, 0

    def parts(self) -> Iterator[Partition]:
        """Yield every partition once, including empty ones; each may be loaded on any thread."""
        self._finish_writing()
        for part in range(self._parts):
            yield Partition(self._files.get(part, []), self._held.pop(part, []), self._empty)

    def _finish_writing(self) -> None:
        while self._written:
            self._written.pop().result()

    def _write(self, part: int, frames: list[pl.DataFrame]) -> None:
        files = self._files.setdefault(part, [])
        file = self._folder / f"{part:04}-{len(files):06}.arrow"
        # With Arrow's newer string views instead of the older strings, each file would contain all texts.
        table = pl.concat(frames, rechunk=True).to_arrow(compat_level=pl.CompatLevel.oldest())
        frames.clear()
        with OSFile(str(file), "wb") as opened, ipc.new_file(opened, table.schema) as target:
            target.write_table(table)  # the file is closed even if the disk is full
        files.append(file)
