"""Writes a Parquet file row group by row group, so that a file may be larger than memory."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any

import polars as pl
from pyarrow import parquet

_REPEATED = ("category", "type", "role", "in_train", "in_test", "composite", "file", "reason", "ignored")
"""Columns of few different values: only for these a dictionary of values is worth its time."""

_HASHED = ("session", "user", "product", "code")
"""Columns of hashes: no encoding makes them smaller, so they are written as they are."""
_RISING = ("unit", "time", "start", "line")
"""Columns of whole numbers that are close to their neighbours: stored as differences."""


class ParquetWriter:
    """All frames must have the same columns. Without any frame no file is written; `close` by leaving the block."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writer: Any = None
        self.rows = 0

    def __enter__(self) -> ParquetWriter:
        return self

    def write(self, frame: pl.DataFrame) -> None:
        """Append rows; an empty frame only makes sure that the file exists, with these columns."""
        table = frame.to_arrow(compat_level=pl.CompatLevel.oldest())
        if self._writer is None:
            repeated = [name for name in frame.columns if name in _REPEATED]
            self._writer = parquet.ParquetWriter(
                self._path,
                table.schema,
                # snappy: half the time of zstd at a tenth more bytes
                compression={name: "none" if name in _HASHED else "snappy" for name in frame.columns},
                use_dictionary=repeated,
                column_encoding={name: "DELTA_BINARY_PACKED" for name in frame.columns if name in _RISING},
            )
        if frame.height:
            self._writer.write_table(table)
            self.rows += frame.height

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._writer is not None:
            self._writer.close()
