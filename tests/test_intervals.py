"""Prediction intervals: nominal coverage on new sessions, also by segment, no end below 0, and no leak."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from core.config import RunConfig
from core.training import coverage_frame, prediction_frame, prepare, train
from core.training.folds import make_folds
from core.training.intervals import LEVELS, Calibration, ErrorPredictors, fit_intervals
from tests.test_training import simulated


def sessions(rows: int, seed: int) -> tuple[ErrorPredictors, np.ndarray]:
    """Predictions whose errors are skewed, grow with the prediction, and are half as large for known users."""
    rng = np.random.default_rng(seed)
    predicted, events = rng.gamma(1.5, 20.0, rows), rng.integers(1, 10, rows).astype(float)
    history = rng.integers(0, 2, rows).astype(float)
    size = (2 + 0.4 * predicted) * np.where(history > 0, 0.5, 1.0)
    y = np.maximum(predicted + size * (rng.gamma(2.0, 1.0, rows) - 2.0), 0.0)
    return ErrorPredictors(predicted, events, history, rng.gamma(1.0, 1.0, rows)), y


@pytest.fixture(scope="module")
def measured() -> tuple[np.ndarray, ErrorPredictors, dict, dict]:
    predictors, y = sessions(12_000, 0)
    new, truth = sessions(12_000, 1)
    folds = make_folds(np.arange(12_000), 5, seed=0)
    intervals = fit_intervals(predictors, y, new, folds, seed=7)
    held = {level: (truth >= ends[:, 0]) & (truth <= ends[:, 1]) for level, ends in intervals.test.items()}
    return truth, new, intervals, held


@pytest.mark.parametrize("level", LEVELS)
def test_intervals_have_nominal_coverage_on_new_sessions_and_by_segment(level: float, measured) -> None:
    _, new, _, held = measured
    assert held[level].mean() == pytest.approx(level, abs=0.02)
    for decile in range(10):
        low, high = np.quantile(new.predicted, [decile / 10, (decile + 1) / 10])
        assert held[level][(new.predicted >= low) & (new.predicted <= high)].mean() == pytest.approx(level, abs=0.05)
    for history in (0, 1):
        assert held[level][new.history == history].mean() == pytest.approx(level, abs=0.05)
    for length in (1, 5, 9):
        assert held[level][new.events == length].mean() == pytest.approx(level, abs=0.05)


def test_out_of_fold_coverage_agrees_with_coverage_on_new_sessions(measured) -> None:
    _, y = sessions(12_000, 0)
    for level in LEVELS:
        assert np.mean(measured[2].inside(level, y)) == pytest.approx(measured[3][level].mean(), abs=0.015)


def test_intervals_are_wider_where_errors_are_larger(measured) -> None:
    _, new, intervals, _ = measured
    ends = intervals.test[0.8]
    width = ends[:, 1] - ends[:, 0]
    similar = (new.predicted > 30) & (new.predicted < 40)
    assert width[similar & (new.history > 0)].mean() < 0.7 * width[similar & (new.history == 0)].mean()
    assert width[new.predicted > 60].mean() > 3 * width[new.predicted < 10].mean()


def test_no_end_is_below_0_and_the_95_interval_contains_the_80_interval(measured) -> None:
    intervals = measured[2]
    narrow, wide = intervals.test[0.8], intervals.test[0.95]
    assert (wide >= 0).all()
    assert (wide[:, 0] <= narrow[:, 0]).all()
    assert (wide[:, 1] >= narrow[:, 1]).all()


def test_the_values_of_a_fold_do_not_change_its_own_quantiles() -> None:
    """They change the expected sizes of the other folds, as learned columns do, but not the fold's own quantiles."""
    predictors, y = sessions(2_000, 0)
    folds = make_folds(np.arange(2_000), 5, seed=0)
    changed = folds.fold_of == 2
    before, after = (
        fit_intervals(predictors, values, predictors, folds, seed=7) for values in (y, np.where(changed, 7 * y, y))
    )
    wider = (after.train[0.8] - before.train[0.8])[:, 1]
    assert np.abs(wider[changed]).mean() < 0.2 * np.abs(wider[~changed]).mean()


def test_too_few_sessions_have_an_infinite_end() -> None:
    predictors, y = sessions(20, 0)
    ends = fit_intervals(predictors, y, predictors, make_folds(np.arange(20), 4, seed=0), seed=7).test[0.95]
    assert (ends[:, 0] == 0).all()
    assert np.isinf(ends[:, 1]).all()


def test_high_predictions_of_a_single_user_have_an_infinite_end_out_of_fold() -> None:
    """No other fold has similar predictions, so there are no errors to calibrate on."""
    predictors, y = sessions(2_000, 0)
    highest = predictors.predicted >= np.quantile(predictors.predicted, 0.9)
    folds = make_folds(np.where(highest, 0, 1 + np.arange(2_000)), 4, seed=0)
    intervals = fit_intervals(predictors, y, predictors, folds, seed=7)
    for level in LEVELS:
        assert (intervals.train[level][highest] == [0.0, np.inf]).all()
        assert np.isfinite(intervals.train[level][~highest]).all()
        assert np.isfinite(intervals.test[level]).all()


def test_perfect_predictions_have_intervals_of_width_0() -> None:
    predictors, _ = sessions(400, 0)
    ends = fit_intervals(
        predictors, predictors.predicted, predictors, make_folds(np.arange(400), 4, seed=0), seed=7
    ).test[0.8]
    assert ends == pytest.approx(np.column_stack([predictors.predicted, predictors.predicted]))


def test_a_stored_calibration_without_its_model_of_error_sizes_is_not_read_as_one_without_errors(
    measured, tmp_path: Path
) -> None:
    _, new, intervals, _ = measured
    intervals.calibration.save(tmp_path)
    assert np.array_equal(Calibration.load(tmp_path).ends(new)[0.8], intervals.test[0.8])
    (model_file,) = tmp_path.glob("error_size.*")
    model_file.unlink()
    with pytest.raises(OSError, match=model_file.name):
        Calibration.load(tmp_path)


def test_the_tables_of_a_training_have_interval_ends_and_coverage() -> None:
    training = train(prepare(simulated(rows=900), RunConfig(folds=3)), known_share=0.0)
    frame = prediction_frame(training)
    assert frame.columns[-4:] == ["low_80", "high_80", "low_95", "high_95"]
    assert (frame["low_95"] <= frame["low_80"]).all()
    assert (frame["low_80"] <= frame["high_80"]).all()
    coverage = coverage_frame(training)
    assert coverage.row(0)[:3] == ("all", "all sessions", 900)
    inside = training.intervals.inside(0.8, training.data.y)
    assert coverage["inside_80"][0] == pytest.approx(inside.mean())
    deciles = coverage.filter(by="prediction")
    assert deciles["sessions"].to_list() == [90] * 10
    lowest = np.argsort(training.stack.oof, kind="stable")[:90]
    assert deciles["inside_80"][0] == pytest.approx(inside[lowest].mean())
    assert coverage.filter(by="user")["sessions"].sum() == 900
