"""Training: folds by user, cross-fitting, the meta-model, the expected score, the certificate.

Expected values are computed independently: by scikit-learn's least squares for the meta-model, by refitting a fold, by
the libraries' own loaders, and from simulated test files for the interval.
"""

from __future__ import annotations

import dataclasses
import math
import statistics
import threading
import time
from collections.abc import Callable
from pathlib import Path

import catboost
import lightgbm
import numpy as np
import polars as pl
import pytest
import xgboost
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LinearRegression

from core.check_result import CheckResult
from core.config import RunConfig
from core.errors import Cancelled, InputError
from core.features import FeatureTable
from core.metric import metric_named
from core.training import (
    LEARNERS,
    Training,
    certify_training,
    leakage_certificate,
    oof_frame,
    prediction_frame,
    prepare,
    train,
    training_set,
)
from core.training.combinations import Combinations
from core.training.cross_fitting import CrossFit, FoldMatrices, cross_fit
from core.training.expected_score import ExpectedScore, expected_score, session_classes
from core.training.fitting import FittedLearner, default_settings, fit_learner
from core.training.folds import Folds, make_folds
from core.training.leakage_certificate import copies_of_target, folds_by_user, oof_complete, planted_leak
from core.training.learners import FitContext, Learner
from core.training.stacking import ALPHAS, Stack, fit_stack
from core.training.training_set import TrainingSet

NAMES = ["clicks", "seconds", "seen", "carts", "gap"]
CONTEXT = FitContext(NAMES, threads=1, seed=7)
BRIEF = dataclasses.replace(CONTEXT, effort=0.1)
SIDE_BY_SIDE = dataclasses.replace(BRIEF, threads=2)
many = settings(derandomize=True, deadline=None, max_examples=60)
each_learner = pytest.mark.parametrize("learner", LEARNERS, ids=lambda learner: learner.name)


def simulated(seed: int = 0, rows: int = 600, users: int = 120, test: int = 90) -> TrainingSet:
    """Return sessions whose value depends on clicks, carts and noise of the user; some gaps are missing."""
    draws = np.random.default_rng(seed)
    X = draws.normal(size=(rows + test, len(NAMES)))
    X[draws.random(rows + test) < 0.3, 4] = np.nan
    user = draws.integers(0, users, rows + test)
    taste = draws.normal(size=users)
    y = np.exp(1.5 + 0.8 * X[:, 0] + 0.5 * np.maximum(X[:, 3], 0) + 0.3 * taste[user] + 0.3 * X[:, 1] ** 2)
    units = np.arange(rows + test)
    classes = (X[:, 0] > 0).astype(np.int64)
    return TrainingSet(
        units=units[:rows],
        users=user[:rows],
        X=X[:rows],
        y=y[:rows],
        test_units=units[rows:],
        X_test=X[rows:],
        classes=classes[:rows],
        test_classes=classes[rows:],
        names=NAMES,
    )


@pytest.fixture(scope="module")
def training() -> Training:
    """A training on simulated sessions; tests must not modify it."""
    return train(prepare(simulated(), RunConfig(folds=3)), known_share=0.1)


# --- folds ------------------------------------------------------------------------------------------------------------


@many
@given(st.integers(2, 8), st.integers(0, 2**31 - 1), st.integers(0, 2**32 - 1))
def test_every_row_is_in_one_fold_and_so_is_every_user(count: int, seed: int, world: int) -> None:
    draws = np.random.default_rng(world)
    present = draws.choice(10**9, size=count * 4 + int(draws.integers(0, 40)), replace=False)
    users = draws.permutation(np.concatenate([present, draws.choice(present, size=50)]))
    folds = make_folds(users, count, seed)
    validated = np.concatenate([rows for _, rows in folds.splits()])
    assert sorted(validated) == list(range(len(users)))
    users_of = [set(users[folds.fold_of == fold]) for fold in range(count)]
    assert sum(map(len, users_of)) == len(present)
    assert max(map(len, users_of)) - min(map(len, users_of)) <= 1


