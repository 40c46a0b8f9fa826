"""DuckDB engine for logs larger than the memory of one machine: what does not fit is spilled to disk."""

from __future__ import annotations

import glob
from collections.abc import Iterator
from contextlib import contextmanager

import narwhals as nw
import polars as pl

from core.config import available_cores
from core.errors import import_part
from core.features.engines.log_files import log_files
from core.features.engines.window_engine import WindowEngine, window_log
from core.features.engines.window_log import with_step_columns
from core.features.session_log import Frame, HistoryMode


@contextmanager
def open_log(events: pl.LazyFrame, units: pl.LazyFrame, history: HistoryMode) -> Iterator[WindowEngine]:
    """Open a log on DuckDB; see `core.features.engines.open_engine`."""
    duckdb = import_part("duckdb", "The engine DuckDB")
    with (
        log_files(events, units) as files,
        duckdb.connect(config={"temp_directory": str(files.folder / "spilled")}) as connection,
    ):
        connection.execute(f"SET threads = {available_cores()}")
        connection.execute("SET preserve_insertion_order = false")
        stored = nw.from_native(connection.read_parquet(glob.escape(str(files.events))))
        nw.to_native(with_step_columns(stored)).create("steps")
        steps: Frame = nw.from_native(connection.table("steps"))
        stored_units: Frame = nw.from_native(connection.read_parquet(glob.escape(str(files.units))))
        yield WindowEngine(window_log(files, steps, stored_units, history), files.unit_order, _fetch)


def _fetch(query: Frame, name: str) -> pl.DataFrame:
    table: pl.DataFrame = nw.to_native(query).pl()
    return table
