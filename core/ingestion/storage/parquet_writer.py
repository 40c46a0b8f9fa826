"""Write a Parquet file row group by row group, so that it may be larger than memory."""

from __future__ import annotations

from pathlib import Path
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

_DICTIONARY_ENCODED = (CATEGORY, TYPE, ROLE, IN_TRAIN, IN_TEST, COMPOSITE, FILE, REASON, IGNORED)
"""Columns with few distinct values."""
_UNCOMPRESSED = (SESSION, USER, PRODUCT, "code")  # hashes, which do not compress
_DELTA_ENCODED = (UNIT, TIME, START, LINE)  # integers; adjacent values differ little


class ParquetWriter:
    """Context manager that appends frames with the same columns to a file. Without any frame, no file is written."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writer: Any = None

    def __enter__(self) -> ParquetWriter:
        return self

    def write(self, frame: pl.DataFrame) -> None:
        """Append rows. An empty frame only ensures that the file exists and has these columns."""
        table = frame.to_arrow(compat_level=pl.CompatLevel.oldest())
        if self._writer is None:
            self._writer = parquet.ParquetWriter(
                self._path,
                table.schema,
                # snappy takes half the time of zstd, and 10% more bytes
                compression={name: "none" if name in _UNCOMPRESSED else "snappy" for name in frame.columns},
                use_dictionary=[name for name in frame.columns if name in _DICTIONARY_ENCODED],
                column_encoding={name: "DELTA_BINARY_PACKED" for name in frame.columns if name in _DELTA_ENCODED},
            )
        if frame.height:
            self._writer.write_table(table)

    def __exit__(self, *exception: object) -> None:
        if self._writer is not None:
            self._writer.close()
