"""Features on DuckDB and Spark are those of Polars: on random logs, and on the demo data by a real Spark."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

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
from core.errors import MissingPart
from core.features import build_features, changed_by_later_sessions, compute_features
from core.features.session_log import HistoryMode
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


@settings(max_examples=25, deadline=None, derandomize=True)
@given(log=st.lists(clicks, min_size=1, max_size=40), history=st.sampled_from(HISTORIES))
def test_duckdb_computes_what_polars_does_on_any_log(log: list[tuple[int, ...]], history: HistoryMode) -> None:
    rows = [(unit, unit % 3, *rest) for unit, _, *rest in log]
    events = pl.DataFrame(rows, schema=SCHEMA, orient="row").lazy()
    units = events.group_by("unit", "user").agg(pl.col("time").min().alias("start"))
    found = compute_features(events, units, history, engine="duckdb")
    assert_frame_equal(found, compute_features(events, units, history), rel_tol=1e-9, abs_tol=1e-9)


def on_both_engines(rows: list[tuple[int, ...]]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Features by Polars and by DuckDB; rows: unit, user, product, category, type, time."""
    events = pl.DataFrame(rows, schema=SCHEMA, orient="row").lazy()
    units = events.group_by("unit", "user").agg(pl.col("time").min().alias("start"))
    polars, duckdb = (compute_features(events, units, "as_of", engine=engine) for engine in ("polars", "duckdb"))
    return polars, duckdb


def test_events_that_are_alike_in_all_have_the_same_place_in_every_window() -> None:
    draws = np.random.default_rng(3)
    rows = [(unit, unit, 1, 1, int(kind), NOON) for unit in range(40) for kind in draws.integers(0, 4, 100)]
    polars, duckdb = on_both_engines(rows)
    assert_frame_equal(duckdb, polars, rel_tol=1e-9, abs_tol=1e-9)


def test_a_pause_of_a_century_stops_no_engine_and_does_not_run_over() -> None:
    wrong = -2_208_988_800  # 1 Jan 1900
    polars, duckdb = on_both_engines([(0, 0, 1, 1, 0, time) for time in (wrong, NOON, NOON + 5)])
    assert_frame_equal(duckdb, polars, rel_tol=1e-9, abs_tol=1e-9)
    told = polars.row(0, named=True)
    assert told["gap_max"] == NOON - wrong
    assert told["gap_sd"] == pytest.approx(float(np.std([30 * 365 * 86_400, 5])))


@pytest.fixture
def awkward(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder, also for what is temporary, whose name is a pattern to many a program."""
    folder = tmp_path / "shop [2025] *'s"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.mark.parametrize("engine", ["polars", "duckdb", "spark"])
def test_folders_may_have_any_name(awkward: Path, engine: str) -> None:
    dataset = store(awkward / "home", good_events())
    found = build_features(dataset, RunConfig.checked(engine=engine)).values
    assert found.height == dataset.units().collect().height


@pytest.mark.parametrize("split", [True, False])
@pytest.mark.parametrize("history", HISTORIES)
def test_duckdb_computes_what_polars_does_on_the_demo(demo: Dataset, history: HistoryMode, split: bool) -> None:
    config = RunConfig(history=history, split_composite_sessions=split)
    found = build_features(demo, config.model_copy(update={"engine": "duckdb"})).values
    assert_frame_equal(found, build_features(demo, config).values, rel_tol=1e-9, abs_tol=1e-9)


@pytest.mark.parametrize("history", HISTORIES)
def test_a_real_spark_computes_what_polars_does_on_the_demo(demo: Dataset, history: HistoryMode) -> None:
    if shutil.which("java") is None and "JAVA_HOME" not in os.environ:
        absent_part("Java", "install a Java runtime of version 17 or later")
    found = build_features(demo, RunConfig(history=history, engine="spark")).values
    expected = build_features(demo, RunConfig(history=history)).values
    assert_frame_equal(found, expected, rel_tol=1e-9, abs_tol=1e-9)


def test_the_certificate_of_a_run_on_another_engine_passes(demo: Dataset) -> None:
    """Tables of two engines differ in their last bits; that is no later event."""
    config = RunConfig(engine="duckdb")
    changed, compared = changed_by_later_sessions(demo, build_features(demo, config), config)
    assert (changed, compared > 1000) == (0, True)


@pytest.mark.parametrize(("engine", "module", "words"), [("duckdb", "duckdb", "DuckDB"), ("spark", "pyspark", "Spark")])
def test_an_engine_that_is_not_installed_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: str, module: str, words: str
) -> None:
    dataset = store(tmp_path, good_events())
    monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.setitem(sys.modules, f"{module}.sql", None)
    with pytest.raises(MissingPart) as missing:
        build_features(dataset, RunConfig.checked(engine=engine))
    assert str(missing.value) == (
        f"The engine {words} needs the package {module}, which is not installed: "
        f"run `pip install {module}`, then try again."
    )


def test_spark_without_java_is_a_sentence(tmp_path: Path, workspace: Workspace) -> None:
    """In a process of its own: once started, a Java machine serves to the end."""
    files = (f"--{part}={DEMO / part}.csv" for part in ("train", "test"))
    command = [sys.executable, "-m", "core", "run", *files, "--engine", "spark"]
    environment = os.environ | {"JAVA_HOME": str(tmp_path / "nowhere"), "SVS_HOME": str(workspace.root)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == (
        "The engine Spark needs Java 17 or later, which is not found: install a Java runtime, or name its folder in "
        "JAVA_HOME, then try again."
    )


def test_features_are_listed_and_their_page_is_up_to_date(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["features"]) == 0
    assert "Most events of one type in a row." in capsys.readouterr().out
    assert main(["features", "--markdown"]) == 0
    page = Path(__file__).parent.parent / "docs" / "features.md"
    assert page.read_text(encoding="utf-8") == capsys.readouterr().out
