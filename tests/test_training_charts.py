"""Charts of a run: each frame against a computation by hand, and with no rows or a single one."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import polars as pl
import pytest
from scipy import stats

from core.eda.parts.sentences import NO_PREDICTIONS
from core.eda.run_charts import (
    error_by_day,
    fold_scores,
    predicted_and_true,
    residuals,
    search_history,
)
from core.jobs.interim_results import fits_by_learner, space_by_learner, trial_frame
from core.schema import STACK, UNIT, VALUE

DRAWS = np.random.default_rng(3)


def oof(rows: int = 1000) -> pl.DataFrame:
    value = DRAWS.gamma(2.0, 20.0, rows)
    predicted = value * DRAWS.uniform(0.5, 1.6, rows)
    predicted[:3] = np.nan
    return pl.DataFrame({UNIT: np.arange(rows), VALUE: value, STACK: predicted})


EMPTY = oof(1000).head(0)
ALL_NAN = oof(10).with_columns(pl.lit(float("nan")).alias(STACK))

ALL_NOTHING = oof(10).with_columns(pl.lit(0.0).alias(VALUE), pl.lit(0.0).alias(STACK))


def drawn(chart: object) -> dict:
    """What is sent to the browser."""
    return json.loads(chart.to_json())


# --- predictions and values -------------------------------------------------------------------------------------------


def test_every_predicted_session_counts_in_one_cell() -> None:
    rows = oof()
    data = predicted_and_true.frame(rows)
    predicted = rows.filter(pl.col(STACK).is_not_nan())
    assert data["sessions"].sum() == predicted.height == 997
    explained = 1 - ((predicted[VALUE] - predicted[STACK]) ** 2).mean() / predicted[VALUE].to_numpy().var()
    assert data["explained"].unique().to_list() == pytest.approx([explained])
    ratio = (predicted[VALUE] / predicted[STACK]).to_numpy()
    assert data["near"].unique().to_list() == pytest.approx([np.mean((ratio >= 0.5) & (ratio <= 2))])
    row = data.sort("sessions").row(-1, named=True)
    inside = predicted.filter(
        pl.col(STACK).is_between(row["low_x"], row["high_x"], closed="left")
        & pl.col(VALUE).is_between(row["low_y"], row["high_y"], closed="left")
    )
    assert inside.height == row["sessions"]
    assert data.height <= 1600
    assert f"{explained:.1%} of the variance" in predicted_and_true.finding(data)
    drawn(predicted_and_true.figure(data))


def test_a_value_of_0_is_not_near_a_small_prediction() -> None:
    rows = pl.DataFrame({VALUE: [0.0] * 90 + [100.0] * 10, STACK: [0.15] * 90 + [50.0] * 4 + [200.0] * 3 + [201.0] * 3})
    data = predicted_and_true.frame(rows)
    assert data.item(0, "near") == pytest.approx(0.07)
    nothing = predicted_and_true.frame(rows.with_columns(pl.when(pl.col(VALUE) > 0).then(pl.col(STACK)).otherwise(0.0)))
    assert nothing.item(0, "near") == pytest.approx(0.97), "a prediction of 0 for a value of 0 is near"


@pytest.mark.parametrize(
    "rows", [EMPTY, ALL_NAN, oof(10).with_columns(pl.lit(0.0).alias(VALUE), pl.lit(0.0).alias(STACK))]
)
def test_without_a_prediction_above_0_the_finding_says_so(rows: pl.DataFrame) -> None:
    data = predicted_and_true.frame(rows)
    assert data.is_empty()
    assert predicted_and_true.finding(data) == "No session has an out-of-fold prediction above 0."
    drawn(predicted_and_true.figure(data))


def test_one_session_is_one_cell() -> None:
    data = predicted_and_true.frame(oof(5).tail(1))
    assert data["sessions"].to_list() == [1]
    drawn(predicted_and_true.figure(data))


# --- errors -----------------------------------------------------------------------------------------------------------


def test_errors_by_decile_against_a_count_by_hand() -> None:
    rows = oof()
    data = residuals.frame(rows)
    predicted = rows.filter(pl.col(STACK).is_not_nan()).sort(STACK)
    error = (predicted[VALUE] - predicted[STACK]).to_numpy()
    assert data["decile"].to_list() == list(range(1, 11))
    assert data["sessions"].sum() == predicted.height
    first = np.arange(predicted.height) * 10 // predicted.height == 0
    row = data.row(0, named=True)
    assert row["bias"] == pytest.approx(error[first].mean())
    reach = stats.norm.ppf(1 - 0.05 / 20) * error[first].std(ddof=1) / np.sqrt(first.sum())
    assert (row["low"], row["high"]) == (pytest.approx(row["bias"] - reach), pytest.approx(row["bias"] + reach))
    assert row["error_share"] == pytest.approx((error[first] ** 2).sum() / (error**2).sum())
    assert data["error_share"].sum() == pytest.approx(1.0)
    drawn(residuals.figure(data))


def test_a_stack_without_bias_seldom_has_a_decile_that_is_off() -> None:
    draws = np.random.default_rng(11)
    off = 0
    for _ in range(200):
        predicted = draws.uniform(10, 20, 1000)
        rows = pl.DataFrame({VALUE: predicted + draws.normal(size=1000), STACK: predicted})
        off += residuals.off_deciles(residuals.frame(rows)) > 0
    assert off <= 20, "separate 95% intervals would show one in 80 of 200"


def test_a_stack_that_predicts_too_little_is_off_in_every_decile() -> None:
    data = residuals.frame(oof().with_columns(pl.col(VALUE) + 100.0))
    assert residuals.off_deciles(data) == 10
    assert "10 of 10 deciles" in residuals.finding(data)
    assert "with simultaneous 95% confidence intervals" in drawn(residuals.figure(data))["description"]


def test_a_decile_of_one_session_has_no_interval(snapshot: Any) -> None:
    rows = pl.DataFrame({VALUE: [1.0] * 15, STACK: [float(number) for number in range(15)]})
    data = residuals.frame(rows)
    assert data.filter(pl.col("sessions") == 1).select("low", "high").unique().rows() == [(None, None)]
    several = data.filter(pl.col("sessions") > 1)
    assert several.height == 5
    assert (several["high"] - several["low"]).to_list() == pytest.approx([2 * stats.norm.ppf(0.995) * 0.5] * 5)
    assert residuals.finding(residuals.frame(rows.tail(8))) == snapshot
    assert "isValid" in json.dumps(drawn(residuals.figure(data)))


def test_errors_by_day_against_a_count_by_hand() -> None:
    rows = oof(60)
    starts = pl.DataFrame({UNIT: np.arange(60), "start": 86_400 * 20_000 + np.arange(60) * 7_200})
    data = error_by_day.frame(rows, starts)
    assert data.height == 5
    mine = rows.slice(12, 12)
    error = (mine[VALUE] - mine[STACK]).to_numpy()
    row = data.row(1, named=True)
    assert f"{row['day']:%Y-%m-%d}" == "2024-10-05"
    assert (row["sessions"], row["bias"]) == (12, pytest.approx(error.mean()))
    assert row["rms"] == pytest.approx(np.sqrt((error**2).mean()))
    drawn(error_by_day.figure(data))


@pytest.mark.parametrize("rows", [EMPTY, ALL_NAN])
def test_without_predictions_there_are_no_errors(rows: pl.DataFrame) -> None:
    starts = pl.DataFrame({UNIT: np.arange(1000), "start": np.arange(1000)})
    for data, say, draw in (
        (residuals.frame(rows), residuals.finding, residuals.figure),
        (error_by_day.frame(rows, starts), error_by_day.finding, error_by_day.figure),
    ):
        assert data.is_empty()
        assert say(data) == NO_PREDICTIONS
        drawn(draw(data))


def test_a_single_session_has_a_decile_and_a_day() -> None:
    rows = oof(5).tail(1)
    assert residuals.frame(rows)["sessions"].to_list() == [1]
    assert residuals.frame(rows)["error_share"].to_list() == [1.0]
    assert error_by_day.frame(rows, pl.DataFrame({UNIT: [4], "start": [0]})).height == 1


# --- folds ------------------------------------------------------------------------------------------------------------


def test_the_finding_names_the_hardest_and_the_easiest_fold() -> None:
    data = fold_scores.frame({"lightgbm": [1.0, 5.0, 3.0], "xgboost": [2.0, 6.0], STACK: [1.0, 4.0, 3.0]})
    assert data.height == 8
    assert "fold 2 (5.00)" in fold_scores.finding(data)
    assert "fold 1 (1.33)" in fold_scores.finding(data)
    drawn(fold_scores.figure(data))


def test_the_finding_says_if_fewer_than_two_folds_are_fitted() -> None:
    assert fold_scores.finding(fold_scores.frame({})) == "No fold is fitted yet."
    assert fold_scores.finding(fold_scores.frame({"lightgbm": [1.0]})) == "One fold is fitted so far."
    drawn(fold_scores.figure(fold_scores.frame({})))


# --- settings ---------------------------------------------------------------------------------------------------------


def history(complete: list[bool]) -> pl.DataFrame:
    """Trials of XGBoost with losses 10, 9, 8 and so on."""
    n = len(complete)
    rows = {"learner": ["xgboost"] * n, "trial": range(1, n + 1), "loss": [10.0 - trial for trial in range(n)]}
    return search_history.frame(pl.DataFrame(rows | {"complete": complete, "folds": [3 if c else 1 for c in complete]}))


def test_the_lowest_loss_so_far_counts_complete_trials_only(snapshot: Any) -> None:
    data = history([False, True, False, True])
    assert data["best"].to_list() == [None, 9.0, 9.0, 7.0]
    assert data["outcome"].to_list() == ["pruned after 1 fold", "completed"] * 2
    assert "22.2%" in search_history.finding(data)
    findings = [search_history.finding(trials) for trials in (data, data.head(1), data.head(0))]
    assert findings == snapshot
    figure = search_history.figure(data, "loss")
    assert figure is not None
    drawn(figure)


def test_a_search_without_a_complete_trial_is_a_sentence_without_a_chart() -> None:
    data = history([False, False, False])
    assert data["best"].null_count() == 3
    assert search_history.finding(data) == "No trial has run on all folds; 3 trials were pruned."
    assert search_history.finding(data.head(1)) == "No trial has run on all folds; 1 trial was pruned."
    assert search_history.figure(data, "loss") is None


# --- sentences --------------------------------------------------------------------------------------------------------


def test_the_findings_of_all_charts(snapshot: Any) -> None:
    units = np.arange(40)
    value = 10.0 + units % 7
    rows = pl.DataFrame({UNIT: units, VALUE: value, STACK: value * np.where(units % 3, 0.9, 2.5)})
    starts = pl.DataFrame({UNIT: units, "start": 86_400 * (20_000 + units // 10)})
    assert {
        predicted_and_true.TITLE: predicted_and_true.finding(predicted_and_true.frame(rows)),
        residuals.TITLE: residuals.finding(residuals.frame(rows)),
        error_by_day.TITLE: error_by_day.finding(error_by_day.frame(rows, starts)),
        fold_scores.TITLE: fold_scores.finding(fold_scores.frame({"lightgbm": [1.0, 5.0], "xgboost": [2.0, 6.0]})),
        search_history.TITLE: search_history.finding(history([True, False, True])),
    } == snapshot


# --- interim results of a job --------------------------------------------------------------------------------------


def test_interim_results_that_are_reported_twice_count_once() -> None:
    trial = {"kind": "trial", "time": 0.0, "learner": "xgboost", "trial": 1, "loss": 5.0, "complete": True}
    trial |= {"folds": 3, "seconds": 1.0, "settings": {"eta": 0.1}}
    fit = {"kind": "fit", "time": 0.0, "learner": "xgboost", "fold": 0, "seed": 0, "mse": 4.0}
    later = [fit | {"fold": 2, "mse": 6.0}, fit | {"seed": 1, "mse": 9.0}, fit | {"fold": 3, "mse": None}]
    space = {"kind": "space", "time": 0.0, "learner": "xgboost", "space": {"eta": {"low": 0.1}}}
    results = [trial, trial, trial | {"trial": 2}, fit, fit, *later, space, space | {"space": {"eta": {"low": 0.2}}}]
    assert trial_frame(results)["trial"].to_list() == [1, 2]
    assert fits_by_learner(results) == {"xgboost": [4.0]}, "fold 2 of 3 is not there yet"
    assert fits_by_learner([*results, fit | {"fold": 1, "mse": 5.0}]) == {"xgboost": [4.0, 5.0, 6.0]}
    assert space_by_learner(results) == {"xgboost": {"eta": {"low": 0.2}}}
    assert trial_frame([]).is_empty()
