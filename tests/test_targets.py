"""Targets, links and metrics: what trees predict, and how values are computed from their output.

Expected values come from formulas written out for one row, and from scikit-learn's metrics.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import (
    mean_absolute_error,
    mean_squared_error,
    root_mean_squared_error,
    root_mean_squared_log_error,
)

from core.metric import METRICS, metric_named
from core.training import LEARNERS
from core.training.attribution import StartParts, attribute_learner
from core.training.combinations import COMBINATIONS, Combinations
from core.training.fitting import FittedLearner, default_settings, fit_learner
from core.training.folds import make_folds
from core.training.learners import FitContext, Learner
from core.training.learners.linear import LINEAR
from core.training.stacking import fit_stack
from core.training.targets import OBJECTIVES, TWEEDIE, Link, Target, targets_to_try

NAMES = ["size", "noise"]
CONTEXT = FitContext(NAMES, threads=1, seed=7)
MSE = metric_named("mse")
each_learner = pytest.mark.parametrize("learner", LEARNERS, ids=lambda learner: learner.name)
many = settings(derandomize=True, deadline=None, max_examples=60)
TARGETS = [Target(each) for each in OBJECTIVES] + [Target("squared", "sqrt"), Target("squared", "log1p")]
PAIRS = [(learner, target) for learner in LEARNERS for target in TARGETS if target.objective in learner.objectives]
each_pair = pytest.mark.parametrize(
    ("learner", "target"), PAIRS, ids=[f"{one.name}-{two.objective}-{two.transform}" for one, two in PAIRS]
)
each_target = pytest.mark.parametrize("target", TARGETS, ids=lambda target: f"{target.objective}-{target.transform}")


def sessions(rows: int = 1500, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return features, values above 0, and a start that is off by a factor that depends on the first feature."""
    draws = np.random.default_rng(seed)
    X = draws.normal(size=(rows, 2))
    start = draws.gamma(2.0, 20.0, rows)
    return X, start * np.exp(0.5 * X[:, 0]) * draws.gamma(20.0, 1 / 20, rows) + 1e-3, start


def fitted(learner: Learner, target: Target, X, y, start, *, metric=MSE, held=None, context=CONTEXT) -> FittedLearner:
    settings_ = default_settings(learner, metric, y) | dataclasses.asdict(target)
    binned = learner.bin(lambda: X, context, held_out=held)
    return fit_learner(binned, settings_, context, y=y, start=start, metric=metric, matrix=lambda: X)


# --- metrics ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "reference"),
    [
        ("mse", mean_squared_error),
        ("rmse", root_mean_squared_error),
        ("mae", mean_absolute_error),
        ("rmsle", root_mean_squared_log_error),
    ],
)
def test_metrics_match_scikit_learn(name: str, reference) -> None:
    draws = np.random.default_rng(0)
    predicted, actual = draws.gamma(1.0, 30.0, 200), draws.gamma(1.0, 30.0, 200)
    assert metric_named(name).evaluate(predicted, actual) == pytest.approx(reference(actual, predicted))


def test_rmsle_counts_a_negative_prediction_as_0() -> None:
    assert metric_named("rmsle").evaluate(np.array([-5.0]), np.array([0.0])) == 0.0


# --- links ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("link", "value"),
    [
        (Link("identity"), 10 + 0.5),
        (Link("square"), (10**0.5 + 0.5) ** 2),
        (Link("square", factor=1.1), 1.1 * (10**0.5 + 0.5) ** 2),
        (Link("expm1"), np.exp(np.log(11) + 0.5) - 1),
        (Link("exp", floor=2.0), 12 * np.exp(0.5)),
    ],
)
def test_a_link_computes_the_value_from_start_and_trees(link: Link, value: float) -> None:
    assert link.values(np.array([0.5]), np.array([10.0])) == pytest.approx([value])


def test_square_and_expm1_links_are_never_negative() -> None:
    for kind in ("square", "expm1"):
        assert Link(kind).values(np.array([-50.0]), np.array([10.0])).tolist() == [0.0]


