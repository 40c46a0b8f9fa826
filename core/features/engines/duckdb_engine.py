"""DuckDB engine for logs larger than the memory of one machine. DuckDB spills to disk what does not fit."""

from __future__ import annotations

import glob
from collections.abc import Iterator
from contextlib import contextmanager

import narwhals as nw
import polars as pl

from core.base.cores import available_cores
from core.errors import import_part
from core.features.engines.log_files import log_files
from core.features.engines.window_engine import WindowEngine
from core.features.engines.window_log import with_step_columns
from core.features.session_log import Frame, HistoryMode


@contextmanager
def open_log(
    events: pl.LazyFrame, units: pl.LazyFrame, history: HistoryMode, log_start: int | None
) -> Iterator[WindowEngine]:
    """Open a log on DuckDB; see `core.features.engines.open_engine`."""
    duckdb = import_part("duckdb", "The engine DuckDB")
    with log_files(events, units, log_start) as files:
        settings = {
            "temp_directory": str(files.folder / "spilled"),
            "threads": available_cores(),
            "preserve_insertion_order": False,
        }
        with duckdb.connect(config=settings) as connection:
            stored_events, stored_units = (
                nw.from_native(connection.read_parquet(glob.escape(str(path)))) for path in (files.events, files.units)
            )
            # A table, because all groups read the events; a view would compute the step columns for each of them.
            nw.to_native(with_step_columns(stored_events)).create("steps")
            steps: Frame = nw.from_native(connection.table("steps"))
            yield WindowEngine.create(files, steps, stored_units, history, lambda query: nw.to_native(query).pl())
