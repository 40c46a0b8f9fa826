"""DuckDB and Spark compute the same features as Polars, on random logs and on the demo data."""

from __future__ import annotations

import dataclasses
import os
import random
import shutil
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

import narwhals as nw
import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from core.base.workspace import Workspace
from core.cli import main
from core.config import RunConfig
from core.dataset import Dataset
from core.errors import MissingPart, RunError, import_part
from core.features import GROUPS, build_features, changed_by_later_sessions, compute_features
from core.features.columns import DISTINCT_ELSEWHERE, LAST_SEEN, VISIT
from core.features.definition import FeatureGroup
from core.features.engines import EngineName, open_engine, spark_engine
from core.features.engines.polars_engine import PolarsEngine
from core.features.engines.sorted_arrays import event_arrays, packed_numbers
from core.features.engines.window_log import WindowLog
from core.features.session_log import HistoryMode
from core.features.units import events_and_units
from core.ingestion import InputFiles, ingest
from tests.absent import absent_part
from tests.conftest import DEMO
from tests.events_on_the_spot import NOON, good_events, store

HISTORIES: tuple[HistoryMode, ...] = ("as_of", "all_rows")
SCHEMA = {
    "unit": pl.Int64,
    "user": pl.Int64,
    "product": pl.Int64,
    "category": pl.Int64,
    "type": pl.Int8,
    "time": pl.Int64,
}
TEN_DAYS = 10 * 86_400
clicks = st.tuples(
    st.integers(0, 7),
    st.just(0),
    st.integers(-2, 2),
    st.integers(0, 1),
    st.integers(0, 3),
    st.one_of(st.integers(NOON, NOON + 12), st.integers(NOON, NOON + TEN_DAYS)),
)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory, demo_files: InputFiles) -> Dataset:
    return ingest(demo_files, Workspace(tmp_path_factory.mktemp("demo")))


@settings(max_examples=15, deadline=None, derandomize=True)
@given(log=st.lists(clicks, min_size=1, max_size=40), history=st.sampled_from(HISTORIES))
def test_duckdb_agrees_with_polars_on_any_log(log: list[tuple[int, ...]], history: HistoryMode) -> None:
    events, units = log_of([(unit, unit % 3, *rest) for unit, _, *rest in log])
    features = compute_features(events, units, history, engine="duckdb")
    assert_frame_equal(features, compute_features(events, units, history), rel_tol=1e-9, abs_tol=1e-9)


def log_of(rows: list[tuple[int, ...]]) -> tuple[pl.LazyFrame, pl.LazyFrame]:
    """Return the events and units of a log from rows of unit, user, product, category, type and time."""
    events = pl.DataFrame(rows, schema=SCHEMA, orient="row").lazy()
    return events, events.group_by("unit", "user").agg(pl.col("time").min().alias("start"))


