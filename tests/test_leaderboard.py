"""The leaderboard and the differences between its entries, compared with plain NumPy, and their view."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from core.base.workspace import Workspace
from core.dataset import list_datasets
from core.eda.run_charts import run_differences
from core.runs import Entry, Run, differences, differing_settings, leaderboard, load_run
from core.runs.scores import Interval
from core.schema import STACK, UNIT, USER
from tests.rewriting import read_sealed, write_sealed
from tests.test_pages import open_train, texts, two_runs  # noqa: F401 (fixtures)

Home = tuple[Workspace, Run]


def changed(run: Run, name: str, *, metric: str = "", withheld: bool = False, expected: float = 0.0) -> Run:
    """A copy of a run with another metric or other expected scores."""
    folder = run.folder.with_name(name)
    shutil.copytree(run.folder, folder)
    manifest = read_sealed(folder / "manifest.json")
    manifest["run_id"] = name
    scores = manifest["scores"]["in_metric"]
    if metric:
        scores |= {"metric": metric, "label": metric.upper()}
    if expected:
        scores["expected"] = {"value": expected, "low": expected - 10, "high": expected + 10}
    manifest["scores"]["expected_withheld"] = withheld
    write_sealed(folder / "manifest.json", manifest)
    return load_run(folder)


def test_each_learner_of_a_run_has_an_expected_score_with_its_interval(finished: Home) -> None:
    _, run = finished
    entries = leaderboard([run])
    assert {entry.predictor for entry in entries} == {STACK, *run.manifest.scores.learners}
    assert [entry.score for entry in entries] == sorted(entry.score for entry in entries)
    for entry in entries:
        assert entry.expected is not None
        assert entry.expected.low < entry.expected.value < entry.expected.high
        # the test file of the demo resembles its train file
        assert entry.expected.value == pytest.approx(entry.cross_validated, rel=0.15)
    assert [entry.predictor for entry in entries if entry.is_best] == [STACK]
    assert len(leaderboard([run], learners=False)) == 1
    assert leaderboard([]) == []
    assert differences([], None) == []


def test_other_metrics_come_last_and_withheld_scores_are_not_shown(finished_home: Home) -> None:
    _, run = finished_home
    runs = [run, changed(run, "a", expected=100.0), changed(run, "b", metric="mae", expected=1.0)]
    board = leaderboard(runs, learners=False)
    assert [entry.run.folder.name for entry in board] == ["a", run.folder.name, "b"]
    assert [entry.is_best for entry in board] == [True, False, False]
    withheld = leaderboard([run, changed(run, "c", withheld=True)], learners=False)
    assert sum(entry.expected is None for entry in withheld) == 1


def test_paired_differences_are_those_of_plain_numpy(finished: Home) -> None:
    workspace, run = finished
    users = list_datasets(workspace)[0].units().select(UNIT, USER).collect()
    board = {entry.predictor: entry for entry in leaderboard([run])}
    reference, (same, difference) = board[STACK], differences([board[STACK], board["lightgbm"]], users)
    assert (same.basis, same.value) == ("reference", 0.0)
    oof = pl.read_parquet(run.folder / "oof.parquet").join(users, on=UNIT)
    value = oof["value"].to_numpy()
    extra = (oof["lightgbm"].to_numpy() - value) ** 2 - (oof["stack"].to_numpy() - value) ** 2
    assert difference.basis == "paired"
    assert difference.value == pytest.approx(extra.mean(), rel=1e-6)
    codes = oof[USER].to_numpy()
    groups = [codes == user for user in np.unique(codes)]
    squares = sum((extra[rows].sum() - extra.mean() * rows.sum()) ** 2 for rows in groups)
    margin = 1.96 * np.sqrt(squares) / len(extra)
    assert (difference.low, difference.high) == pytest.approx((extra.mean() - margin, extra.mean() + margin), rel=1e-6)
    assert difference.entry is board["lightgbm"]
    assert reference.cross_validated + difference.value == pytest.approx(board["lightgbm"].cross_validated, rel=1e-6)


def test_without_common_predictions_expected_scores_are_compared(finished_home: Home) -> None:
    _, run = finished_home
    better, worse = (changed(run, name, expected=score) for name, score in (("a", 100.0), ("b", 130.0)))
    oof = pl.read_parquet(worse.folder / "oof.parquet").with_columns(pl.lit(float("nan")).alias("stack"))
    oof.write_parquet(worse.folder / "oof.parquet")
    manifest = read_sealed(worse.folder / "manifest.json")
    del manifest["sha256"]["oof.parquet"]
    write_sealed(worse.folder / "manifest.json", manifest)
    entries = leaderboard([better, load_run(worse.folder)], learners=False)
    _, difference = differences(entries, None)
    margin = 1.96 / 1.645 * np.hypot(10.0, 10.0)
    assert (difference.basis, difference.value) == ("expected", 30.0)
    assert (difference.low, difference.high) == pytest.approx((30 - margin, 30 + margin))
    assert difference.is_clear
    other = differences([entries[0], *leaderboard([changed(run, "c", metric="mae")], learners=False)], None)[1]
    assert (other.basis, other.value, other.is_clear) == ("none", None, False)


def test_settings_that_differ_have_one_value_per_run(two_runs: tuple[Run, Run]) -> None:  # noqa: F811
    newer, older = two_runs
    assert differing_settings([newer, older]) == {"seed": [newer.manifest.config.seed, older.manifest.config.seed]}
    assert differing_settings([newer, newer]) == {}


def rows(*differences: tuple[str, str, float, float, float]) -> pl.DataFrame:
    return run_differences.frame(
        [
            {"label": label, "basis": basis, "value": value, "low": low, "high": high, "clear": low > 0 or high < 0}
            for label, basis, value, low, high in differences
        ]
    )


def test_the_finding_says_which_differences_are_more_than_chance() -> None:
    data = rows(("A", "reference", 0, 0, 0), ("B", "paired", 5, 2, 8), ("C", "paired", 1, -2, 4))
    assert run_differences.finding(data, "MSE") == (
        "B is clearly worse than A: the MSE differs by 5.00 (2.00 to 8.00). "
        "C is not clearly different from A: the MSE differs by 1.00 (-2.00 to 4.00)."
    )
    worse = rows(("A", "reference", 0, 0, 0), ("B", "paired", 5, 2, 8), ("C", "paired", 3, 1, 5))
    assert run_differences.finding(worse, "MSE") == (
        "B and C are clearly worse than A: the MSE differs by 5.00 (2.00 to 8.00) for B and 3.00 (1.00 to 5.00) for C."
    )
    assert "cannot be compared" in run_differences.finding(rows(("A", "reference", 0, 0, 0)), "MSE")
    assert run_differences.figure(data, "MSE", "squared value units").to_dict()["description"].startswith("Differences")


def test_runs_are_chosen_on_the_leaderboard_and_used(two_runs: tuple[Run, Run]) -> None:  # noqa: F811
    newer, older = two_runs
    app = open_train("Runs")
    app.toggle("board-learners").set_value(False).run()
    assert "the lowest of 2 runs" in texts(app)
    shown = app.query_params["run"]
    other = older if newer.manifest.run_id in shown else newer
    table = next(table for table in app.dataframe if "Model" in table.value)
    place = [("(shown)" in cell) for cell in table.value["Run"]].index(False)
    app.session_state["board-2"] = {"selection": {"rows": [place], "columns": [], "cells": []}}
    app.run()
    app.button(f"use-{other.manifest.run_id}").click().run()
    assert not app.exception
    assert other.manifest.run_id in app.query_params["run"]


def test_several_entries_are_compared_with_the_best_of_them(two_runs: tuple[Run, Run]) -> None:  # noqa: F811
    app = open_train("Runs")
    n_entries = 2 * (1 + len(two_runs[0].manifest.scores.learners))
    app.session_state[f"board-{n_entries}"] = {"selection": {"rows": [0, 2, 3], "columns": [], "cells": []}}
    app.run()
    assert not app.exception
    table = next(table.value for table in app.dataframe if "Basis" in table.value)
    assert table["Basis"].iloc[0] == "reference"
    assert set(table["Basis"][1:]) == {"paired, out of fold"}
    assert "the MSE differs by" in texts(app)


def test_an_entry_of_an_older_run_is_ranked_by_the_score_it_would_have() -> None:
    scores = {"learners": {"xgboost": 50.0}, "stack": 40.0}
    assert Entry.score.fget is not None
    entry = Entry(_run(scores), "xgboost", None, 50.0, is_best=False)
    assert entry.score == pytest.approx(50.0 * 44.0 / 40.0)


def _run(scores: dict) -> Run:
    from core.runs.manifest import Manifest
    from core.runs.scores import MetricScores, Scores

    metric = MetricScores.model_construct(**scores, expected=Interval(value=44.0, low=40.0, high=48.0))
    return Run(Path(), Manifest.model_construct(scores=Scores.model_construct(in_metric=metric)))