@each_target
def test_trees_that_predict_their_labels_give_the_values(target: Target) -> None:
    """Except for the log link, where the labels are the values themselves."""
    _, y, start = sessions(50)
    if target.is_log_link:
        assert np.array_equal(target.task(y, start).labels, y)
        floor = target.link(y, start).floor
        assert target.task(y, start).margins == pytest.approx(np.log(start + floor))
    else:
        assert target.link(y, start).values(target.task(y, start).labels, start) == pytest.approx(y)
        assert target.task(y, start).margins is None


@many
@given(
    st.sampled_from(["identity", "square", "expm1", "exp"]),
    st.floats(-0.9, 0.9),
    st.floats(-0.9, 0.9),
    st.floats(0.1, 100),
)
def test_parts_times_the_slope_sum_to_the_change_of_the_value(
    kind: str, since: float, raw: float, start: float
) -> None:
    link, rows = Link(kind, floor=0.1, factor=1.2), np.array([start])
    slope = link.slopes(np.array([since]), np.array([raw]), rows)
    change = link.values(np.array([raw]), rows) - link.values(np.array([since]), rows)
    assert slope * (raw - since) == pytest.approx(change, abs=1e-4 * max(1.0, start))


def test_the_factor_corrects_the_bias_of_a_back_transform() -> None:
    """The mean of a lognormal is its median times exp(variance / 2)."""
    y = np.random.default_rng(0).lognormal(3.0, 0.8, 200_000)
    raw = np.full(len(y), np.log1p(y).mean())
    link = Link("expm1").bias_corrected(raw, None, y, MSE)
    assert link.factor == pytest.approx(np.exp(0.8**2 / 2), rel=0.05)
    assert link.values(raw, None).sum() == pytest.approx(y.sum())
    assert Link("expm1").bias_corrected(raw, None, y, metric_named("rmsle")).factor == 1.0


def test_for_absolute_errors_the_factor_minimizes_the_absolute_error() -> None:
    draws = np.random.default_rng(5)
    raw = draws.normal(2.0, 0.5, 2_000)
    y = np.expm1(raw + draws.normal(0.2, 1.0, len(raw))).clip(0)
    weights = draws.random(len(y))
    for counts in (None, weights):
        factor = Link("expm1").bias_corrected(raw, None, y, metric_named("mae"), counts).factor
        error = [
            np.average(np.abs(y - each * np.expm1(raw)), weights=counts)
            for each in (factor, 0.99 * factor, 1.01 * factor)
        ]
        assert min(error) == error[0]
    assert Link("expm1").bias_corrected(raw, None, y, MSE).factor > 1.2 * factor


def test_only_targets_that_values_and_library_allow_are_tried() -> None:
    everything = tuple(OBJECTIVES)

    def tried(y, objectives=everything, metric="mse", transforms=(*LINEAR.transforms, "sqrt")) -> set[str]:
        learner = dataclasses.replace(LINEAR, objectives=objectives, transforms=transforms)
        return {target.name for target in targets_to_try(metric_named(metric), np.array(y), learner)}

    positive = tried([1.0, 5.0])
    assert positive == {"squared/none", "huber/none", "tweedie/none", "gamma/none", "squared/sqrt", "squared/log1p"}
    assert tried([0.0, 5.0]) == positive - {"gamma/none"}
    assert tried([-1.0, 5.0]) == {"squared/none", "huber/none"}
    assert tried([1.0, 5.0], ("squared", "tweedie")) == positive - {"huber/none", "gamma/none"}
    assert tried([1.0, 5.0], transforms=("none",)) == {name for name in positive if name.endswith("/none")}
    assert tried([1.0, 5.0], metric="mae") == {"absolute/none", "huber/none", "squared/sqrt", "squared/log1p"}
    assert tried([1.0, 5.0], metric="rmsle") == {"squared/log1p", "squared/sqrt"}


# --- each learner on each target --------------------------------------------------------------------------------------


@each_pair
def test_every_target_learns_the_difference_to_the_start(learner: Learner, target: Target) -> None:
    X, y, start = sessions()
    X_new, y_new, start_new = sessions(seed=1)
    model = fitted(learner, target, X, y, start)
    error, at_start = (float(np.abs(each - y_new).mean()) for each in (model.predict(X_new, start_new), start_new))
    assert error < 0.8 * at_start
    if target.objective not in ("absolute", "huber"):  # these predict the median or a value near it
        assert model.predict(X_new, start_new).mean() == pytest.approx(y_new.mean(), rel=0.06)


