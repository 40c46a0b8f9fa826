"""Prediction intervals: they hold as often as they say, in segments, on new sessions; never below 0; nothing leaks."""

from __future__ import annotations

import numpy as np
import pytest

from core.config import RunConfig
from core.training import coverage_frame, prediction_frame, prepare, train
from core.training.folds import make_folds
from core.training.intervals import LEVELS, Known, fit_intervals
from tests.test_training import simulated


def sessions(rows: int, seed: int) -> tuple[Known, np.ndarray]:
    """Predictions whose errors are skewed, grow with the prediction, and are half as large for known users."""
    draws = np.random.default_rng(seed)
    predicted, events = draws.gamma(1.5, 20.0, rows), draws.integers(1, 10, rows).astype(float)
    history = draws.integers(0, 2, rows).astype(float)
    size = (2 + 0.4 * predicted) * np.where(history > 0, 0.5, 1.0)
    y = np.maximum(predicted + size * (draws.gamma(2.0, 1.0, rows) - 2.0), 0.0)
    return Known(predicted, events, history, draws.gamma(1.0, 1.0, rows)), y


@pytest.fixture(scope="module")
def measured() -> tuple[np.ndarray, Known, dict, dict]:
    known, y = sessions(12_000, 0)
    new, truth = sessions(12_000, 1)
    folds = make_folds(np.arange(12_000), 5, seed=0)
    intervals = fit_intervals(known, y, new, folds, seed=7)
    held = {level: (truth >= ends[:, 0]) & (truth <= ends[:, 1]) for level, ends in intervals.test.items()}
    return truth, new, intervals, held


@pytest.mark.parametrize("level", LEVELS)
def test_new_sessions_are_inside_as_often_as_it_says_also_by_segment(level: float, measured) -> None:
    _, new, _, held = measured
    assert held[level].mean() == pytest.approx(level, abs=0.02)
    for tenth in range(10):
        low, high = np.quantile(new.predicted, [tenth / 10, (tenth + 1) / 10])
        assert held[level][(new.predicted >= low) & (new.predicted <= high)].mean() == pytest.approx(level, abs=0.05)
    for known in (0, 1):
        assert held[level][new.history == known].mean() == pytest.approx(level, abs=0.05)
    for length in (1, 5, 9):
        assert held[level][new.events == length].mean() == pytest.approx(level, abs=0.05)


def test_the_coverage_told_of_training_rows_is_that_of_new_ones(measured) -> None:
    _, y = sessions(12_000, 0)
    for level in LEVELS:
        assert np.mean(measured[2].inside(level, y)) == pytest.approx(measured[3][level].mean(), abs=0.015)


def test_intervals_are_wider_where_errors_are_larger(measured) -> None:
    _, new, intervals, _ = measured
    ends = intervals.test[0.8]
    width = ends[:, 1] - ends[:, 0]
    alike = (new.predicted > 30) & (new.predicted < 40)
    assert width[alike & (new.history > 0)].mean() < 0.7 * width[alike & (new.history == 0)].mean()
    assert width[new.predicted > 60].mean() > 3 * width[new.predicted < 10].mean()


def test_no_end_is_below_0_the_wider_level_holds_the_narrower(measured) -> None:
    intervals = measured[2]
    narrow, wide = intervals.test[0.8], intervals.test[0.95]
    assert (wide >= 0).all()
    assert (wide[:, 0] <= narrow[:, 0]).all()
    assert (wide[:, 1] >= narrow[:, 1]).all()


def test_values_of_a_fold_do_not_move_its_own_quantiles() -> None:
    """They move the sizes that the others are divided by, as learned columns do, but never what holds themselves."""
    known, y = sessions(2_000, 0)
    folds = make_folds(np.arange(2_000), 5, seed=0)
    mine = folds.fold_of == 2
    before, after = (fit_intervals(known, values, known, folds, seed=7) for values in (y, np.where(mine, 7 * y, y)))
    wider = (after.train[0.8] - before.train[0.8])[:, 1]
    assert np.abs(wider[mine]).mean() < 0.2 * np.abs(wider[~mine]).mean()


def test_too_few_sessions_have_an_infinite_end_and_not_a_made_up_one() -> None:
    known, y = sessions(20, 0)
    ends = fit_intervals(known, y, known, make_folds(np.arange(20), 4, seed=0), seed=7).test[0.95]
    assert (ends[:, 0] == 0).all()
    assert np.isinf(ends[:, 1]).all()


def test_dear_sessions_of_one_user_alone_have_an_infinite_end_out_of_fold() -> None:
    """No other fold has a prediction like them, so no error tells how far off they are."""
    known, y = sessions(2_000, 0)
    dearest = known.predicted >= np.quantile(known.predicted, 0.9)
    folds = make_folds(np.where(dearest, 0, 1 + np.arange(2_000)), 4, seed=0)
    intervals = fit_intervals(known, y, known, folds, seed=7)
    for level in LEVELS:
        assert (intervals.train[level][dearest] == [0.0, np.inf]).all()
        assert np.isfinite(intervals.train[level][~dearest]).all()
        assert np.isfinite(intervals.test[level]).all()


def test_predictions_that_are_all_right_have_intervals_without_width() -> None:
    known, _ = sessions(400, 0)
    ends = fit_intervals(known, known.predicted, known, make_folds(np.arange(400), 4, seed=0), seed=7).test[0.8]
    assert ends == pytest.approx(np.column_stack([known.predicted, known.predicted]))


def test_the_tables_of_a_training_tell_ends_and_coverage() -> None:
    training = train(prepare(simulated(rows=900), RunConfig(folds=3)), known_share=0.0)
    frame = prediction_frame(training)
    assert frame.columns[-4:] == ["low_80", "high_80", "low_95", "high_95"]
    assert (frame["low_95"] <= frame["low_80"]).all()
    assert (frame["low_80"] <= frame["high_80"]).all()
    coverage = coverage_frame(training)
    assert coverage.row(0)[:3] == ("all", "all sessions", 900)
    inside = training.intervals.inside(0.8, training.data.y)
    assert coverage["inside_80"][0] == pytest.approx(inside.mean())
    tenths = coverage.filter(by="prediction")
    assert tenths["sessions"].to_list() == [90] * 10
    lowest = np.argsort(training.stack.oof, kind="stable")[:90]
    assert tenths["inside_80"][0] == pytest.approx(inside[lowest].mean())
    assert coverage.filter(by="user")["sessions"].sum() == 900
