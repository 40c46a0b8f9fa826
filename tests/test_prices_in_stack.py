"""A run whose stack has recovered prices in it: values are sums of prices, which trees can only make worse."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from core.base.workspace import Workspace
from core.config import RunConfig
from core.importance import training_importance
from core.ingestion import InputFiles
from core.model import load_model
from core.pipeline.run import run as run_pipeline
from core.pipeline.score import score
from core.pipeline.verify import verify_run
from core.runs import Run
from core.runs.store import ANSWERS_FILE, FOLDS_FILE, IMPORTANCE_FILE
from core.schema import SESSION_VALUE, STACK, USER_SESSION

SESSIONS = 900


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> InputFiles:
    """A shop in which a value is the sum of the prices of the purchases, to the cent."""
    folder = tmp_path_factory.mktemp("sums")
    draws = np.random.default_rng(4)
    prices = np.round(np.exp(draws.normal(3, 0.6, 40)), 2)
    rows = []
    for number in range(SESSIONS):
        products = draws.integers(0, 40, draws.integers(1, 5))
        words = draws.choice(["VIEW", "ADD_CART", "BUY"], len(products), p=[0.5, 0.2, 0.3])
        value = round(float(prices[products[words == "BUY"]].sum()), 2)
        for minute, (product, word) in enumerate(zip(products, words, strict=True)):
            time = f"2025-06-{1 + number * 27 // SESSIONS:02}T10:{minute:02}:00Z"
            rows.append((time, word, f"P{product}", f"C{product % 4}", f"U{number % 500}", f"S{number:04}", value))
    names = ["event_time", "event_type", "product_id", "category_id", "user_id", USER_SESSION, SESSION_VALUE]
    events = pl.DataFrame(rows, schema=names, orient="row")
    is_train = pl.col(USER_SESSION) < f"S{SESSIONS * 2 // 3:04}"
    events.filter(is_train).write_csv(folder / "train.csv")
    events.filter(~is_train).drop(SESSION_VALUE).write_csv(folder / "test.csv")
    return InputFiles(folder / "train.csv", folder / "test.csv")


@pytest.fixture(scope="module")
def run(files: InputFiles, tmp_path_factory: pytest.TempPathFactory) -> Run:
    workspace = Workspace(tmp_path_factory.mktemp("sums-home"))
    return run_pipeline(files, RunConfig(folds=3, learners=("lightgbm", "xgboost")), workspace)


def test_prices_are_part_of_the_stack_and_lower_its_error(run: Run) -> None:
    meta, scores = run.manifest.meta, run.manifest.scores.metric_scores
    assert meta.combination in ("prices", "non_negative")
    assert 0.5 < meta.start_weight <= 1
    assert sum(meta.weights.values()) + meta.start_weight == pytest.approx(1)
    assert scores.stack < 0.9 * min(scores.learners.values())
    assert set(scores.blends) | {meta.combination} == {"ridge", "mean", "non_negative", "best_learner", "prices"}


def test_the_stored_model_gives_the_predictions_and_the_importance_of_the_run(run: Run, files: InputFiles) -> None:
    assert {check.code: check.outcome for check in verify_run(run)}["predictions"] == "passed"
    model = load_model(run)
    assert model.fitted.stack.start_weight == run.manifest.meta.start_weight
    expected = run.table(ANSWERS_FILE).collect().sort(USER_SESSION)
    assert isinstance(files.test, Path)
    np.testing.assert_array_equal(
        score(model, files.test).values.sort(USER_SESSION)[SESSION_VALUE], expected[SESSION_VALUE]
    )
    importance = run.table(IMPORTANCE_FILE).collect()
    again = training_importance(model, run.table(FOLDS_FILE).collect())
    assert again["feature"].equals(importance["feature"])
    assert again["mean_abs_shap"].to_list() == pytest.approx(importance["mean_abs_shap"].to_list())
    of_stack = importance.filter(learner=STACK).sort("mean_abs_shap")
    assert of_stack[-1, "feature"] == "recovered_buy_sum"


def test_the_start_contributes_to_the_stack_by_its_weight(run: Run, files: InputFiles) -> None:
    model = load_model(run)
    assert isinstance(files.test, Path)
    with model.scoring(files.test) as scoring:
        (rows,) = scoring.rows(200)
        attributions, values = model.fitted.mean_attributions(rows), model.fitted.predict(rows)
    stack, inside = model.fitted.stack, values.stack > 0  # above the lower limit
    start = (values.stack - values.by_learner @ stack.weights) / stack.start_weight
    of_learners = sum(
        weight * attributions[name].effects for name, weight in zip(model.fitted.learners, stack.weights, strict=True)
    )
    of_start = (attributions[STACK].effects - of_learners).sum(axis=1)
    assert np.ptp((of_start - stack.start_weight * start)[inside]) < 1e-9 * np.ptp(start)
