"""Attributions add up to predictions on every scale, and equal Shapley values where these are known."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations

import numpy as np
import pytest

from core.metric import metric_named
from core.schema import STACK
from core.training.attribution import Attribution, StartParts, attribute_learner, attribute_stack, mean_over_fits
from core.training.fitting import FittedLearner
from core.training.stacking import Stack
from core.training.targets import Link

RNG = np.random.default_rng(5)
X = RNG.uniform(0.1, 2.0, size=(30, 3))
START = RNG.uniform(1.0, 9.0, size=30)


@dataclass
class Sum:
    """Trees whose output is the sum of the columns; in single precision, as some libraries return contributions."""

    rounds: int = 1

    def raw(self, rows: np.ndarray) -> np.ndarray:
        return np.asarray(rows.sum(axis=1))

    def contributions(self, rows: np.ndarray) -> np.ndarray:
        return (
            np.column_stack([rows - 1.0, np.full(len(rows), float(rows.shape[1]))])
            .astype(np.float32)
            .astype(np.float64)
        )


def of_start(start: np.ndarray) -> StartParts:
    """The start as an effect of the first column."""
    effects = np.zeros_like(X)
    effects[:, 0] = start - start.mean()
    return StartParts(start, float(start.mean()), effects)


@pytest.mark.parametrize("link", [Link("identity"), Link("square", factor=1.3), Link("expm1"), Link("exp", floor=0.5)])
@pytest.mark.parametrize("has_start", [True, False])
def test_a_learners_attribution_adds_up_from_one_base(link: Link, has_start: bool) -> None:
    model = FittedLearner(Sum(), link)  # type: ignore[arg-type]
    parts = of_start(START) if has_start else StartParts(None, 0.0, np.zeros_like(X))
    attribution = attribute_learner([model], X, parts)
    expected = model.predict(X, START if has_start else None)
    assert attribution.predicted == pytest.approx(expected, rel=1e-12)
    assert np.ptp(attribution.base) == 0


def test_squares_of_sums_have_their_shapley_values() -> None:
    """By hand: each of start and three columns joins in every order, from the base."""
    link = Link("square", factor=1.5)
    parts = StartParts(START, float(START.mean()), np.zeros((30, 4)))
    parts.effects[:, 3] = START - START.mean()
    wide = np.column_stack([X, np.ones(30)])
    found = attribute_learner([FittedLearner(Sum(), link)], wide, parts)  # type: ignore[arg-type]
    for row in range(5):
        steps = [*(wide[row] - 1.0), np.sqrt(START[row]) - np.sqrt(START.mean())]
        expected = np.zeros(5)
        for order in permutations(range(5)):
            at = np.sqrt(START.mean()) + 4.0
            for player in order:
                expected[player] += 1.5 * ((at + steps[player]) ** 2 - at**2) / 120
                at += steps[player]
        # the fourth column is constant, so that its effect is that of the start
        assert found.effects[row] == pytest.approx([*expected[:3], expected[3] + expected[4]], rel=1e-5)


def test_the_attribution_of_the_stack_adds_up_on_the_scale_of_logarithms_and_at_the_lower_bound() -> None:
    learners = {
        name: Attribution(np.full(30, 4.0), effects)
        for name, effects in (("lightgbm", X - 1.2), ("xgboost", 2 * (1.2 - X)))
    }
    parts = of_start(START)
    columns = np.column_stack([each.predicted for each in learners.values()])
    for stack in (
        Stack(np.array([0.7, 0.4]), 0.1, None, np.empty(0), metric_named("rmsle"), start_weight=0.2),
        Stack(np.array([0.7, 0.4]), -2.0, None, np.empty(0), lower_bound=4.0, start_weight=0.2),
    ):
        found = attribute_stack(stack, learners, parts)
        assert list(found) == ["lightgbm", "xgboost", STACK]
        predicted = stack.predict(columns, START)
        assert found[STACK].predicted == pytest.approx(predicted, rel=1e-6)
        assert np.ptp(found[STACK].base) == pytest.approx(0.0)
    assert (predicted == 4.0).any()
    assert (predicted > 4.0).any()


def test_the_mean_over_fits_is_what_the_stack_predicts_from_the_mean_of_its_learners() -> None:
    one = {name: Attribution(np.full(30, 4.0), effects) for name, effects in (("lightgbm", X), ("xgboost", X**2))}
    other = {name: Attribution(each.base + 1, 3 * each.effects) for name, each in one.items()}
    stack = Stack(np.array([0.7, 0.4]), 0.1, None, np.empty(0), metric_named("rmsle"), start_weight=0.2)
    starts = START, START + 20
    by_fit = [attribute_stack(stack, fit, of_start(start)) for fit, start in zip((one, other), starts, strict=True)]
    means = mean_over_fits(stack, by_fit, starts)
    columns = np.column_stack([(one[name].predicted + other[name].predicted) / 2 for name in one])
    assert means["lightgbm"].predicted == pytest.approx(columns[:, 0])
    assert means[STACK].predicted == pytest.approx(stack.predict(columns, START + 10), rel=1e-6)
    apart = Attribution.mean([fit[STACK] for fit in by_fit]).predicted
    assert np.abs(means[STACK].predicted - apart).max() > 0.01


def test_the_attribution_of_a_linear_stack_is_the_weighted_sum_of_its_parts() -> None:
    learners = {"lightgbm": Attribution(np.full(30, 4.0), X)}
    stack = Stack(np.array([0.7]), 0.5, None, np.empty(0), start_weight=0.3)
    parts = of_start(START)
    found = attribute_stack(stack, learners, parts)[STACK]
    assert found.effects == pytest.approx(0.7 * X + 0.3 * parts.effects)
    assert found.base == pytest.approx(np.full(30, 0.5 + 0.7 * 4.0 + 0.3 * START.mean()))