@each_pair
def test_contributions_sum_to_the_change_of_the_value(learner: Learner, target: Target) -> None:
    X, y, start = sessions(400)
    model = fitted(learner, target, X, y, start)
    of_start = StartParts(start, float(start.mean()), np.zeros_like(X))
    of_start.effects[:, 0] = start - start.mean()
    attribution = attribute_learner([model], X, of_start)
    assert np.ptp(attribution.base) == 0
    assert attribution.predicted == pytest.approx(model.predict(X, start), rel=1e-6, abs=1e-6)


@pytest.mark.parametrize(("learner", "target"), [pair for pair in PAIRS if pair[1].is_log_link])
def test_without_a_start_the_log_link_starts_from_the_mean(learner: Learner, target: Target) -> None:
    X, y, _ = sessions()
    model = fitted(learner, target, X, y, None)
    assert model.link == Link("exp", floor=pytest.approx(y.mean()))
    assert model.predict(X, None).mean() == pytest.approx(y.mean(), rel=0.06)


@each_learner
def test_held_out_rows_stop_a_fit_early_and_are_not_learned_from(learner: Learner) -> None:
    X, y, start = sessions(800)
    held = np.arange(800) % 8 == 0
    settings_ = default_settings(learner, MSE, y) | {"rounds": 1500}
    changed = np.where(held, y + 5.0 * np.sin(np.arange(800)), y)

    def fit(values) -> FittedLearner:
        binned = learner.bin(lambda: X, CONTEXT, held_out=held)
        return fit_learner(binned, settings_, CONTEXT, y=values, start=start, metric=MSE, matrix=lambda: X)

    one, other = fit(y), fit(changed)
    assert one.model.rounds < 1500
    # other values of the held-out rows may change the number of rounds, but nothing else
    rounds = min(one.model.rounds, other.model.rounds)
    short = [
        fit_learner(
            learner.bin(lambda: X[~held], CONTEXT),
            settings_ | {"rounds": rounds},
            CONTEXT,
            y=values[~held],
            start=start[~held],
            metric=MSE,
            matrix=lambda: X[~held],
        ).predict(X, start)
        for values in (y, changed)
    ]
    assert np.array_equal(*short)


@each_learner
def test_fits_on_the_same_binned_rows_do_not_affect_each_other(learner: Learner) -> None:
    X, y, start = sessions(500)
    binned = learner.bin(lambda: X, CONTEXT)

    def fit(target: Target, on) -> np.ndarray:
        settings_ = default_settings(learner, MSE, y) | dataclasses.asdict(target)
        return fit_learner(binned, settings_, CONTEXT, y=y, start=start, metric=MSE, matrix=lambda: X).predict(X, on)

    first = fit(Target("squared"), start)
    for target in (Target(TWEEDIE), Target("squared", "sqrt"), Target("huber")):
        fit(target, start)
    assert np.array_equal(fit(Target("squared"), start), first)
    assert np.array_equal(fitted(learner, Target("squared"), X, y, start).predict(X, start), first)


@pytest.mark.parametrize(
    ("learner", "target"), [pair for pair in PAIRS if pair[1].transform == "none" and pair[0] is not LINEAR]
)
def test_trees_are_monotone_in_a_constrained_feature(learner: Learner, target: Target) -> None:
    X, y, _ = sessions(1500)
    y = y + 40 * (X[:, 0] < -1)  # not monotone there
    context = dataclasses.replace(CONTEXT, monotone_increasing=("size",))
    line = np.column_stack([np.linspace(-3, 3, 200), np.zeros(200)])
    free, constrained = (fitted(learner, target, X, y, None, context=each) for each in (CONTEXT, context))
    assert (np.diff(free.predict(line, None)) < -1e-9).any()
    assert (np.diff(constrained.predict(line, None)) >= -1e-6).all()
    assert np.ptp(constrained.predict(line, None)) > 10


