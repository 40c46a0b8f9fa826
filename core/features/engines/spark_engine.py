"""Spark: for logs beyond one machine, by the cluster's address in SPARK_MASTER; `local[*]` without one."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import narwhals as nw
import polars as pl

from core.errors import MissingPart, import_part
from core.features.definition import FeatureGroup, History, SessionLog
from core.features.engines.files import written
from core.features.steps import by_minute, by_windows

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_PARTITIONS = 8  # of a shuffle on this machine alone; Spark's 200 take longer than the work
MASTER = "SPARK_MASTER"
"""Environment variable with the cluster's address, such as spark://host:7077."""


@dataclass(frozen=True)
class SparkEngine:
    """See `core.features.engines.Engine`."""

    log: SessionLog
    folder: Path

    def collect(self, group: FeatureGroup) -> pl.DataFrame:
        """See `Engine.collect`."""
        place = self.folder / group.name
        nw.to_native(group.frame(self.log)).write.parquet(str(place))
        return pl.read_parquet(sorted(place.glob("*.parquet")), glob=False)


@contextmanager
def open_log(events: pl.LazyFrame, units: pl.LazyFrame, history: History) -> Iterator[SparkEngine]:
    """See `core.features.engines.opened`.

    Raises:
        MissingPart: no Java.
    """
    with written(events, units) as files, _session(files.folder) as spark:
        steps = nw.from_native(
            nw.to_native(by_windows(nw.from_native(spark.read.parquet(_escaped(files.events))))).cache()
        )
        log = SessionLog(
            events=steps,
            units=nw.from_native(spark.read.parquet(_escaped(files.units))),
            minutes=by_minute(steps),
            history=history,
            began=files.began,
            ended=files.ended,
        )
        yield SparkEngine(log, files.folder)


def _escaped(path: Path) -> str:
    """The path as Hadoop takes it literally, which reads paths as patterns."""
    return re.sub(r"([\[\]{}*?])", r"\\\1", str(path))


@contextmanager
def _session(folder: Path) -> Iterator[SparkSession]:
    sql, errors = (import_part(f"pyspark.{part}", "The engine Spark") for part in ("sql", "errors"))
    master = os.environ.get(MASTER, "local[*]")
    builder = sql.SparkSession.builder.appName("session-value-studio").master(master)
    builder = builder.config("spark.sql.session.timeZone", "UTC").config("spark.ui.enabled", "false")
    if master.startswith("local"):
        builder = builder.config("spark.sql.shuffle.partitions", _PARTITIONS)
        builder = builder.config("spark.local.dir", str(folder)).config("spark.driver.bindAddress", "127.0.0.1")
        builder = builder.config("spark.driver.host", "127.0.0.1")
    try:
        spark = builder.getOrCreate()
    except errors.PySparkRuntimeError as error:  # so it says that no Java machine has started
        raise MissingPart.java("The engine Spark") from error
    spark.sparkContext.setLogLevel("ERROR")
    try:
        yield spark
    finally:
        spark.stop()
