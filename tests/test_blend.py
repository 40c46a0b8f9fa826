"""Weights of blends, against a fine grid and against the values that the method does not see."""

from __future__ import annotations

import numpy as np
import pytest

from core.errors import InputError
from core.submission.blend import (
    checked_weights,
    equal_weights,
    expected_of_blend,
    weights_from_scores,
    weights_from_values,
)


def files(seed: int, n: int = 4_000) -> tuple[np.ndarray, np.ndarray]:
    """Return the predictions of three files with different errors, and the values."""
    rng = np.random.default_rng(seed)
    values = rng.lognormal(3.0, 0.8, n)
    shared = rng.normal(0, 6, n)
    return np.column_stack(
        [values + shared + rng.normal(0, 8, n), values * 0.8 + rng.normal(0, 9, n), 12 + values * 0.6 + shared]
    ), values


def mse(predictions, weights, values) -> float:
    return float(np.mean((predictions @ weights - values) ** 2))


def best_sum_of_one(predictions, values) -> float:
    steps = np.arange(0, 1.0001, 0.02)
    found = np.inf
    for first in steps:
        for second in steps:
            if first + second <= 1 + 1e-12:
                weights = np.array([first, second, 1 - first - second])
                found = min(found, mse(predictions, weights, values))
    return found


@pytest.mark.parametrize("seed", [1, 2])
def test_returned_scores_and_zeros_give_the_best_weights_without_any_value(seed):
    predictions, values = files(seed)
    scores = [mse(predictions, np.eye(3)[index], values) for index in range(3)]
    zeros = float(np.mean(values**2))
    weights = weights_from_scores(predictions, scores, zeros)
    assert weights == pytest.approx(weights_from_values(predictions, values), abs=1e-6)
    achieved = mse(predictions, weights, values)
    assert achieved <= min(scores)
    assert expected_of_blend(predictions, weights, scores, zeros) == pytest.approx(achieved)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_without_the_score_of_zeros_the_weights_add_up_to_one_and_are_the_best_such(seed):
    predictions, values = files(seed, 500)
    scores = [mse(predictions, np.eye(3)[index], values) for index in range(3)]
    weights = weights_from_scores(predictions, scores)
    assert weights.sum() == pytest.approx(1) and (weights >= 0).all()
    achieved = mse(predictions, weights, values)
    assert achieved <= best_sum_of_one(predictions, values) * (1 + 1e-9)
    assert expected_of_blend(predictions, weights, scores, None) == pytest.approx(achieved)


def test_rounded_scores_of_a_public_part_fit_that_part():
    predictions, values = files(5, 20_000)
    public = np.random.default_rng(0).random(len(values)) < 0.3
    scores = [round(mse(predictions[public], np.eye(3)[index], values[public]), 2) for index in range(3)]
    zeros = round(float(np.mean(values[public] ** 2)), 2)
    best = mse(predictions, weights_from_values(predictions, values), values)
    assert mse(predictions, weights_from_scores(predictions, scores, zeros), values) <= 1.05 * best
    assert mse(predictions, weights_from_scores(predictions[public], scores, zeros), values) <= 1.005 * best


def test_equal_files_share_a_weight_and_one_file_keeps_its_own():
    predictions, values = files(1)
    twins = predictions[:, [0, 0]]
    score = mse(twins, np.array([1.0, 0.0]), values)
    weights = weights_from_scores(twins, [score, score])
    assert weights.sum() == pytest.approx(1)
    assert weights_from_scores(predictions[:, :1], [score]).tolist() == [1.0]


def test_weights_by_hand_are_checked():
    assert checked_weights([1, 0.5], 2).tolist() == [1, 0.5]
    assert equal_weights(4).tolist() == [0.25] * 4
    for weights, sentence in (
        ([1.0], "There is 1 weight for 2 files."),
        ([1.0, -1.0], "The weights 1 and -1 cannot be used."),
        ([0.0, 0.0], "All weights are 0."),
        ([float("nan"), 1.0], "The weights nan and 1 cannot be used."),
    ):
        with pytest.raises(InputError, match=sentence):
            checked_weights(weights, 2)
