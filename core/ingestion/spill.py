"""Keeps rows and ids by parts of the code's range, in memory while they are few and on disk when they are many.

A part holds all that share the first bits of a code: all events of a session, all sightings of an id. What must be put
together is then put together part by part, and memory does not grow with the file.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import polars as pl
from pyarrow import ipc

_IN_MEMORY = 4_000_000
"""Rows held before they are written: 400 MB of events; most people's files never reach the disk twice."""
_ROWS_A_PART = 500_000
"""Rows that a part should have when it is put together: sorted in a tenth of a second within 100 MB."""
_MOST_PARTS_BITS = 10


def part_bits(rows: int | None) -> int:
    """How many first bits of a code tell the part, for about so many rows (None: not known)."""
    if rows is None:
        return 6
    return min((rows // _ROWS_A_PART).bit_length(), _MOST_PARTS_BITS)


class Spill:
    """Frames that come in any order and are given back by parts; `key` is the column with the code."""

    def __init__(self, folder: Path, key: str, bits: int) -> None:
        self._folder = folder
        self._key = key
        self._bits = bits
        self._held: list[pl.DataFrame] = []
        self._height = 0
        self._files: dict[int, list[Path]] = {}
        self._empty: pl.DataFrame | None = None

    def add(self, frame: pl.DataFrame) -> None:
        """Keep a frame."""
        self._empty = frame.clear() if self._empty is None else self._empty
        self._held.append(frame)
        self._height += frame.height
        if self._height >= _IN_MEMORY:
            self._write()

    def parts(self) -> Iterator[pl.DataFrame]:
        """The rows of each part, in the order of the parts, which is that of the codes; each part once."""
        held = self._partitioned()
        for part in range(1 << self._bits):
            files = self._files.get(part, [])
            frames = [pl.read_ipc(file) for file in files] + ([held.pop(part)] if part in held else [])
            yield pl.concat(frames) if frames else self._nothing()
            for file in files:
                with suppress(PermissionError):  # Windows keeps a file that is still read; the folder goes in the end
                    file.unlink()

    def _nothing(self) -> pl.DataFrame:
        return pl.DataFrame() if self._empty is None else self._empty

    def _partitioned(self) -> dict[int, pl.DataFrame]:
        """What is held, by part; it is then held no more."""
        if not self._held:
            return {}
        together = pl.concat(self._held)
        self._held, self._height = [], 0
        if self._bits == 0:
            return {0: together}
        # A stable sort by the part, which for small whole numbers takes one pass, and then slices: half the time of
        # Polars' partition_by.
        codes = together.get_column(self._key).to_numpy()
        part = ((codes >> (64 - self._bits)) + (1 << self._bits >> 1)).astype(np.uint16)
        ordered = together[np.argsort(part, kind="stable")]
        ends = np.cumsum(np.bincount(part, minlength=1 << self._bits))
        return {
            place: ordered.slice(int(end - rows), int(rows))
            for place, (end, rows) in enumerate(zip(ends, np.diff(ends, prepend=0), strict=True))
            if rows
        }

    def _write(self) -> None:
        number = sum(len(files) for files in self._files.values())
        for part, frame in self._partitioned().items():
            file = self._folder / f"{number:06}-{part:04}.arrow"
            # As Arrow's older texts, each frame with its own: Polars would write the texts of all parts into each.
            table = frame.to_arrow(compat_level=pl.CompatLevel.oldest())
            with ipc.new_file(file, table.schema) as target:
                target.write_table(table)
            self._files.setdefault(part, []).append(file)