def test_a_split_trains_on_exactly_the_rows_that_it_does_not_validate() -> None:
    folds = make_folds(np.arange(40) // 2, 4, seed=1)
    for train_rows, validated in folds.splits():
        assert sorted([*train_rows, *validated]) == list(range(40))


def test_folds_depend_only_on_the_seed() -> None:
    users = np.random.default_rng(0).integers(0, 200, 900)
    assert np.array_equal(make_folds(users, 5, seed=3).fold_of, make_folds(users, 5, seed=3).fold_of)
    assert not np.array_equal(make_folds(users, 5, seed=3).fold_of, make_folds(users, 5, seed=4).fold_of)


@pytest.mark.parametrize(("users", "count", "needed"), [(19, 5, 20), (7, 2, 8), (0, 5, 20)])
def test_too_few_users_are_refused(users: int, count: int, needed: int) -> None:
    with pytest.raises(InputError) as refused:
        make_folds(np.arange(users).repeat(3), count, seed=0)
    assert (refused.value.code, refused.value.actual, refused.value.allowed) == ("too_few_users", users, needed)


def test_four_users_per_fold_are_enough() -> None:
    assert make_folds(np.arange(20), 5, seed=0).count == 5


# --- cross-fitting ----------------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Memory:
    """A model that predicts 1 for a row whose first column (its user) it was trained on, else 0."""

    seen: frozenset[float]

    def raw(self, X):
        return np.array([float(user in self.seen) for user in X[:, 0]])


class Remembering:
    """A learner that remembers users. One of its fits may fail, and all but the first may have to wait."""

    name = "lightgbm"
    objectives = ("squared",)
    transforms = ("none",)

    def __init__(self, *, fails_at: int | None = None, waits_for: threading.Event | None = None) -> None:
        self.fails_at, self.waits_for, self.started = fails_at, waits_for, 0

    def defaults(self):
        return {}

    def bin(self, matrix, context, held_out=None):
        return RememberedRows(self, matrix())


@dataclasses.dataclass(frozen=True)
class RememberedRows:
    """The rows that a fit of a remembering learner remembers."""

    learner: Remembering
    X: np.ndarray

    def fit(self, task, settings, context):
        self.learner.started += 1
        if self.learner.started == self.learner.fails_at:
            raise ValueError("the library gave up")
        if self.learner.waits_for is not None and self.learner.started > 1:
            assert self.learner.waits_for.wait(timeout=30)
        return Memory(frozenset(self.X[:, 0]))


def matrices(data: TrainingSet, folds: Folds, y: np.ndarray | None = None) -> FoldMatrices:
    return FoldMatrices(data.X, data.y if y is None else y, data.X_test, folds)


def fitted(
    learner: Learner, X: np.ndarray, y: np.ndarray, context: FitContext, *, metric: str = "mse", **settings: object
) -> FittedLearner:
    """Fit with the default settings, changed by `settings`, on all rows and without a start."""
    metric = metric_named(metric)
    return fit_learner(
        learner.bin(lambda: X, context),
        default_settings(learner, metric, y) | ({"transform": "none"} if metric.name == "mse" else {}) | settings,
        context,
        y=y,
        start=None,
        metric=metric,
        matrix=lambda: X,
    )


def fitted_by_memory(learner: Remembering, folds: int = 5, threads: int = 2, report=lambda *progress: None) -> CrossFit:
    users = np.arange(200) // 4
    (fit,) = cross_fit(
        [learner],
        FoldMatrices(
            users[:, None].astype(float),
            np.zeros(200),
            users[:8, None].astype(float),
            make_folds(users, folds, seed=0),
        ),
        context=FitContext(["user"], threads, seed=0),
        settings={learner.name: {"objective": "squared", "transform": "none"}},
        report=report,
    )
    return fit


def test_out_of_fold_predictions_come_from_models_that_never_saw_the_user() -> None:
    fit = fitted_by_memory(Remembering())
    assert set(fit.oof) == {0.0}
    # each test user is in one of five folds, so four of the five models have seen it
    assert fit.test == pytest.approx(np.full(8, 0.8))


@each_learner
def test_refitting_a_fold_by_hand_gives_the_same_out_of_fold_predictions(learner: Learner) -> None:
    data = simulated(seed=1)
    folds = make_folds(data.users, 3, seed=5)
    (fit,) = cross_fit([learner], matrices(data, folds), context=SIDE_BY_SIDE)
    unseen_users = set(data.users[folds.fold_of == 1])
    rest = np.array([user not in unseen_users for user in data.users])
    transform = "sqrt" if "sqrt" in learner.transforms else "none"
    model = fitted(learner, data.X[rest], data.y[rest], BRIEF, transform=transform)
    assert np.array_equal(fit.oof[~rest], model.predict(data.X[~rest], None))
    assert np.array_equal(fit.models[1].predict(data.X_test, None), model.predict(data.X_test, None))
    assert fit.fold_mse[1] == pytest.approx(np.mean((fit.oof[~rest] - data.y[~rest]) ** 2))
    assert fit.test == pytest.approx(np.mean([each.predict(data.X_test, None) for each in fit.models], axis=0))


@each_learner
@pytest.mark.parametrize("rows", [2, 3, 5])
def test_a_learner_fits_a_handful_of_rows(rows: int, learner: Learner) -> None:
    data = simulated(rows=40)
    for seed in range(4):
        model = fitted(learner, data.X[seed : seed + rows], data.y[seed : seed + rows], BRIEF)
        assert np.isfinite(model.predict(data.X_test, None)).all()


@each_learner
def test_values_of_a_fold_do_not_affect_its_own_predictions(learner: Learner) -> None:
    data = simulated(seed=2, rows=300)
    folds = make_folds(data.users, 3, seed=5)
    held_out = folds.fold_of == 2
    changed = np.where(held_out, 1000 - data.y, data.y)
    (before,) = cross_fit([learner], matrices(data, folds), context=SIDE_BY_SIDE)
    (after,) = cross_fit([learner], matrices(data, folds, changed), context=SIDE_BY_SIDE)
    assert np.array_equal(before.oof[held_out], after.oof[held_out])
    assert not np.array_equal(before.oof[~held_out], after.oof[~held_out])


@pytest.mark.parametrize("threads", [2, 13])
def test_the_result_does_not_depend_on_the_number_of_threads(threads: int) -> None:
    """With 2 threads, fits run in parallel. With 13 for 6 fits, each fit has two threads."""
    data = simulated(seed=3, rows=900)
    folds = make_folds(data.users, 2, seed=5)
    alone, together = (
        cross_fit(LEARNERS, matrices(data, folds), context=dataclasses.replace(BRIEF, threads=number))
        for number in (1, threads)
    )
    for one, other in zip(alone, together, strict=True):
        assert one.learner == other.learner
        assert one.oof.tobytes() == other.oof.tobytes()
        assert one.test.tobytes() == other.test.tobytes()
        assert one.fold_mse == other.fold_mse


def test_fits_are_in_the_order_of_the_learners() -> None:
    data = simulated(seed=4, rows=200)
    fits = cross_fit(LEARNERS, matrices(data, make_folds(data.users, 2, 0)), context=SIDE_BY_SIDE)
    assert [fit.learner for fit in fits] == [learner.name for learner in LEARNERS]
    assert all(len(fit.models) == 2 for fit in fits)


def test_a_row_that_no_fold_validates_is_nan() -> None:
    data = simulated(seed=5, rows=200)
    fold_of = make_folds(data.users, 2, seed=0).fold_of.copy()
    fold_of[::10] = -1
    (fit,) = cross_fit([Remembering()], matrices(data, Folds(fold_of, 2, data.users)), context=SIDE_BY_SIDE)
    assert np.array_equal(np.isnan(fit.oof), fold_of == -1)


def test_an_exception_inside_a_fit_is_raised() -> None:
    with pytest.raises(ValueError, match=r"^the library gave up$"):
        fitted_by_memory(Remembering(fails_at=3))


def test_after_a_cancellation_no_further_fit_starts() -> None:
    handled = threading.Event()
    learner = Remembering(waits_for=handled)

    def cancel_after_the_first(part: int, parts: int, text: str) -> None:
        if part == 1:
            raise Cancelled("stopped by hand")

    with pytest.raises(Cancelled, match="stopped by hand"):
        fitted_by_memory(learner, folds=12, threads=1, report=cancel_after_the_first)
    handled.set()  # the fit in progress ends; without cancellation, ten more would follow at once
    time.sleep(0.2)
    assert learner.started <= 2


def test_progress_counts_every_fit() -> None:
    updates: list[tuple[int, int, str]] = []
    fitted_by_memory(Remembering(), folds=4, report=lambda *update: updates.append(update))
    assert updates == [(done, 4, f"LightGBM, {done} of 4 folds") for done in range(5)]


# --- the contract of a learner, run on each ---------------------------------------------------------------------------

Predict = Callable[[np.ndarray], np.ndarray]


def read_lightgbm(path: Path) -> tuple[Predict, list[str], int]:
    model = lightgbm.Booster(model_file=path)
    return model.predict, model.feature_name(), model.num_trees()


def read_xgboost(path: Path) -> tuple[Predict, list[str], int]:
    model = xgboost.Booster(model_file=path)
    return model.inplace_predict, model.feature_names, model.num_boosted_rounds()


def read_catboost(path: Path) -> tuple[Predict, list[str], int]:
    model = catboost.CatBoostRegressor().load_model(str(path))
    return model.predict, model.feature_names_, model.tree_count_


READERS = {
    "lightgbm": (".txt", read_lightgbm),
    "xgboost": (".ubj", read_xgboost),
    "catboost": (".cbm", read_catboost),
}
"""File suffix of saved trees, and the library's own loader, which returns predictor, names and number of trees."""
each_tree_learner = pytest.mark.parametrize(
    "learner", [pytest.param(learner, id=learner.name) for learner in LEARNERS if learner.name in READERS]
)


@each_learner
class TestLearner:
    """The contract of a learner."""

    def test_the_same_data_and_seed_give_the_same_predictions(self, learner: Learner) -> None:
        data = simulated(seed=6, rows=300)
        first, second = (fitted(learner, data.X, data.y, BRIEF).predict(data.X_test, None) for _ in range(2))
        assert first.tobytes() == second.tobytes()

    def test_it_learns(self, learner: Learner) -> None:
        data, new = simulated(seed=7), simulated(seed=8)
        predicted = fitted(learner, data.X, data.y, CONTEXT).predict(new.X, None)
        assert np.mean((predicted - new.y) ** 2) < 0.75 * np.var(new.y)

    def test_columns_without_a_single_number_are_accepted(self, learner: Learner) -> None:
        data = simulated(seed=6, rows=300)
        X = data.X.copy()
        X[:, 2] = np.nan
        model = fitted(learner, X, data.y, BRIEF)
        assert np.isfinite(model.predict(X, None)).all()
        assert model.model.gain()[2] == 0
        assert np.isfinite(model.predict(np.full((3, len(NAMES)), np.nan), None)).all()

    @pytest.mark.parametrize("value", [0.0, 3.3, 12_345.678])
    def test_a_constant_target_is_predicted(self, learner: Learner, value: float) -> None:
        data = simulated(seed=6, rows=300)
        model = fitted(learner, data.X, np.full(300, value), BRIEF)
        assert model.predict(data.X_test, None) == pytest.approx(np.full(len(data.X_test), value), rel=1e-6, abs=1e-6)
        assert model.model.gain().tolist() == [0.0] * len(NAMES)

    def test_contributions_sum_to_the_prediction(self, learner: Learner) -> None:
        data = simulated(seed=6, rows=300)
        model = fitted(learner, data.X, data.y, BRIEF)
        contributions = model.model.contributions(data.X_test)
        assert contributions.shape == (len(data.X_test), len(NAMES) + 1)
        assert contributions.sum(axis=1) == pytest.approx(model.model.raw(data.X_test), rel=1e-3, abs=1e-3)
        assert np.ptp(contributions[:, -1]) == 0

    def test_gain_is_one_non_negative_number_per_feature(self, learner: Learner) -> None:
        data = simulated(seed=6, rows=300)
        gain = fitted(learner, data.X, data.y, BRIEF).model.gain()
        assert gain.shape == (len(NAMES),)
        assert (gain >= 0).all()
        assert NAMES[int(gain.argmax())] == "clicks"

    def test_the_prediction_of_a_row_does_not_depend_on_other_rows(self, learner: Learner) -> None:
        data = simulated(seed=6, rows=300)
        model = fitted(learner, data.X, data.y, BRIEF)
        assert model.predict(data.X_test[4:5], None).tolist() == [model.predict(data.X_test, None)[4]]

    def test_a_fit_changes_neither_its_data_nor_the_folder_it_runs_in(
        self, learner: Learner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        data, again = simulated(seed=6, rows=300), simulated(seed=6, rows=300)
        fitted(learner, data.X, data.y, BRIEF).model.contributions(data.X_test)
        assert np.array_equal(data.X, again.X, equal_nan=True)
        assert np.array_equal(data.y, again.y)
        assert list(tmp_path.iterdir()) == []


def test_the_lowest_effort_is_one_round() -> None:
    assert dataclasses.replace(CONTEXT, effort=1e-9).rounds(400) == 1


@each_tree_learner
class TestTrees:
    """What holds for the boosting libraries only."""

    def test_another_seed_gives_another_model(self, learner: Learner) -> None:
        data = simulated(seed=6, rows=300)
        other = dataclasses.replace(BRIEF, seed=8)
        assert not np.array_equal(
            fitted(learner, data.X, data.y, BRIEF).predict(data.X_test, None),
            fitted(learner, data.X, data.y, other).predict(data.X_test, None),
        )

    def test_the_library_itself_can_load_a_saved_model(self, learner: Learner, tmp_path: Path) -> None:
        data = simulated(seed=6, rows=300)
        model = fitted(learner, data.X, data.y, BRIEF)
        path = model.model.save(tmp_path, "model-fold0")
        ending, read = READERS[learner.name]
        assert path == tmp_path / f"model-fold0{ending}"
        predict, names, _ = read(path)
        assert np.array_equal(np.asarray(predict(data.X_test), dtype=np.float64), model.predict(data.X_test, None))
        assert names == NAMES

    @pytest.mark.parametrize("effort", [0.04, 0.1])
    def test_effort_is_the_share_of_the_usual_rounds(self, learner: Learner, effort: float, tmp_path: Path) -> None:
        data = simulated(seed=6, rows=300)
        path = fitted(learner, data.X, data.y, dataclasses.replace(CONTEXT, effort=effort)).model.save(
            tmp_path, "model"
        )
        _, read = READERS[learner.name]
        assert read(path)[2] == round(learner.defaults()["rounds"] * effort)


# --- the meta-model ---------------------------------------------------------------------------------------------------


def predicted_by_three(seed: int = 0, rows: int = 400) -> tuple[np.ndarray, np.ndarray, Folds]:
    """Return out-of-fold predictions of three learners of different quality, the values, and folds."""
    draws = np.random.default_rng(seed)
    y = draws.gamma(2.0, 20.0, rows)
    noise = draws.normal(size=(rows, 3)) * [8.0, 12.0, 20.0] + draws.normal(size=(rows, 1)) * 6.0
    return 0.8 * y[:, None] + 8.0 + noise, y, make_folds(np.arange(rows) // 2, 5, seed=seed)


def ridge(columns: np.ndarray, y: np.ndarray, alpha: float) -> tuple[np.ndarray, float]:
    """Return weights and intercept by scikit-learn's non-negative least squares.

    The penalty becomes additional rows that pull each weight towards 1/k, with weight alpha times the mean sum of
    squares of a centred column.
    """
    centred, learners = columns - columns.mean(axis=0), columns.shape[1]
    pull = np.sqrt(alpha * (centred**2).sum(axis=0).mean())
    rows = np.vstack([centred, pull * np.eye(learners)])
    labels = np.append(y - y.mean(), np.full(learners, pull / learners))
    weights = LinearRegression(positive=True, fit_intercept=False).fit(rows, labels).coef_
    return weights, float(y.mean() - columns.mean(axis=0) @ weights)


def one_penalty(monkeypatch: pytest.MonkeyPatch, alpha: float) -> None:
    monkeypatch.setattr("core.training.stacking.ALPHAS", (alpha,))


@pytest.mark.parametrize("third", ["helps", "misleads"])
@pytest.mark.parametrize("alpha", [1e-5, 1e-3, 0.1, 1.0])
def test_weights_are_those_of_non_negative_least_squares_shrunk_to_equal_weights(
    alpha: float, third: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    one_penalty(monkeypatch, alpha)
    oof, y, folds = predicted_by_three()
    if third == "misleads":
        oof[:, 2] = 60 - y + np.random.default_rng(1).normal(size=len(y)) * 30
    stack, (weights, intercept) = fit_stack(oof, y, folds), ridge(oof, y, alpha)
    assert stack.alpha == alpha
    assert stack.weights == pytest.approx(weights, abs=1e-4)
    assert stack.intercept == pytest.approx(intercept, abs=1e-2)
    assert (stack.weights[2] == 0) == (third == "misleads" and alpha < 1)


@pytest.mark.parametrize("alpha", [1e-3, 1.0])
def test_nested_predictions_are_those_of_a_ridge_on_the_other_folds(
    alpha: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    one_penalty(monkeypatch, alpha)
    oof, y, folds = predicted_by_three(seed=1)
    stack = fit_stack(oof, y, folds)
    for others, validated in folds.splits():
        weights, intercept = ridge(oof[others], y[others], alpha)
        by_hand = np.maximum(oof[validated] @ weights + intercept, 0)
        assert stack.oof[validated] == pytest.approx(by_hand, abs=1e-2)


@pytest.mark.parametrize("seed", range(4))
def test_the_penalty_follows_the_one_standard_error_rule(seed: int) -> None:
    oof, y, folds = predicted_by_three(seed=seed, rows=48)
    errors: dict[float, list[float]] = {alpha: [] for alpha in ALPHAS}
    for others, validated in folds.splits():
        for alpha in ALPHAS:
            weights, intercept = ridge(oof[others], y[others], alpha)
            errors[alpha].append(float(((oof[validated] @ weights + intercept - y[validated]) ** 2).sum()))
    best = min(errors.values(), key=sum)
    worse = {
        alpha: [error - lowest for error, lowest in zip(each, best, strict=True)] for alpha, each in errors.items()
    }
    near = [alpha for alpha, each in worse.items() if sum(each) <= statistics.stdev(each) * math.sqrt(len(each))]
    assert fit_stack(oof, y, folds).alpha == max(near)


def test_few_noisy_rows_get_a_larger_penalty_than_many_clean_ones() -> None:
    draws = np.random.default_rng(0)
    oof, y, folds = predicted_by_three(rows=4000)
    assert fit_stack(oof, y, folds).alpha <= 0.01
    few = draws.gamma(2.0, 20.0, 40)
    stack = fit_stack(few[:, None] + draws.normal(size=(40, 3)) * 30, few, make_folds(np.arange(40), 5, seed=0))
    assert stack.alpha >= 0.1


def test_the_largest_penalty_leaves_the_plain_mean(monkeypatch: pytest.MonkeyPatch) -> None:
    one_penalty(monkeypatch, max(ALPHAS))
    oof, y, folds = predicted_by_three()
    assert fit_stack(oof, y, folds).weights == pytest.approx([1 / 3] * 3, abs=0.01)


@many
@given(st.integers(0, 4), st.integers(0, 2**32 - 1))
def test_values_of_a_fold_do_not_affect_its_nested_predictions(fold: int, world: int) -> None:
    oof, y, folds = predicted_by_three(rows=80)
    in_fold = folds.fold_of == fold
    changed = np.where(in_fold, np.random.default_rng(world).gamma(2.0, 500.0, 80), y)
    before, after = fit_stack(oof, y, folds), fit_stack(oof, changed, folds)
    assert before.oof[in_fold].tobytes() == after.oof[in_fold].tobytes()
    assert not np.array_equal(before.oof[~in_fold], after.oof[~in_fold])


def test_learner_predictions_of_a_row_affect_only_its_own_prediction_in_the_fold() -> None:
    """The meta-model of a fold is fitted on the predictions for the other folds."""
    oof, y, folds = predicted_by_three()
    (_, rows), *_ = folds.splits()
    changed = oof.copy()
    changed[rows[0]] += 5.0
    before, after = fit_stack(oof, y, folds), fit_stack(changed, y, folds)
    assert np.array_equal(before.oof[rows[1:]], after.oof[rows[1:]])
    assert after.oof[rows[0]] > before.oof[rows[0]]


def test_the_stack_scales_with_the_values() -> None:
    oof, y, folds = predicted_by_three()
    one, thousand = fit_stack(oof, y, folds), fit_stack(1000 * oof, 1000 * y, folds)
    assert thousand.alpha == one.alpha
    assert thousand.weights == pytest.approx(one.weights)
    assert thousand.oof == pytest.approx(1000 * one.oof)


def test_a_constant_error_of_a_learner_does_not_matter() -> None:
    oof, y, folds = predicted_by_three()
    one, shifted = fit_stack(oof, y, folds), fit_stack(oof + np.array([300.0, -40.0, 0.0]), y, folds)
    assert shifted.weights == pytest.approx(one.weights, rel=1e-4)
    assert shifted.oof == pytest.approx(one.oof, rel=1e-4, abs=1e-3)


def test_the_order_of_learners_and_of_rows_does_not_matter() -> None:
    oof, y, folds = predicted_by_three()
    rows = np.random.default_rng(0).permutation(len(y))
    one, other = fit_stack(oof, y, folds), fit_stack(oof[rows][:, [2, 0, 1]], y[rows], folds.part(rows))
    assert other.weights == pytest.approx(one.weights[[2, 0, 1]])
    assert other.oof == pytest.approx(one.oof[rows])


@many
@given(
    st.lists(st.floats(0, 1e6), min_size=1, max_size=4),
    st.floats(0, 1e6),
    st.integers(2, 6),
)
def test_learners_that_predict_constants_give_the_mean(constants: list[float], level: float, count: int) -> None:
    y = level + np.random.default_rng(0).gamma(1.0, 5.0, 60)
    folds = make_folds(np.arange(60), count, seed=0)
    stack = fit_stack(np.tile(constants, (60, 1)), y, folds)
    assert stack.weights.tolist() == [0.0] * len(constants)
    assert stack.intercept == pytest.approx(y.mean())
    for others, validated in folds.splits():
        assert stack.oof[validated] == pytest.approx(np.full(len(validated), y[others].mean()))


@many
@given(st.floats(0, 1e6), st.floats(-1e-7, 1e-7))
def test_the_stack_predicts_a_constant_target(value: float, rounding: float) -> None:
    """Learners that work in single precision miss a constant by some parts in 10 million."""
    columns = np.tile([value, value * (1 + rounding), value], (60, 1))
    stack = fit_stack(columns, np.full(60, value), make_folds(np.arange(60), 3, seed=0))
    assert stack.oof == pytest.approx(np.full(60, value))
    assert stack.predict(columns[:1]) == pytest.approx([value])


def test_adding_a_constant_learner_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    one_penalty(monkeypatch, 0.0)
    oof, y, folds = predicted_by_three()
    without, added = fit_stack(oof, y, folds), fit_stack(np.column_stack([oof, np.full(len(y), 33.3)]), y, folds)
    assert added.weights == pytest.approx([*without.weights, 0.0], abs=1e-6)
    assert added.oof == pytest.approx(without.oof)


@pytest.mark.parametrize("level", [0.0, 1e3, 1e5])
@pytest.mark.parametrize("apart", [0.0, 1e-7])
def test_learners_that_predict_the_same_share_the_weight(
    level: float, apart: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    one_penalty(monkeypatch, 0.0)
    oof, y, folds = predicted_by_three()
    draws = np.random.default_rng(0)
    copies = np.column_stack([oof[:, 0] + apart * draws.normal(size=len(y)) for _ in range(3)]) + level
    single, triple = fit_stack(copies[:, :1], y + level, folds), fit_stack(copies, y + level, folds)
    assert triple.weights.sum() == pytest.approx(single.weights.sum(), rel=1e-3)
    assert triple.oof == pytest.approx(single.oof, abs=0.1)
    if not apart:
        assert np.ptp(triple.weights) < 1e-4


@many
@given(st.integers(0, 2**32 - 1), st.floats(-100, 100))
def test_no_prediction_is_negative(world: int, level: float) -> None:
    draws = np.random.default_rng(world)
    y = draws.gamma(0.3, 10.0, 60)
    oof = y[:, None] + level + draws.normal(size=(60, 3)) * 10
    stack = fit_stack(oof, y, make_folds(np.arange(60), 3, seed=0))
    assert (stack.oof >= 0).all()
    assert (stack.predict(oof - 1000) >= 0).all()
    assert (stack.weights >= 0).all()


def test_a_session_without_learner_predictions_is_nan() -> None:
    stack = Stack(np.array([0.5, 0.5]), 1.0, 0.0, np.empty(0))
    assert np.isnan(stack.predict(np.array([[np.nan, 2.0], [1.0, 2.0]]))).tolist() == [True, False]


def test_on_average_the_stack_is_no_worse_than_its_best_learner() -> None:
    best, stacked = [], []
    for seed in range(25):
        oof, y, folds = predicted_by_three(seed=seed)
        best.append(((oof - y[:, None]) ** 2).mean(axis=0).min())
        stacked.append(((fit_stack(oof, y, folds).oof - y) ** 2).mean())
    assert np.mean(stacked) < np.mean(best)


# --- the expected score -----------------------------------------------------------------------------------------------

SHORT, LONG = 0, 2


def expected(errors, *, test_classes, classes=None, users=None, known_share=0.0, seed=0) -> ExpectedScore:
    errors = np.asarray(errors, dtype=float)
    return expected_score(
        errors,
        users=np.arange(len(errors)) if users is None else users,
        classes=np.zeros(len(errors), dtype=np.int64) if classes is None else np.asarray(classes),
        test_classes=np.asarray(test_classes, dtype=np.int64),
        known_share=known_share,
        seed=seed,
    )


def test_for_a_test_file_like_train_the_expected_score_is_the_mean() -> None:
    errors = np.random.default_rng(0).gamma(1.0, 5.0, 300)
    classes = np.arange(300) % 3
    assert expected(errors, classes=classes, test_classes=np.tile(classes, 2)).value == pytest.approx(errors.mean())


def test_for_a_test_file_of_long_sessions_the_expected_score_is_their_error() -> None:
    score = expected([1.0] * 90 + [100.0] * 10, classes=[SHORT] * 90 + [LONG] * 10, test_classes=[LONG] * 40)
    assert score.value == pytest.approx(100.0)


@many
@given(st.integers(0, 2**32 - 1))
def test_the_expected_score_weights_class_errors_by_their_share_in_test(world: int) -> None:
    draws = np.random.default_rng(world)
    classes, test_classes = draws.integers(0, 6, 40), draws.integers(0, 6, 30)
    errors = draws.gamma(0.5, 10.0, 40)
    shared = [each for each in range(6) if each in classes and each in test_classes]
    mix = np.array([np.count_nonzero(test_classes == each) for each in shared], dtype=float)
    means = np.array([errors[classes == each].mean() for each in shared])
    score = expected(errors, classes=classes, test_classes=test_classes, users=draws.integers(0, 12, 40))
    assert score.value == pytest.approx((mix * means).sum() / mix.sum())


@pytest.mark.parametrize("test_classes", [[], [7, 8, 9]], ids=["no test rows", "no class of train"])
def test_without_common_classes_the_expected_score_is_the_mean(test_classes: list[int]) -> None:
    assert expected([1.0, 2.0, 6.0], test_classes=test_classes).value == pytest.approx(3.0)


def test_sessions_known_from_train_count_as_error_0() -> None:
    errors = np.random.default_rng(0).gamma(1.0, 5.0, 300)
    none, quarter, all_of_them = (
        expected(errors, test_classes=np.zeros(100), known_share=share) for share in (0.0, 0.25, 1.0)
    )
    assert dataclasses.astuple(quarter) == pytest.approx(tuple(0.75 * part for part in dataclasses.astuple(none)))
    assert dataclasses.astuple(all_of_them) == (0.0, 0.0, 0.0)


@many
@given(st.integers(0, 2**32 - 1), st.integers(1, 60), st.integers(1, 20), st.booleans())
def test_the_interval_contains_the_value(world: int, rows: int, users: int, equal: bool) -> None:
    draws = np.random.default_rng(world)
    errors = np.full(rows, 0.1) if equal else draws.lognormal(0.0, 3.0, rows)
    score = expected(errors, test_classes=np.zeros(10), users=draws.integers(0, users, rows), seed=world % 1000)
    assert 0 <= score.low <= score.value <= score.high


def test_more_train_rows_and_more_test_rows_narrow_the_interval() -> None:
    errors = np.random.default_rng(0).gamma(1.0, 5.0, 4000)

    def width(train_rows: int, test_rows: int) -> float:
        score = expected(errors[:train_rows], test_classes=np.zeros(test_rows))
        return score.high - score.low

    assert width(4000, 1000) < 0.8 * width(500, 1000)
    assert width(1000, 4000) < 0.7 * width(1000, 200)


def test_sessions_of_the_same_user_widen_the_interval() -> None:
    errors = np.random.default_rng(0).gamma(1.0, 5.0, 50).repeat(20)
    apart = expected(errors, test_classes=np.zeros(1000))
    by_user = expected(errors, test_classes=np.zeros(1000), users=np.arange(50).repeat(20))
    assert by_user.high - by_user.low > 2 * (apart.high - apart.low)


def test_the_same_seed_gives_the_same_numbers() -> None:
    errors = np.random.default_rng(0).gamma(1.0, 5.0, 300)
    first, again, other = (expected(errors, test_classes=np.zeros(100), seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert first.value == other.value
    assert first.high != other.high


@pytest.mark.parametrize(
    "draw",
    [
        lambda draws, rows: draws.chisquare(1, rows),
        lambda draws, rows: draws.lognormal(0.0, 1.5, rows),
        lambda draws, rows: draws.standard_t(5, rows) ** 2,
    ],
    ids=["normal errors", "lognormal, heavy", "t5 squared, heavy"],
)
def test_the_interval_has_about_its_nominal_coverage_of_new_test_files(draw) -> None:
    draws = np.random.default_rng(0)

    def errors(rows: int) -> tuple[np.ndarray, np.ndarray]:
        """Return squared errors that are correlated within users, and the users; about three sessions each."""
        users = draws.integers(0, max(rows // 3, 1), rows)
        return draw(draws, rows) * draws.gamma(2.0, 0.5, rows)[users], users

    held = 0
    for seed in range(200):
        seen, users = errors(1000)
        to_come, _ = errors(600)
        score = expected(seen, test_classes=np.zeros(600), users=users, seed=seed)
        held += score.low <= to_come.mean() <= score.high
    assert 0.80 <= held / 200 <= 0.97


def test_session_classes_distinguish_lengths_and_known_users() -> None:
    events = np.array([1] * 50 + [2] * 20 + [5] * 20 + [40] * 10, dtype=float)
    known = np.arange(100) % 2
    classes = session_classes(pl.DataFrame({"n_events": events, "user_is_known": known}))
    members = {}
    for label, length, seen in zip(classes.tolist(), events, known, strict=True):
        assert members.setdefault(label, (length, seen)) == (length, seen)
    assert len(members) == 8
    assert sorted(members) == sorted(members, key=lambda label: members[label])


@pytest.mark.parametrize(("test_starts_at", "trains_on"), [(100, [0, 1]), (0, [0, 1, 2])])
def test_a_session_cut_by_a_split_by_date_does_not_train(test_starts_at: int, trains_on: list[int]) -> None:
    """If the times of the files overlap, they were not split by date, and a session in both is not cut in two."""
    units = pl.DataFrame(
        {
            "unit": range(6),
            "session": [50, 51, 52, 52, 53, 54],
            "role": [0, 0, 0, 1, 1, 1],
            "user": [10, 11, 12, 12, 10, 13],
            "value": [1.0, 2.0, 9.0, None, None, None],
            "composite": [False] * 6,
            "start": [10, 20, 99, test_starts_at, 120, 130],
            "known_value": [None, None, None, 9.0, None, None],
        }
    )
    values = pl.DataFrame({"n_events": [1.0] * 6, "user_is_known": [0.0] * 6, "duration": [30.0] * 6})
    data = training_set(FeatureTable(units, values))
    assert data.units.tolist() == trains_on
    assert data.test_units.tolist() == [3, 4, 5]
    assert data.known_value_mask is not None
    assert data.known_value_mask.tolist() == [True, False, False]


# --- the certificate --------------------------------------------------------------------------------------------------


def by_code(checks: list[CheckResult]) -> dict[str, CheckResult]:
    return {check.code: check for check in checks}


def with_data(training: Training, **changes: object) -> Training:
    return dataclasses.replace(training, data=dataclasses.replace(training.data, **changes))


def test_honest_training_passes_every_check(training: Training) -> None:
    checks = certify_training(training)
    assert {check.code: check.outcome for check in checks} == dict.fromkeys(
        ["folds_by_user", "oof_complete", "shuffled_target", "planted_leak"], "passed"
    )
    explanations = {check.code: check.explanation for check in checks}
    users = len(set(training.data.users))
    assert explanations["folds_by_user"] == f"{users} users in 3 folds. Users in both parts of any fold: 0."
    assert explanations["oof_complete"] == "600 of 600 train sessions have an out-of-fold prediction."
    assert explanations["shuffled_target"].endswith(". Up to 0.02 is expected by chance.")
    assert explanations["planted_leak"] == "Features that copy the value: none. The planted copy was detected."


def test_a_user_in_two_folds_fails_the_check(training: Training) -> None:
    fold_of = training.folds.fold_of.copy()
    users = training.data.users
    row = next(row for row in range(len(users)) if np.count_nonzero(users == users[row]) > 1)
    fold_of[row] = (fold_of[row] + 1) % 3
    check = folds_by_user(dataclasses.replace(training.folds, fold_of=fold_of))
    assert check.outcome == "failed"
    assert check.explanation == f"{len(set(users))} users in 3 folds. Users in both parts of any fold: 1."


def test_a_session_without_an_out_of_fold_prediction_fails_the_check(training: Training) -> None:
    oof = training.stack.oof.copy()
    oof[[3, 5]] = np.nan
    check = oof_complete(oof, training.folds)
    assert check.outcome == "failed"
    assert check.explanation == "598 of 600 train sessions have an out-of-fold prediction."


class LeakyFolds(Folds):
    """Folds that train on the rows that they validate."""

    def train_mask(self, fit: int) -> np.ndarray:
        return np.ones(len(self.fold_of), dtype=bool)


def test_training_on_validated_rows_is_detected_by_a_shuffled_target(training: Training) -> None:
    leaky = dataclasses.replace(training, folds=LeakyFolds(training.folds.fold_of, 3, training.data.users))
    check = by_code(certify_training(leaky))["shuffled_target"]
    assert check.outcome == "failed"
    r2 = float(check.explanation.removeprefix("With shuffled values, the out-of-fold R² is ").split(". ")[0])
    assert 0.02 < r2 <= 1


@pytest.mark.parametrize(
    "disguise",
    [lambda y: y, lambda y: 1 / (1 + y), np.sqrt, lambda y: np.where(np.arange(len(y)) % 3 == 0, np.nan, y)],
    ids=["as it is", "turned round", "bent", "with gaps"],
)
def test_a_feature_that_copies_the_value_fails_the_check(training: Training, disguise) -> None:
    X = training.data.X.copy()
    X[:, 2] = disguise(training.data.y)
    check = by_code(certify_training(with_data(training, X=X)))["planted_leak"]
    assert check.outcome == "failed"
    assert check.explanation == "Features that copy the value: seen. The planted copy was detected."


def test_a_detector_that_misses_the_planted_copy_fails_the_check(
    training: Training, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leakage_certificate, "_COPY_CORRELATION", 1.5)
    check = planted_leak(training.data.X, training.data.y, NAMES)
    assert check.outcome == "failed"
    assert check.explanation == "Features that copy the value: none. The planted copy was not detected."


def test_a_feature_known_in_a_handful_of_rows_is_no_copy() -> None:
    """Any two rows are in the same or the opposite order as their values."""
    y = np.arange(1.0, 101.0)
    X = np.full((100, 2), np.nan)
    X[[4, 70], 0] = [1.0, 9.0]
    X[:8, 1] = y[:8]
    assert copies_of_target(X, y, ["two rows", "eight rows"]) == ["eight rows"]


def test_a_count_of_purchases_is_no_copy_of_the_value() -> None:
    draws = np.random.default_rng(0)
    bought = draws.poisson(0.06, 4000)
    y = np.where(bought > 0, draws.gamma(2.0, 50.0, 4000), 0.0)
    X = np.column_stack([bought, bought > 0, np.sqrt(y), np.where(bought > 0, -y, 0.0)])
    assert copies_of_target(X, y, ["buys", "any", "bent", "turned"]) == ["bent", "turned"]
    assert planted_leak(X[:, :2], y, ["buys", "any"]).outcome == "passed"


def test_the_planted_copy_is_no_exact_one(training: Training, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leakage_certificate, "_COPY_CORRELATION", 1 - 1e-9)
    assert "was not detected" in planted_leak(training.data.X, training.data.y, NAMES).explanation


def test_for_folds_forward_in_time_chance_is_measured_on_validated_rows(training: Training) -> None:
    """The most extreme value may fall into the first stretch, which no fold validates."""
    y = np.random.default_rng(1).uniform(1.0, 2.0, 600)
    y[0] = 1000.0
    folds = make_folds(np.arange(600), 3, 7, kind="forward", starts=np.arange(600.0))
    seed = next(
        seed for seed in range(1000) if not folds.validated_mask[np.random.default_rng(seed).permutation(600).argmin()]
    )
    forward = dataclasses.replace(
        with_data(training, y=y), folds=folds, context=dataclasses.replace(training.context, seed=seed)
    )
    check = leakage_certificate.shuffled_target(forward)
    assert check.outcome == "passed", check.explanation


def test_a_constant_feature_is_no_copy() -> None:
    assert copies_of_target(np.ones((50, 1)), np.arange(50.0), ["constant"]) == []


def test_with_equal_values_the_checks_on_values_do_not_apply(training: Training) -> None:
    checks = by_code(certify_training(with_data(training, y=np.full(600, 4.2))))
    for code in ("shuffled_target", "planted_leak"):
        assert checks[code].outcome == "not_applicable"
        assert checks[code].explanation == "All session values are equal."
    assert checks["folds_by_user"].outcome == checks["oof_complete"].outcome == "passed"


def test_weights_of_any_rows_have_a_mean_of_1() -> None:
    data = simulated()
    ages = np.linspace(0.0, 60.0, len(data.y))
    matrices = FoldMatrices(data.X, data.y, data.X_test, make_folds(data.users, 3, seed=7), weights=0.5 ** (ages / 7))
    newest, oldest = (matrices.normalized_weights(rows) for rows in (np.arange(100), np.arange(500, 600)))
    assert newest.mean() == pytest.approx(1.0)
    assert np.allclose(newest, oldest)
    faded = dataclasses.replace(matrices, weights=np.zeros(len(data.y)))
    assert (faded.normalized_weights(np.arange(10)) == 1.0).all()


def test_sessions_with_a_known_value_are_left_out_of_the_expected_score() -> None:
    data = simulated()
    known_value_mask = data.test_classes == 1
    known = dataclasses.replace(data, known_value_mask=known_value_mask)
    unknown_only = dataclasses.replace(data, test_classes=data.test_classes[~known_value_mask])
    scores = [train(prepare(each, RunConfig(folds=3)), known_share=0.2).expected_mse for each in (known, unknown_only)]
    assert scores[0] == scores[1]
    config = RunConfig(folds=3, use_known_values=False)
    whole, plain = (train(prepare(each, config), known_share=0.0).expected_mse for each in (known, data))
    assert whole == plain


# --- the whole training -----------------------------------------------------------------------------------------------


def test_the_score_is_that_of_the_nested_predictions(training: Training) -> None:
    y = training.data.y
    assert training.cv_mse == pytest.approx(np.mean((training.stack.oof - y) ** 2))
    assert training.learner_mse() == {fit.learner: pytest.approx(np.mean((fit.oof - y) ** 2)) for fit in training.fits}
    assert training.expected == expected_score(
        (training.stack.oof - y) ** 2,
        users=training.data.users,
        classes=training.data.classes,
        test_classes=training.data.test_classes,
        known_share=0.1,
        seed=7,
    )
    assert training.cv_mse < 0.6 * np.var(y)


def test_learners_meta_model_and_score_use_the_same_folds(training: Training) -> None:
    assert np.array_equal(training.folds.fold_of, make_folds(training.data.users, 3, seed=7).fold_of)
    columns = np.column_stack([fit.oof for fit in training.fits])
    again = Combinations(columns, training.data.y, training.folds, start=training.start).best()
    assert np.array_equal(again.oof, training.stack.oof)
    assert training.test.tolist() == again.predict(np.column_stack([fit.test for fit in training.fits])).tolist()


def test_tables_have_one_row_per_unit_and_one_column_per_predictor(training: Training) -> None:
    predictors = [learner.name for learner in LEARNERS] + ["stack"]
    oof, predictions = oof_frame(training), prediction_frame(training)
    assert oof.columns == ["unit", "fold", "value", *predictors]
    assert oof.get_column("unit").to_list() == list(range(600))
    ends = ["low_80", "high_80", "low_95", "high_95"]
    assert predictions.columns == ["unit", *predictors, *ends]
    assert predictions.get_column("unit").to_list() == list(range(600, 690))
    assert not oof.null_count().sum_horizontal().item()
    assert not any(column.is_nan().any() for column in oof.iter_columns() if column.dtype.is_float())


@pytest.mark.parametrize("value", [0.0, 3.3])
def test_training_on_equal_values_predicts_that_value(value: float) -> None:
    data = dataclasses.replace(simulated(rows=120, users=30), y=np.full(120, value))
    training = train(prepare(data, RunConfig(folds=2)), known_share=0.0)
    assert training.test == pytest.approx(np.full(90, value), rel=1e-6, abs=1e-6)
    assert training.cv_mse == pytest.approx(0.0, abs=1e-9)
    assert np.isfinite(dataclasses.astuple(training.expected)).all()


def test_composite_sessions_do_not_train() -> None:
    units = pl.DataFrame(
        {
            "unit": range(6),
            "session": [50, 51, 51, 53, 54, 55],
            "role": [0, 0, 0, 0, 1, 1],
            "user": [10, 11, 12, 13, 10, 14],
            "value": [1.0, 2.0, 2.0, 4.0, None, None],
            "composite": [False, True, True, False, False, True],
            "start": [100 * unit for unit in range(6)],
            "known_value": [None, None, None, None, 4.0, None],
        }
    )
    values = pl.DataFrame({"n_events": [1.0, 2, 3, 4, 5, 6], "user_is_known": [0.0, 0, 0, 0, 1, 0], "gap": [None] * 6})
    values = values.with_columns(duration=pl.lit(30.0))
    chosen = training_set(FeatureTable(units, values.cast(pl.Float64)))
    trains_on = [0, 3]
    assert chosen.units.tolist() == trains_on
    assert chosen.users.tolist() == [10 + unit for unit in trains_on]
    assert chosen.X[:, 0].tolist() == [unit + 1 for unit in trains_on]
    assert np.isnan(chosen.X[:, 2]).all()
    assert chosen.y.tolist() == [[1.0, 2.0, 2.0, 4.0][unit] for unit in trains_on]
    assert chosen.test_units.tolist() == [4, 5]
    assert chosen.known_value_mask.tolist() == [True, False]
    assert chosen.names == ["n_events", "user_is_known", "gap", "duration"]
    assert chosen.times is not None
    assert chosen.times.train.ends.tolist() == [30, 330]
