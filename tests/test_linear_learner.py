"""The linear learner, compared with scikit-learn."""

import numpy as np
import pytest
from sklearn.linear_model import HuberRegressor, QuantileRegressor, Ridge
from sklearn.preprocessing import StandardScaler

from core.training.learners import LEARNERS, FitContext, Task
from core.training.learners.linear import LINEAR, LinearModel

NAMES = ["a", "b", "c"]
CONTEXT = FitContext(NAMES, threads=1, seed=0)


def rows(n: int = 400) -> tuple[np.ndarray, np.ndarray]:
    """Return features on different scales, and labels that are linear in them but for noise with a heavy tail."""
    rng = np.random.default_rng(3)
    X = rng.normal([0, 50, -3], [1, 20, 0.01], size=(n, 3))
    return X, X @ [2.0, 0.1, 100.0] + rng.standard_t(2, n)


def fitted(X: np.ndarray, task: Task, alpha: float, context: FitContext = CONTEXT, held_out=None) -> LinearModel:
    model = LINEAR.bin(lambda: X, context, held_out).fit(task, {"rounds": 1, "alpha": alpha}, context)
    assert isinstance(model, LinearModel)
    return model


@pytest.mark.parametrize("weighted", [False, True])
def test_squared_error_is_ridge_regression_on_standardized_features(weighted: bool):
    X, y = rows()
    weights = np.random.default_rng(4).uniform(0.1, 2, len(y)) if weighted else None
    Z = StandardScaler().fit_transform(X)
    expected = Ridge(25.0).fit(Z, y, sample_weight=weights)
    model = fitted(X, Task("squared", y, weights=weights), 25.0)
    assert model.raw(X) == pytest.approx(expected.predict(Z), abs=1e-9)


def test_huber_loss_equals_that_of_scikit_learn():
    X, y = rows()
    Z = StandardScaler().fit_transform(X)
    # HuberRegressor also estimates a scale; with delta = epsilon * scale both minimize the same loss
    reference = HuberRegressor(epsilon=1.2, alpha=0.0, max_iter=10_000, tol=1e-10).fit(Z, y)
    model = fitted(X, Task("huber", y, delta=1.2 * reference.scale_), 1e-9)
    assert model.raw(X) == pytest.approx(reference.predict(Z), abs=1e-3)


def test_absolute_error_is_nearly_the_lowest():
    X, y = rows()
    lowest = np.abs(QuantileRegressor(alpha=0.0).fit(X, y).predict(X) - y).mean()
    model = fitted(X, Task("absolute", y), 1e-9)
    assert lowest <= np.abs(model.raw(X) - y).mean() <= 1.002 * lowest


def test_missing_values_count_as_the_mean_and_others_are_clipped_to_the_training_range():
    X, y = rows()
    model = fitted(X, Task("squared", y), 1.0)
    row = X[:1].copy()
    for value, same_as in ((np.nan, X[:, 1].mean()), (1e12, X[:, 1].max()), (-1e12, X[:, 1].min())):
        row[0, 1] = value
        expected = row.copy()
        expected[0, 1] = same_as
        assert model.raw(row) == pytest.approx(model.raw(expected), abs=1e-9)


def test_features_without_values_or_variance_have_no_effect():
    X, y = rows()
    X[:, 0], X[:, 2] = np.nan, 7.0
    model = fitted(X, Task("squared", y), 1.0)
    assert (model.coefficients != 0).tolist() == [False, True, False]
    new = np.array([[1e6, 50.0, -1e6]])
    assert model.raw(new) == pytest.approx(model.raw(np.array([[np.nan, 50.0, 7.0]])))


@pytest.mark.parametrize("n_rows", [7, 10, 30])
def test_a_constant_feature_with_missing_values_has_no_effect(n_rows: int):
    X = np.full((n_rows, 3), 0.1)
    X[::3, 0] = np.nan
    X[:, 1] = np.arange(n_rows)
    model = fitted(X, Task("squared", np.isnan(X[:, 0]) * 9.0), 1e-3)
    assert model.coefficients[0] == 0


def test_partly_missing_features_are_scaled_by_their_values():
    X, y = rows()
    X[::3, 0] = np.nan
    model = fitted(X, Task("squared", y), 1.0)
    assert model.scaling.mean == pytest.approx(np.nanmean(X, axis=0))
    assert model.scaling.scale == pytest.approx(np.nanstd(X, axis=0))


def test_held_out_rows_are_not_learned_from():
    X, y = rows()
    held_out = np.arange(len(y)) % 4 == 0
    both = fitted(X, Task("squared", y), 5.0, held_out=held_out)
    alone = fitted(X[~held_out], Task("squared", y[~held_out]), 5.0)
    assert both.raw(X).tolist() == alone.raw(X).tolist()


@pytest.mark.parametrize("objective", LINEAR.objectives)
def test_monotone_features_have_no_negative_coefficient(objective: str):
    X, y = rows()
    context = FitContext(NAMES, threads=1, seed=0, monotone_increasing=("b",))
    y -= 0.5 * X[:, 1]
    assert fitted(X, Task(objective, y), 1.0).coefficients[1] < 0
    constrained = fitted(X, Task(objective, y), 1.0, context)
    assert constrained.coefficients[1] == pytest.approx(0, abs=1e-9)
    assert (constrained.coefficients[[0, 2]] > 0).all()


def test_contributions_sum_to_the_output_and_are_zero_at_the_mean():
    X, y = rows()
    model = fitted(X, Task("squared", y), 1.0)
    contributions = model.contributions(X)
    assert contributions.sum(axis=1) == pytest.approx(model.raw(X), abs=1e-9)
    assert contributions[:, :-1].mean(axis=0) == pytest.approx(np.zeros(3), abs=1e-9)
    assert model.contributions(X.mean(axis=0, keepdims=True))[0, :-1] == pytest.approx(np.zeros(3), abs=1e-9)


def test_a_row_has_the_same_output_alone_and_after_loading(tmp_path):
    X, y = rows()
    model = fitted(X, Task("huber", y), 3.0)
    model.save(tmp_path, "model")
    loaded = LINEAR.load(tmp_path, "model", CONTEXT)
    expected = model.raw(X)
    assert loaded.raw(X).tolist() == expected.tolist()
    assert [float(loaded.raw(X[row : row + 1])[0]) for row in range(5)] == expected[:5].tolist()


def test_it_is_a_learner_of_every_run():
    assert LINEAR in LEARNERS
