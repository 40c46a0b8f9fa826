"""Spark engine for logs too large for one machine.

It runs the feature definitions of the other engines as Spark queries with window functions. Spark needs Java 17 or
later.

Cluster: set the environment variable SPARK_MASTER to its address, such as `spark://host:7077`. The default, `local[*]`,
runs Spark on all cores of this machine.

Files: this process writes the log as Parquet files to a temporary folder, and the workers write the features of each
group to the same folder. On a cluster, set TMPDIR to a shared file system that all workers mount at the same path. The
folder is deleted at the end.

Memory: the workers cache the events and spill what does not fit. This process holds the finished table, about 0.8 kB
per unit.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import narwhals as nw
import polars as pl

from core.errors import MissingPart, RunError, import_part
from core.features.engines.log_files import log_files
from core.features.engines.window_engine import WindowEngine
from core.features.engines.window_log import with_step_columns
from core.features.session_log import Frame, HistoryMode

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_PURPOSE = "The engine Spark"
"""Subject of the error messages about missing packages and Java."""
_TIME_ZONE = "spark.sql.session.timeZone"
_SETTINGS = {_TIME_ZONE: "UTC", "spark.ui.enabled": "false"}
_LOCAL_SETTINGS = {
    # On one machine, Spark's default of 200 partitions per shuffle takes longer than the work itself.
    "spark.sql.shuffle.partitions": "8",
    # Without these two, Spark looks up the host name and listens on the network.
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
}


@contextmanager
def open_log(
    events: pl.LazyFrame, units: pl.LazyFrame, history: HistoryMode, log_start: int | None
) -> Iterator[WindowEngine]:
    """Open a log on Spark; see `core.features.engines.open_engine`.

    Raises:
        MissingPart: pyspark or Java is not installed.
        RunError: Spark cannot be started, a query fails, or the workers do not share the folder of the files.
    """
    with log_files(events, units, log_start) as files, _reporting_errors(), _spark_session(files.folder) as spark:
        steps = with_step_columns(_read_parquet(spark, files.events))
        # All groups read the events. Without the cache, each group would compute the step columns again.
        cached_steps = nw.to_native(steps).cache()
        stored_units = _read_parquet(spark, files.units)
        fetch = partial(_fetch, folder=files.folder)
        try:
            yield WindowEngine.create(files, nw.from_native(cached_steps), stored_units, history, fetch)
        finally:
            cached_steps.unpersist()


@contextmanager
def _reporting_errors() -> Iterator[None]:
    """Report the errors of Spark in the block as errors of the run."""
    errors = import_part("pyspark.errors", _PURPOSE)
    protocol = import_part("py4j.protocol", _PURPOSE)
    try:
        yield
    except (errors.PySparkException, protocol.Py4JError) as error:
        if isinstance(error, errors.PySparkException) and error.getCondition() == "JAVA_GATEWAY_EXITED":
            raise MissingPart.java(_PURPOSE) from error
        cause = getattr(error, "java_exception", None)
        text = str(error if cause is None else cause.toString())
        raise RunError.spark_failed(_master(), text.strip().splitlines()[0]) from error


def _master() -> str:
    return os.environ.get("SPARK_MASTER", "local[*]")


@contextmanager
def _spark_session(folder: Path) -> Iterator[SparkSession]:
    """Start Spark and stop it at the end of the block. In local mode, Spark spills to `folder`.

    If the process already has a session, Spark keeps running, and the block gets a separate session.
    """
    sql = import_part("pyspark.sql", _PURPOSE)
    running: SparkSession | None = sql.SparkSession.getActiveSession()
    if running is not None:
        own_session = running.newSession()
        own_session.conf.set(_TIME_ZONE, "UTC")
        yield own_session
        return
    local_settings = _LOCAL_SETTINGS | {"spark.local.dir": str(folder)} if _master().startswith("local") else {}
    builder = sql.SparkSession.builder.appName("session-value-studio").master(_master())
    spark: SparkSession = builder.config(map=_SETTINGS | local_settings).getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    try:
        yield spark
    finally:
        spark.stop()


def _read_parquet(spark: SparkSession, path: Path) -> Frame:
    """Read a Parquet file; characters of its path that are wildcards in Hadoop are escaped."""
    frame: Frame = nw.from_native(spark.read.parquet(re.sub(r"([\[\]{}*?])", r"\\\1", str(path))))
    return frame


def _fetch(query: Frame, folder: Path) -> pl.DataFrame:
    """Run a query, whose result the workers write as Parquet files to a new folder in `folder`, and read the result.

    Raises:
        RunError: rows are missing, because workers wrote to a folder of their own.
    """
    sql = import_part("pyspark.sql", _PURPOSE)
    functions = import_part("pyspark.sql.functions", _PURPOSE)
    written = sql.Observation()
    counted = nw.to_native(query).observe(written, functions.count(functions.lit(1)).alias("rows"))
    result = Path(tempfile.mkdtemp(dir=folder)) / "result"
    counted.write.parquet(str(result))
    files = sorted(result.glob("*.parquet"))
    rows = pl.read_parquet(files, glob=False) if files else pl.DataFrame()
    if rows.height != written.get["rows"]:
        raise RunError.folder_not_shared(folder, written.get["rows"], rows.height)
    return rows