@each_learner
def test_rows_with_higher_weights_dominate_the_fit(learner: Learner) -> None:
    X, y, _ = sessions(1000)
    old = np.arange(1000) < 500
    y = np.where(old, y + 100, y)
    settings_ = default_settings(learner, MSE, y)

    def mean(weights) -> float:
        binned = learner.bin(lambda: X, CONTEXT)
        model = fit_learner(binned, settings_, CONTEXT, y=y, start=None, metric=MSE, matrix=lambda: X, weights=weights)
        return float(model.predict(X, None).mean())

    assert mean(None) == pytest.approx(y.mean(), rel=0.05)
    assert mean(np.where(old, 1e-3, 1.0)) == pytest.approx(y[~old].mean(), rel=0.1)


# --- the meta-model follows the metric --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", METRICS)
def test_the_meta_model_is_best_in_its_own_metric(name: str) -> None:
    """Values are a column times a skewed factor, so the best multiples of it for mean, median and logarithm differ."""
    draws = np.random.default_rng(0)
    rows = 4000
    column = draws.gamma(4.0, 20.0, rows)
    y = column * draws.lognormal(0.0, 0.8, rows)
    columns = np.column_stack([column, draws.gamma(4.0, 20.0, rows)])
    folds = make_folds(np.arange(rows), 5, seed=0)
    own = metric_named(name)
    scores = {each: own.evaluate(fit_stack(columns, y, folds, metric_named(each)).oof, y) for each in METRICS}
    assert scores[name] == pytest.approx(min(scores.values()), rel=2e-3)
    assert scores["mse" if name not in ("mse", "rmse") else "mae"] > 1.02 * scores[name]


def test_combinations_are_nested_and_follow_their_definitions() -> None:
    draws = np.random.default_rng(0)
    y = draws.gamma(2.0, 20.0, 400)
    columns = y[:, None] + draws.normal(size=(400, 3)) * [5.0, 8.0, 30.0]
    folds = make_folds(np.arange(400), 5, seed=0)
    before = Combinations(columns, y, folds).nested()
    assert before["best_learner"] == pytest.approx(np.maximum(columns[:, 0], 0))
    assert before["mean"] == pytest.approx(np.maximum(columns.mean(axis=1), 0))
    assert before["ridge"] == pytest.approx(fit_stack(columns, y, folds).oof)
    # the mean of independent errors has the lowest variance with weights 1 / variance
    weights = np.array([25, 64, 900.0]) ** -1 / (np.array([25, 64, 900.0]) ** -1).sum()
    assert before["non_negative"] == pytest.approx(np.maximum(columns @ weights, 0), abs=2.5)
    in_fold = folds.fold_of == 2
    changed = Combinations(columns, np.where(in_fold, 5 * y, y), folds).nested()
    for name, predicted in before.items():
        assert np.array_equal(predicted[in_fold], changed[name][in_fold])


def test_the_start_is_one_of_the_combinations_if_there_is_one() -> None:
    draws = np.random.default_rng(0)
    y = draws.gamma(2.0, 20.0, 400)
    start = y + draws.normal(size=400) * 5
    columns, folds = start[:, None] + draws.normal(size=(400, 3)) * 10, make_folds(np.arange(400), 5, seed=0)
    with_start, without = Combinations(columns, y, folds, start=start), Combinations(columns, y, folds)
    assert set(with_start.nested()) - set(without.nested()) == {"prices"}
    stack = with_start.best()
    assert stack.combination in ("prices", "non_negative")
    assert stack.start_weight > 0.8
    assert stack.weights.sum() + stack.start_weight == pytest.approx(1.0)
    assert np.mean((stack.oof - y) ** 2) < 0.9 * np.mean((without.best().oof - y) ** 2)
    expected = np.maximum(columns @ stack.weights + stack.start_weight * start, 0)
    assert stack.predict(columns, start) == pytest.approx(expected)
    worse = Combinations(columns, y, folds, start=y + draws.normal(size=400) * 60).best()
    assert worse.start_weight < 0.1


