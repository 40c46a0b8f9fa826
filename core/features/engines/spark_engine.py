"""Spark engine for logs too large for one machine.

Spark runs the same feature definitions as the other engines, as queries over window functions. The environment variable
SPARK_MASTER names the cluster, such as `spark://host:7077`. Without it, Spark runs inside this process on all cores
(`local[*]`). Spark needs Java 17 or later.

Files: the log is written to Parquet in a temporary folder, which the cluster reads. Spark writes the features of each
group back to that folder. Driver and workers must therefore see the folder at the same path; set TMPDIR to a shared
file system. The folder is deleted at the end.

Memory: Spark caches the events in its workers and spills what does not fit. The finished table, about 0.8 kB per unit,
is held in the memory of this process.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import narwhals as nw
import polars as pl

from core.errors import MissingPart, import_part
from core.features.engines.log_files import log_files
from core.features.engines.window_engine import WindowEngine, window_log
from core.features.engines.window_log import with_step_columns
from core.features.session_log import Frame, HistoryMode

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

MASTER_VARIABLE = "SPARK_MASTER"
"""Environment variable with the address of the cluster."""
_LOCAL_MASTER = "local[*]"
_USER = "The engine Spark"
"""Subject of the messages about missing parts."""
_SETTINGS = {
    "spark.sql.session.timeZone": "UTC",
    "spark.ui.enabled": "false",
}
_LOCAL_SETTINGS = {
    # Spark's default of 200 partitions per shuffle takes longer than the work itself on one machine.
    "spark.sql.shuffle.partitions": "8",
    # Without these two, Spark looks up the host name and listens on the network.
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
}


@contextmanager
def open_log(events: pl.LazyFrame, units: pl.LazyFrame, history: HistoryMode) -> Iterator[WindowEngine]:
    """Open a log on Spark; see `core.features.engines.open_engine`.

    Raises:
        MissingPart: pyspark or Java is not installed.
    """
    with log_files(events, units) as files, _spark_session(files.folder) as spark:
        stored = nw.from_native(_read_parquet(spark, files.events))
        # All groups read the events; without the cache each would compute the step columns again.
        steps: Frame = nw.from_native(nw.to_native(with_step_columns(stored)).cache())
        stored_units: Frame = nw.from_native(_read_parquet(spark, files.units))

        def fetch(query: Frame, name: str) -> pl.DataFrame:
            return _fetch(query, files.folder / name)

        yield WindowEngine(window_log(files, steps, stored_units, history), files.unit_order, fetch)


@contextmanager
def _spark_session(folder: Path) -> Iterator[SparkSession]:
    """Start Spark, and stop it when the block ends. Local workers spill to `folder`."""
    sql = import_part("pyspark.sql", _USER)
    errors = import_part("pyspark.errors", _USER)
    master = os.environ.get(MASTER_VARIABLE, _LOCAL_MASTER)
    settings = dict(_SETTINGS)
    if master.startswith("local"):
        settings |= _LOCAL_SETTINGS | {"spark.local.dir": str(folder)}
    builder = sql.SparkSession.builder.appName("session-value-studio").master(master)
    for name, value in settings.items():
        builder = builder.config(name, value)
    try:
        spark: SparkSession = builder.getOrCreate()
    except errors.PySparkRuntimeError as error:  # raised when no Java virtual machine could be started
        raise MissingPart.java(_USER) from error
    spark.sparkContext.setLogLevel("ERROR")
    try:
        yield spark
    finally:
        spark.stop()


def _read_parquet(spark: SparkSession, path: Path) -> DataFrame:
    """Read a Parquet file whose path may contain the wildcards of Hadoop."""
    return spark.read.parquet(re.sub(r"([\[\]{}*?])", r"\\\1", str(path)))


def _fetch(query: Frame, folder: Path) -> pl.DataFrame:
    """Run the query on the cluster, which writes Parquet files into `folder`, and read them."""
    nw.to_native(query).write.parquet(str(folder))
    return pl.read_parquet(sorted(folder.glob("*.parquet")), glob=False)