def on_both_engines(rows: list[tuple[int, ...]]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the features of a log by Polars and by DuckDB."""
    events, units = log_of(rows)
    polars, duckdb = (compute_features(events, units, "as_of", engine=engine) for engine in ("polars", "duckdb"))
    return polars, duckdb


def test_identical_events_have_the_same_position_in_every_window() -> None:
    draws = np.random.default_rng(3)
    rows = [(unit, unit, 1, 1, int(kind), NOON) for unit in range(40) for kind in draws.integers(0, 4, 100)]
    polars, duckdb = on_both_engines(rows)
    assert_frame_equal(duckdb, polars, rel_tol=1e-9, abs_tol=1e-9)


def test_a_gap_of_a_century_does_not_overflow() -> None:
    in_1900 = -2_208_988_800
    polars, duckdb = on_both_engines([(0, 0, 1, 1, 0, time) for time in (in_1900, NOON, NOON + 5)])
    assert_frame_equal(duckdb, polars, rel_tol=1e-9, abs_tol=1e-9)
    features = polars.row(0, named=True)
    assert features["gap_max"] == NOON - in_1900
    assert features["gap_sd"] == pytest.approx(float(np.std([30 * 365 * 86_400, 5])))


@pytest.fixture
def wildcard_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder, also for temporary files, whose name contains wildcards."""
    folder = tmp_path / "shop [2025] *'s"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.mark.parametrize("engine", ["polars", "duckdb"])
def test_folder_names_may_contain_wildcards(wildcard_folder: Path, engine: str) -> None:
    dataset = store(wildcard_folder / "home", good_events())
    features = build_features(dataset, RunConfig.checked(features="full", engine=engine)).values
    assert features.height == dataset.units().collect().height


@pytest.mark.parametrize("split", [True, False])
@pytest.mark.parametrize("history", HISTORIES)
def test_duckdb_agrees_with_polars_on_the_demo(demo: Dataset, history: HistoryMode, split: bool) -> None:
    config = RunConfig(features="full", history=history, split_composite_sessions=split)
    features = build_features(demo, config.model_copy(update={"engine": "duckdb"})).values
    assert_frame_equal(features, build_features(demo, config).values, rel_tol=1e-9, abs_tol=1e-9)


@pytest.mark.parametrize("history", ["as_of", pytest.param("all_rows", marks=pytest.mark.long)])
def test_spark_agrees_with_polars_in_a_folder_with_wildcards(
    wildcard_folder: Path, small_files: InputFiles, history: HistoryMode, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Most of the time is spent on compiling queries that run once, so the fast compiler is enough.
    monkeypatch.setenv("JAVA_TOOL_OPTIONS", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC")
    monkeypatch.setitem(spark_engine._LOCAL_SETTINGS, "spark.sql.shuffle.partitions", "2")
    small = ingest(small_files, Workspace(wildcard_folder / "home"))
    if shutil.which("java") is None and "JAVA_HOME" not in os.environ:
        absent_part("Java", "install a Java runtime of version 17 or later")
    events, units = events_and_units(small, RunConfig(features="full", history=history))
    # All groups with one history are enough for those that do not depend on it.
    groups = GROUPS if history == "as_of" else tuple(group for group in GROUPS if group.looks_at != "session")
    spark, polars = (features_of(groups, engine, events, units, history) for engine in ("spark", "polars"))
    assert_frame_equal(spark, polars, rel_tol=1e-9, abs_tol=1e-9)


def features_of(
    groups: tuple[FeatureGroup, ...], engine: str, events: pl.LazyFrame, units: pl.DataFrame, history: HistoryMode
) -> pl.DataFrame:
    with open_engine(engine, events, units.lazy(), history) as opened:
        return pl.concat(opened.batches(groups))


def test_a_running_spark_session_is_used_and_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    events, units = events_and_units(store(tmp_path, good_events()), RunConfig(features="full"))
    compute = partial(features_of, GROUPS[:1], events=events, units=units, history="as_of")
    settings = {
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.sql.session.timeZone": "Asia/Tokyo",
        "spark.sql.shuffle.partitions": "1",
        "spark.ui.enabled": "false",
    }
    builder = import_part("pyspark.sql", "The test").SparkSession.builder.master("local[2]")
    running = builder.config(map=settings).getOrCreate()
    try:
        assert_frame_equal(compute("spark"), compute("polars"), rel_tol=1e-9, abs_tol=1e-9)
        assert running.range(3).count() == 3
        assert running.conf.get("spark.sql.session.timeZone") == "Asia/Tokyo"
        read = spark_engine.pl.read_parquet  # as if one row were on the disk of a worker
        monkeypatch.setattr(spark_engine.pl, "read_parquet", lambda *args, **options: read(*args, **options)[1:])
        with pytest.raises(RunError) as error:
            compute("spark")
        assert error.value.code == "folder_not_shared"
    finally:
        running.stop()


def test_a_spark_master_that_does_not_exist_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPARK_MASTER", "nowhere")
    with pytest.raises(RunError, match="Spark at nowhere ended with an error") as error:
        build_features(store(tmp_path, good_events()), RunConfig.checked(features="full", engine="spark"))
    assert error.value.code == "spark_failed"


def test_the_certificate_of_a_run_on_another_engine_passes(demo: Dataset) -> None:
    """Engines differ in the last bits, which the check does not take for a leak."""
    config = RunConfig(engine="duckdb")
    changed, compared = changed_by_later_sessions(demo, build_features(demo, config), config)
    assert (changed, compared > 1000) == (0, True)


def test_a_user_who_came_earlier_but_saw_the_product_later_does_not_count() -> None:
    rows = [
        (0, 0, 0, 0, 0, NOON),
        (1, 1, 1, 0, 0, NOON - 2),
        (1, 1, 0, 0, 0, NOON + 1),
        (2, 2, 0, 0, 0, NOON - 1),
    ]
    events, units = log_of(rows)
    sorted_log = PolarsEngine(events, units, "as_of").log_of(range(3))
    shared = {field.name: getattr(sorted_log, field.name) for field in dataclasses.fields(WindowLog)}
    window_log = WindowLog(**shared | {"events": sorted_log.events.with_columns(nw.col("unit").alias(VISIT))})
    for log_ in (sorted_log, window_log):
        counts = nw.to_native(log_.counts_elsewhere("product")).filter(pl.col("unit") == 0).collect()
        assert counts.select(DISTINCT_ELSEWHERE, LAST_SEEN).rows() == [(1, NOON - 1)]


def test_sorting_values_in_parts_gives_the_same_history(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a log of hundreds of millions of events, value, user and time do not fit into 63 bits."""
    draws = random.Random(3)
    rows = [
        (unit, unit % 8, draws.randrange(8), 0, 0, NOON + draws.randrange(16)) for unit in range(12) for _ in range(6)
    ]
    events, units = log_of([(0, 0, 0, 0, 0, NOON), (0, 0, 7, 0, 0, NOON + 15), *rows])
    whole = compute_features(events, units, "as_of")
    sorted_sizes: list[int] = []
    monkeypatch.setattr(event_arrays, "MOST_BITS", 9)
    run_starts = event_arrays.run_starts
    monkeypatch.setattr(
        event_arrays, "run_starts", lambda numbers: sorted_sizes.append(len(numbers)) or run_starts(numbers)
    )
    parts = compute_features(events, units, "as_of")
    assert parts.equals(whole)
    assert any(0 < size < len(rows) // 2 for size in sorted_sizes)


def test_a_log_whose_keys_and_times_do_not_fit_into_packed_numbers_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    events, units = log_of([(0, 0, 0, 0, 0, NOON), (1, 1, 7, 0, 0, NOON + 15)])
    monkeypatch.setattr(packed_numbers, "MOST_BITS", 6)
    with pytest.raises(
        OverflowError, match=r"value \(1 bits\), time \(4 bits\), type \(2 bits\) do not fit into 6 bits"
    ):
        compute_features(events, units, "as_of")


@pytest.mark.parametrize("name", ["polars", "duckdb"])
def test_no_units_give_one_table_without_rows(name: EngineName) -> None:
    events, units = log_of([(0, 0, 0, 0, 0, NOON), (1, 1, 7, 0, 0, NOON + 15)])
    with open_engine(name, events, units, "as_of") as engine:
        (table,) = engine.batches(GROUPS, unit_subset=pl.Series([], dtype=pl.Int64))
    assert table.schema == compute_features(events, units, "as_of").schema
    assert table.height == 0


@pytest.mark.parametrize("name", ["polars", "duckdb"])
def test_an_engine_computes_a_subset_of_units_with_the_history_of_the_whole_log(demo: Dataset, name: str) -> None:
    config = RunConfig.checked(features="full", engine=name)
    events, units = events_and_units(demo, config)
    subset = units.get_column("unit").gather_every(97)
    with open_engine(config.engine, events, units.lazy(), "as_of") as engine:
        whole, part = (
            pl.concat(engine.batches(GROUPS, unit_subset=unit_subset)) for unit_subset in (None, subset.shuffle(seed=1))
        )
    assert_frame_equal(part, whole.filter(units.get_column("unit").is_in(subset.implode())), rel_tol=1e-14, abs_tol=0)


@pytest.mark.parametrize(
    ("engine", "package", "label"), [("duckdb", "duckdb", "DuckDB"), ("spark", "pyspark", "Spark")]
)
def test_an_engine_that_is_not_installed_is_a_missing_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: str, package: str, label: str
) -> None:
    dataset = store(tmp_path, good_events())
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.setitem(sys.modules, f"{package}.sql", None)
    with pytest.raises(MissingPart, match=rf"{label}.*`pip install {package}`"):
        build_features(dataset, RunConfig.checked(features="full", engine=engine))


def test_spark_without_java_ends_with_a_message(tmp_path: Path, workspace: Workspace) -> None:
    """In a separate process, because a Java virtual machine, once started, runs until its process ends."""
    files = (f"--{part}={DEMO / part}.csv" for part in ("train", "test"))
    command = [sys.executable, "-m", "core", "run", *files, "--engine", "spark"]
    environment = os.environ | {"JAVA_HOME": str(tmp_path / "nowhere"), "SVS_HOME": str(workspace.root)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 2
    last_line = done.stderr.splitlines()[-1]
    assert all(word in last_line for word in ("Spark", "Java 17", "JAVA_HOME"))


def test_features_are_listed_and_their_page_is_up_to_date(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["features"]) == 0
    assert "Largest number of consecutive events of one type." in capsys.readouterr().out
    assert main(["features", "--markdown"]) == 0
    page = Path(__file__).parent.parent / "docs" / "features.md"
    assert page.read_text(encoding="utf-8") == capsys.readouterr().out
