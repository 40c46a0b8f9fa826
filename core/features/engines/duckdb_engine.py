"""DuckDB: on one machine, also for logs that are larger than its memory; what does not fit goes to disk."""

from __future__ import annotations

import glob
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import narwhals as nw
import polars as pl

from core.config import available_cores
from core.errors import import_part
from core.features.definition import FeatureGroup, History, SessionLog
from core.features.engines.files import written
from core.features.steps import by_minute, by_windows


@dataclass(frozen=True)
class DuckDBEngine:
    """See `core.features.engines.Engine`."""

    log: SessionLog

    def collect(self, group: FeatureGroup) -> pl.DataFrame:
        """See `Engine.collect`."""
        found: pl.DataFrame = nw.to_native(group.frame(self.log)).pl()
        return found


@contextmanager
def open_log(events: pl.LazyFrame, units: pl.LazyFrame, history: History) -> Iterator[DuckDBEngine]:
    """See `core.features.engines.opened`."""
    duckdb = import_part("duckdb", "The engine DuckDB")
    with (
        written(events, units) as files,
        duckdb.connect(config={"temp_directory": str(files.folder / "spilled")}) as connection,
    ):
        connection.execute(f"SET threads = {available_cores()}")
        connection.execute("SET preserve_insertion_order = false")
        read = connection.read_parquet(glob.escape(str(files.events)))
        nw.to_native(by_windows(nw.from_native(read))).create("steps")
        steps = nw.from_native(connection.table("steps"))
        log = SessionLog(
            events=steps,
            units=nw.from_native(connection.read_parquet(glob.escape(str(files.units)))),
            minutes=by_minute(steps),
            history=history,
            began=files.began,
            ended=files.ended,
        )
        yield DuckDBEngine(log)