def columns_for(best: str, y: np.ndarray) -> np.ndarray:
    """Return predictions for which one combination is right: of the others, each would add an error."""
    noise = np.random.default_rng(3).normal(size=(len(y), 3))
    if best == "best_learner":  # weights of the other two would add noise, and those of the ridge are estimated
        return np.column_stack([y, y + 60 * noise[:, 1], y + 60 * noise[:, 2]])
    if best == "mean":
        return y[:, None] + 20 * (noise - noise.mean(axis=1, keepdims=True))
    if best == "non_negative":
        return np.column_stack([y + 2 * noise[:, 0], y - 6 * noise[:, 0], y + 60 * noise[:, 2]])
    return np.column_stack([y / 3 + 20, y / 3 + 20, y / 3 + 20])  # the ridge alone scales and shifts


@pytest.mark.parametrize("best", sorted({*COMBINATIONS} - {"prices"}))
@pytest.mark.parametrize("name", ["mse", "mae"])
def test_the_combination_with_the_lowest_error_is_used(best: str, name: str) -> None:
    y = np.random.default_rng(1).gamma(2.0, 20.0, 60)
    columns, folds = columns_for(best, y), make_folds(np.arange(60), 5, seed=0)
    combinations = Combinations(columns, y, folds, metric_named(name))
    stack, metric = combinations.best(), metric_named(name)
    scores = {each: metric.evaluate(oof, y) for each, oof in combinations.nested().items()}
    assert scores[best] == pytest.approx(min(scores.values()), abs=0.2)
    assert scores[stack.combination] == pytest.approx(min(scores.values()), abs=0.2)
    if best in ("ridge", "mean"):
        assert stack.combination == best
        assert stack.predict(columns) == pytest.approx(y, rel=0.01, abs=0.1)


def test_another_combination_than_the_mean_must_be_better_by_a_standard_error() -> None:
    y = np.random.default_rng(1).gamma(2.0, 20.0, 300)
    noise = np.random.default_rng(2).normal(size=(300, 3))
    folds = make_folds(np.arange(300), 5, seed=0)
    about_equal, unequal = (y[:, None] + noise * sizes for sizes in ([1, 1, 1], [5, 60, 60]))
    assert Combinations(about_equal, y, folds).best().combination == "mean"
    assert Combinations(unequal, y, folds).best().combination != "mean"


def test_the_values_of_a_fold_do_not_choose_the_combination_that_predicts_it() -> None:
    draws = np.random.default_rng(5)
    y = draws.gamma(2.0, 20.0, 100)
    columns, folds = y[:, None] + draws.normal(size=(100, 3)) * 20, make_folds(np.arange(100), 5, seed=0)
    before = Combinations(columns, y, folds).best()
    names = set()
    for fold in range(5):
        in_fold = folds.fold_of == fold
        changed = Combinations(columns, np.where(in_fold, columns[:, fold % 3], y), folds).best()
        names.add(changed.combination)
        assert np.array_equal(before.oof[in_fold], changed.oof[in_fold])
        assert not np.array_equal(before.oof[~in_fold], changed.oof[~in_fold])
    assert len(names) > 1  # the changed values do lead to other choices


def test_weights_may_be_negative_if_allowed() -> None:
    draws = np.random.default_rng(0)
    y = draws.gamma(2.0, 20.0, 2000)
    shared = draws.normal(size=2000) * 10
    columns = np.column_stack([y + shared, shared])
    folds = make_folds(np.arange(2000), 5, seed=0)
    free, bounded = (fit_stack(columns, y, folds, non_negative=each) for each in (False, True))
    assert free.weights == pytest.approx([1.0, -1.0], abs=0.01)
    assert (bounded.weights >= 0).all()
    assert MSE.evaluate(free.oof, y) < 0.1 * MSE.evaluate(bounded.oof, y)


def test_one_combination_can_be_asked_for() -> None:
    draws = np.random.default_rng(0)
    y = draws.gamma(2.0, 20.0, 200)
    columns, folds = y[:, None] + draws.normal(size=(200, 2)), make_folds(np.arange(200), 4, seed=0)
    combinations = Combinations(columns, y, folds)
    only, ridge = combinations.only("ridge"), fit_stack(columns, y, folds)
    assert only.weights.tolist() == ridge.weights.tolist()
    assert np.array_equal(only.oof, ridge.oof)
    assert combinations.best().combination == "mean"
