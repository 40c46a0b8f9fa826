"""The stack as a scikit-learn estimator: it passes scikit-learn's checks and equals the stack of the pipeline."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GroupKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from core.training import SessionValueStack
from core.training.cross_fitting import FoldMatrices, cross_fit
from core.training.folds import make_folds
from core.training.learners import LEARNERS, FitContext
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
            "learners names 'forest', which is not a learner. Learners are lightgbm, xgboost and catboost.",
        ),
        ({"learners": ()}, "learners is empty. Name one or more of lightgbm, xgboost and catboost."),
        (
            {"settings": {"lgbm": {}}},
            "settings names 'lgbm', which is not a learner. Learners are lightgbm, xgboost and catboost.",
        ),
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
