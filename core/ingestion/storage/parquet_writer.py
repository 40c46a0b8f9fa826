"""Write a Parquet file row group by row group, so that it may be larger than memory."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any

import polars as pl
from pyarrow import parquet

from core.schema import (
    CATEGORY,
    COMPOSITE,
    FILE,
    IGNORED,
    IN_TEST,
    IN_TRAIN,
    LINE,
    PRODUCT,
    REASON,
    ROLE,
    SESSION,
    START,
    TIME,
    TYPE,
    UNIT,
    USER,
)

_REPEATED = (CATEGORY, TYPE, ROLE, IN_TRAIN, IN_TEST, COMPOSITE, FILE, REASON, IGNORED)
"""Columns with few distinct values, which are dictionary-encoded."""
_HASHED = (SESSION, USER, PRODUCT, "code")
"""Columns of hashes, which do not compress."""
_RISING = (UNIT, TIME, START, LINE)
"""Integer columns whose neighbouring values are close, which are delta-encoded."""


class ParquetWriter:
    """Context manager that appends frames with the same columns to a file; without any frame, no file is written."""

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
                # snappy takes half the time of zstd for 10% more bytes
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
