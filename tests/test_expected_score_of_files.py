"""The expected score of a file: the identity of squared errors, known values, intervals that hold, other metrics."""

from __future__ import annotations

import numpy as np
import pytest

from core.metric import metric_named
from core.submission.expected_score import FileScore, PossibleValues, expected_score

N = 20_000
MSE = metric_named("mse")
FOLDS = np.arange(N) % 5


def shop(seed: int, n: int = N) -> tuple[np.ndarray, np.ndarray]:
    """Return calibrated predictions, and values whose errors grow with them."""
    rng = np.random.default_rng(seed)
    predicted = rng.lognormal(3.0, 0.7, n)
    return predicted, predicted * rng.lognormal(-0.125, 0.5, n)


def own_score(metric, n: int) -> FileScore:
    """The score that the run's own predictions get on many files of `n` sessions: its mean and 90% interval."""
    scores = [metric.evaluate(*shop(seed, n)) for seed in range(1_000, 1_200)]
    return FileScore(float(np.mean(scores)), *(float(np.quantile(scores, level)) for level in (0.05, 0.95)))


def estimate_score(file, predicted, *, metric=MSE, known=None, seed=0):
    train, values = shop(1)
    own = own_score(metric, len(file))
    return own, expected_score(
        file, predicted, PossibleValues.fit(train, values, FOLDS), own, metric, known=known, seed=seed
    )


def test_the_own_file_gets_the_own_expected_score():
    predicted, _ = shop(2)
    own, score = estimate_score(predicted, predicted)
    assert score.value == pytest.approx(own.value)
    assert (score.low, score.high) == pytest.approx((own.low, own.high), rel=1e-3)


@pytest.mark.parametrize("change", ["constant", "halved", "shuffled", "noise"])
def test_squared_errors_grow_by_the_squared_distance(change):
    predicted, _ = shop(2)
    rng = np.random.default_rng(3)
    file = {
        "constant": np.full(N, predicted.mean()),
        "halved": predicted / 2,
        "shuffled": rng.permutation(predicted),
        "noise": predicted + rng.normal(0, 10, N),
    }[change]
    own, score = estimate_score(file, predicted)
    assert score.value == pytest.approx(own.value + np.mean((file - predicted) ** 2), rel=0.02)


@pytest.mark.parametrize("name", ["mse", "mae"])
def test_nine_of_ten_intervals_hold_the_actual_score_in_every_metric(name):
    metric = metric_named(name)
    inside = []
    for seed in range(20):
        predicted, values = shop(100 + seed, 3_000)
        file = np.abs(predicted * 0.7 + np.random.default_rng(seed).normal(0, 8, len(predicted)))
        _, score = estimate_score(file, predicted, metric=metric, seed=seed)
        inside.append(score.low <= metric.evaluate(file, values) <= score.high)
    assert np.mean(inside) >= 0.8


def test_known_sessions_count_with_their_actual_loss():
    predicted, _ = shop(2)
    known = (np.full(N, 7.0), np.full(N, 4.0))
    own, score = estimate_score(predicted, predicted, known=known)
    # the expected score of a run already counts its known sessions, whose loss is 0
    assert score.value == pytest.approx(own.value + 9.0 / 2)


def test_a_file_that_knows_the_values_is_better_than_expected():
    predicted, values = shop(2)
    _, score = estimate_score(values, predicted)
    assert score.value > MSE.evaluate(values, values)


def test_values_are_drawn_from_sessions_with_similar_predictions():
    train, values = np.repeat([1.0, 100.0], 500), np.repeat([2.0, 150.0], 500)
    drawn = PossibleValues.fit(train, values, np.zeros(1_000, int)).draw(
        np.array([1.0, 100.0, 1.0]), np.random.default_rng(0)
    )
    assert drawn.tolist() == [2.0, 150.0, 2.0]


def test_few_sessions_and_no_error_at_all():
    possible = PossibleValues.fit(np.array([1.0, 2.0]), np.array([1.0, 2.0]), np.zeros(2, int))
    score = expected_score(np.array([3.0]), np.array([1.0]), possible, FileScore(0, 0, 0), MSE, seed=0)
    assert (score.value, score.low, score.high) == (4.0, 4.0, 4.0)


def test_a_file_of_known_sessions_only_has_its_exact_score():
    known = (np.array([3.0, 5.0]), np.array([1.0, 5.0]))
    nothing, own = np.empty(0), FileScore(0, 0, 0)
    possible = PossibleValues.fit(np.ones(2), np.ones(2), np.zeros(2, int))
    score = expected_score(nothing, nothing, possible, own, MSE, known=known, seed=0)
    assert (score.value, score.low, score.high) == (2.0, 2.0, 2.0)


def test_errors_that_the_sessions_of_a_fold_share_make_the_interval_wider():
    train, values = shop(1)
    shared = values * np.array([0.9, 0.95, 1.0, 1.05, 1.1])[FOLDS]
    predicted, _ = shop(2)
    own = own_score(MSE, N)
    narrow, wide = (
        expected_score(predicted / 2, predicted, PossibleValues.fit(train, actual, FOLDS), own, MSE, seed=0)
        for actual in (values, shared)
    )
    assert wide.high - wide.low > 1.5 * (narrow.high - narrow.low)
