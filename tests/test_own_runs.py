"""A run on a log with own columns: its model, its importance and its certificate."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from core.base.workspace import Workspace
from core.config import RunConfig
from core.dataset import Dataset
from core.demo import write_demo
from core.errors import InputError
from core.features import changed_by_later_sessions
from core.features.table import build_features
from core.importance import training_importance
from core.ingestion import InputFiles
from core.ingestion.mapping import Mapping
from core.model import load_model, save_model
from core.pipeline.run import run as run_pipeline
from core.pipeline.score import score
from core.pipeline.verify import verify_run
from core.runs import Run
from core.runs.store import ANSWERS_FILE, FOLDS_FILE, IMPORTANCE_FILE
from core.schema import SESSION_VALUE, USER_SESSION

OWN = {
    "price": {"column": "price", "kind": "money", "level": "product"},
    "brand": {"column": "brand", "kind": "category", "level": "product"},
    "device": {"column": "device", "kind": "category", "level": "session"},
    "joined": {"column": "joined", "kind": "time", "level": "user"},
    "promo": {"column": "promo", "kind": "flag"},
}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> InputFiles:
    """A small demo with columns that have nothing to do with values, and some empty cells."""
    folder = tmp_path_factory.mktemp("own")
    write_demo(folder, sessions=800, seed=1)
    draws = np.random.default_rng(0)
    for name in ("train", "test"):
        events = pl.read_csv(folder / f"{name}.csv")
        number = pl.col("product_id").hash(0) % 97
        events = events.with_columns(
            pl.when(number > 3).then(number / 4).alias("price"),
            ("brand " + (number % 11).cast(pl.String)).alias("brand"),
            pl.when(pl.col("user_session").hash(1) % 3 == 0)
            .then(pl.lit("mobile"))
            .otherwise(pl.lit("desktop"))
            .alias("device"),
            (pl.date(2025, 1, 1) + pl.duration(days=pl.col("user_id").hash(2) % 90)).cast(pl.String).alias("joined"),
            pl.Series("promo", draws.integers(0, 2, events.height)),
        )
        events.write_csv(folder / f"{name}.csv")
    return InputFiles(folder / "train.csv", folder / "test.csv", mapping=Mapping.checked(own=OWN))


@pytest.fixture(scope="module")
def run(files: InputFiles, tmp_path_factory: pytest.TempPathFactory) -> Run:
    workspace = Workspace(tmp_path_factory.mktemp("own-home"))
    return run_pipeline(files, RunConfig(folds=2, learners=("lightgbm", "catboost")), workspace)


def test_the_model_gives_the_predictions_of_the_run(run: Run, files: InputFiles) -> None:
    expected = run.table(ANSWERS_FILE).filter(pl.col("source") != "known").collect().sort(USER_SESSION)
    assert isinstance(files.test, Path)
    scored = score(load_model(run), files.test).values.join(expected, on=USER_SESSION, how="semi").sort(USER_SESSION)
    np.testing.assert_array_equal(scored[SESSION_VALUE], expected[SESSION_VALUE])


def test_a_model_that_was_saved_again_has_the_own_columns_in_its_history(
    run: Run, files: InputFiles, tmp_path: Path
) -> None:
    assert isinstance(files.test, Path)
    folder = tmp_path / "model"
    folder.mkdir()
    events = pl.read_csv(files.test)
    model = load_model(run)
    with model.scoring(events) as scoring:
        first = scoring.values()
        save_model(scoring.advanced(), folder)
    assert load_model(folder).predict(events).equals(first)


def test_a_file_without_a_column_that_the_model_uses_is_refused(run: Run, files: InputFiles) -> None:
    assert isinstance(files.test, Path)
    with pytest.raises(InputError, match="has no column brand"):
        load_model(run).predict(pl.read_csv(files.test).drop("brand"))


def test_a_file_with_an_empty_column_is_valued_with_a_warning(run: Run, files: InputFiles, tmp_path: Path) -> None:
    assert isinstance(files.test, Path)
    path = tmp_path / "later.csv"
    pl.read_csv(files.test).with_columns(pl.lit("").alias("brand")).write_csv(path)
    scores = score(load_model(run), path)
    assert scores.empty_own == ("brand",)
    assert any("no usable brand" in line for line in scores.lines())
    assert scores.values[SESSION_VALUE].is_finite().all()


def test_own_columns_are_groups_of_the_importance(run: Run) -> None:
    importance = run.table(IMPORTANCE_FILE).collect()
    groups = set(importance["group"].unique())
    assert groups >= {f"own_{name}" for name in OWN} | {"own_price_history"}
    again = training_importance(load_model(run), run.table(FOLDS_FILE).collect())
    assert again["feature"].equals(importance["feature"])


def test_the_run_is_verified_and_its_checks_pass(run: Run) -> None:
    assert {check.outcome for check in verify_run(run)} <= {"passed", "not applicable", "not_applicable"}


def test_no_history_of_own_columns_depends_on_later_events(run: Run) -> None:
    dataset = Dataset(next(run.folder.parent.parent.glob("datasets/[!.]*")))
    table = build_features(dataset, RunConfig())
    changed, compared = changed_by_later_sessions(dataset, table, RunConfig())
    assert changed == 0
    assert compared > 300
    ahead = build_features(dataset, RunConfig(history="all_rows"))
    assert changed_by_later_sessions(dataset, ahead, RunConfig())[0] > 0
