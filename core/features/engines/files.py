"""Hands a log to another engine as Parquet files: the one form that all of them read without going through memory."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from core.features.visits import VISIT, with_visits
from core.schema import TIME, UNIT


@dataclass(frozen=True)
class LogFiles:
    """Events and units as Parquet in a folder of their own, and the log's first and last second."""

    folder: Path
    events: Path
    units: Path
    began: int
    ended: int


@contextmanager
def written(events: pl.LazyFrame, units: pl.LazyFrame) -> Iterator[LogFiles]:
    """Write a log; the folder is gone in the end."""
    with tempfile.TemporaryDirectory(prefix="svs-features-") as name:
        folder = Path(name)
        with_visits(units).sink_parquet(folder / "units.parquet")
        visits = pl.scan_parquet(folder / "units.parquet", glob=False).select(UNIT, VISIT)
        events.join(visits, on=UNIT, how="left").sink_parquet(folder / "events.parquet")
        times = pl.scan_parquet(folder / "events.parquet", glob=False).select(
            pl.col(TIME).min().alias("began"), pl.col(TIME).max().alias("ended")
        )
        began, ended = times.collect().row(0)
        yield LogFiles(folder, folder / "events.parquet", folder / "units.parquet", began, ended)
