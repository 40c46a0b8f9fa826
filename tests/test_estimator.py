"""The stack as a scikit-learn estimator: it passes scikit-learn's checks and equals the stack of the pipeline."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GroupKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from core.metric import METRICS, metric_named
from core.training import SessionValueStack
from core.training.cross_fitting import FoldMatrices, cross_fit
from core.training.folds import make_folds
from core.training.learners import LEARNERS, FitContext, Task
from core.training.stacking import fit_stack
from tests.test_training import simulated

SMALL = {
    "lightgbm": {"rounds": 30, "learning_rate": 0.3, "min_data_in_leaf": 2, "lambda_l2": 0.1},
    "xgboost": {"rounds": 30, "eta": 0.3, "min_child_weight": 1.0, "lambda": 0.1},
    "catboost": {"rounds": 30, "learning_rate": 0.3, "l2_leaf_reg": 0.1},
}


@parametrize_with_checks([SessionValueStack(folds=3, settings=SMALL, threads=1)])
def test_the_estimator_passes_the_checks_of_scikit_learn(estimator, check) -> None:
    check(estimator)


def test_the_estimator_equals_the_stack_of_the_pipeline() -> None:
    data = simulated(rows=400)
    stack = SessionValueStack(folds=4, threads=2).fit(data.X, data.y, groups=data.users)
    seed = int(np.random.RandomState(7).randint(2**31 - 1))
    folds = make_folds(np.unique(data.users, return_inverse=True)[1], 4, seed)
    matrices = FoldMatrices(data.X, data.y, data.X_test, folds)
    fits = cross_fit(LEARNERS, matrices, context=FitContext([*"01234"], threads=1, seed=seed))
    by_hand = fit_stack(np.column_stack([fit.oof for fit in fits]), data.y, folds)
    assert np.array_equal(stack.oof_prediction_, by_hand.oof)
    assert stack.predict(data.X_test) == pytest.approx(by_hand.predict(np.column_stack([fit.test for fit in fits])))
    assert list(stack.weights_.values()) == by_hand.weights.tolist()


def test_no_group_is_in_two_folds() -> None:
    data = simulated(rows=400)
    stack = SessionValueStack(folds=4, settings=SMALL).fit(
        data.X, data.y, groups=[f"user {each}" for each in data.users]
    )
    for learned, validated in stack.folds_.splits():
        assert not set(data.users[learned]) & set(data.users[validated])


def test_the_estimator_works_in_pipelines_and_cross_validation() -> None:
    data = simulated(rows=600)
    model = make_pipeline(StandardScaler(), SessionValueStack(folds=3, settings=SMALL))
    scores = cross_val_score(clone(model), np.nan_to_num(data.X), data.y, groups=data.users, cv=GroupKFold(3))
    assert scores.mean() > 0.4


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        ({"metric": "r2"}, "metric must be mse, rmse, mae or rmsle. It is 'r2'."),
        (
            {"learners": ("forest",)},
            "learners names 'forest', which is not a learner. Learners are lightgbm, xgboost, catboost and linear.",
        ),
        ({"learners": ()}, "learners is empty. Name one or more of lightgbm, xgboost, catboost and linear."),
        (
            {"settings": {"lgbm": {}}},
            "settings names 'lgbm', which is not a learner. Learners are lightgbm, xgboost, catboost and linear.",
        ),
        ({"learners": ("linear", "catboost", "linear")}, "learners names 'linear' more than once."),
        ({"threads": 0}, "threads must be at least 1, or None for all cores. It is 0."),
        ({"folds": 1}, "folds must be at least 2. It is 1."),
    ],
)
def test_invalid_parameters_are_refused(parameters: dict[str, object], sentence: str) -> None:
    with pytest.raises(ValueError, match=rf"^{sentence}$"):
        SessionValueStack(**parameters).fit(np.ones((8, 1)), np.arange(8.0))


def test_groups_need_one_label_per_row_and_two_distinct_labels() -> None:
    with pytest.raises(ValueError, match=r"^groups must have one label per row. It has 3 labels for 8 rows.$"):
        SessionValueStack().fit(np.ones((8, 1)), np.arange(8.0), groups=[1, 2, 3])
    with pytest.raises(ValueError, match=r"^groups must have at least 2 distinct labels. It has 1.$"):
        SessionValueStack().fit(np.ones((8, 1)), np.arange(8.0), groups=[1] * 8)


def fast(**parameters: object) -> SessionValueStack:
    return SessionValueStack(folds=3, threads=1, settings={name: {"rounds": 5} for name in SMALL}, **parameters)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("constant", [1.0, 0.0, -3e38, np.nan])
def test_constant_features_give_the_best_constant(metric: str, constant: float) -> None:
    """CatBoost alone would refuse them."""
    y = np.random.default_rng(0).gamma(1.0, 20.0, 60)
    best = metric_named(metric).best_constant(y)
    predicted = fast(metric=metric).fit(np.full((60, 2), constant), y).predict([[constant, constant], [7.0, np.nan]])
    tolerance = 0.1 if metric == "mae" else 1e-6  # the learners shrink medians towards their start
    assert predicted == pytest.approx([best, best], rel=tolerance)


def test_a_constant_fit_of_catboost_is_weighted_and_can_be_stopped_early() -> None:
    catboost = next(learner for learner in LEARNERS if learner.name == "catboost")
    X, y, context = np.ones((40, 2)), np.arange(40.0), FitContext(["a", "b"], threads=1, seed=0)
    weights = np.where(y < 10, 1.0, 0.0)
    settings = {**catboost.defaults(), "objective": "squared", "transform": "none", "rounds": 200, "l2_leaf_reg": 0.0}
    for held_out in (None, y % 4 == 0):
        model = catboost.bin(lambda: X, context, held_out).fit(Task("squared", y, None, weights), settings, context)
        learned = y[(weights > 0) & (True if held_out is None else ~held_out)]
        assert model.raw(X[:1]) == pytest.approx(learned.mean(), rel=0.01)


@pytest.mark.parametrize("rows", [1, 2])
def test_too_few_rows_are_refused_before_any_fit(rows: int) -> None:
    with pytest.raises(ValueError, match=r"1 sample"):
        fast().fit(np.arange(rows * 2.0).reshape(rows, 2), np.arange(float(rows)))


def test_three_rows_are_enough() -> None:
    stack = fast().fit([[1.0], [2.0], [3.0]], [1.0, 2.0, 6.0])
    assert np.isfinite(stack.predict([[2.0]])).all()
    with pytest.raises(ValueError, match=r"A fold would have 1 sample to train on\. Each fold needs at least 2\. "):
        fast().fit([[1.0], [2.0], [3.0]], [1.0, 2.0, 6.0], groups=["a", "a", "b"])


def test_numbers_that_the_learners_cannot_store_are_refused_before_any_fit() -> None:
    X, y = np.random.default_rng(0).normal(size=(30, 2)), np.arange(30.0)
    for large, place in ((1e39, "X"), (-3.1e38, "X"), (1e155, "y")):
        inputs = {"X": X.copy(), "y": y.copy()}
        inputs[place][7, ...] = large
        with pytest.raises(ValueError, match=rf"^{place} has \d values? above 3e\+38 .* in row 7\.$"):
            fast().fit(**inputs)
    for inputs in ({"X": np.where(X > 1, np.inf, X), "y": y}, {"X": X, "y": np.where(y > 1, -np.inf, y)}):
        with pytest.raises(ValueError, match="contains infinity"):
            fast().fit(**inputs)
    with pytest.raises(ValueError, match=r"^X has 1 value above 3e\+38"):
        fast().fit(X, y).predict([[0.0, 1e39]])
    inputs = X.copy()
    inputs[3, 1] = 3e38
    assert np.isfinite(fast().fit(inputs, y).predict(inputs)).all()


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("scale", [0.0, 1e-30, 1e30])
def test_values_of_any_scale_are_fitted(metric: str, scale: float) -> None:
    X, y = np.random.default_rng(0).normal(size=(60, 2)), np.random.default_rng(1).gamma(1.0, 20.0, 60)
    predicted = fast(metric=metric).fit(X, y * scale).predict(X)
    assert np.isfinite(predicted).all()
    assert predicted.max() <= y.max() * scale
