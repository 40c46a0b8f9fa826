"""Passes a log to DuckDB or Spark as Parquet files, so that it need not fit into the memory of this process."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from core.base.files import scratch_folder, sweep
from core.features.columns import VISIT
from core.features.visits import with_visits
from core.schema import TIME, UNIT

_NAME = "svs-features"


@dataclass(frozen=True)
class LogFiles:
    """A log on disk.

    Attributes:
        folder: a temporary folder, which the engine may write to as well.
        events: Parquet file with one row per event: the events' columns and VISIT.
        units: Parquet file with one row per unit: unit, user, start, VISIT, VISIT_START.
        unit_order: the column `unit`, sorted: the row order of the feature table.
        first_second, last_second: epoch seconds of the log's start and of its last event.
    """

    folder: Path
    events: Path
    units: Path
    unit_order: pl.DataFrame
    first_second: int
    last_second: int


@contextmanager
def log_files(events: pl.LazyFrame, units: pl.LazyFrame, log_start: int | None = None) -> Iterator[LogFiles]:
    """Write a log to a temporary folder, which is deleted at the end of the block.

    Raises:
        ValueError: the log has no event.
    """
    temporary_files = Path(tempfile.gettempdir())
    sweep(temporary_files, _NAME)
    with scratch_folder(temporary_files, f".{_NAME}.") as folder:
        units_file, events_file = folder / "units.parquet", folder / "events.parquet"
        with_visits(units).sink_parquet(units_file)
        written_units = pl.scan_parquet(units_file, glob=False)
        events.join(written_units.select(UNIT, VISIT), on=UNIT, how="left").sink_parquet(events_file)
        times = pl.scan_parquet(events_file, glob=False).select(pl.min(TIME).alias("first"), pl.max(TIME).alias("last"))
        first_second, last_second = times.collect().row(0)
        if first_second is None:
            raise ValueError("a log must have at least one event")
        yield LogFiles(
            folder=folder,
            events=events_file,
            units=units_file,
            unit_order=written_units.select(UNIT).sort(UNIT).collect(),
            first_second=first_second if log_start is None else log_start,
            last_second=last_second,
        )
