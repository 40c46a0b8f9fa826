"""Features of a user's earlier session values: equal to an oracle in plain Python, and without leakage."""

from __future__ import annotations

import dataclasses

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.config import RunConfig
from core.features.learned.baskets import Baskets
from core.features.learned.catalogue import START, learned_features
from core.features.learned.user_values import (
    History,
    Sessions,
    UserFactor,
    ValuedSessions,
    user_value_features,
    value_history,
)
from core.schema import CATEGORY, EVENT_CODE, PRODUCT, TYPE, UNIT, VIEW
from core.training import Training, prepare, train
from core.training.folds import make_folds
from core.training.learned_columns import learn_columns
from core.training.start import Times
from core.training.training_set import TrainingSet

rows = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 30), st.integers(0, 5), st.integers(0, 20), st.integers(1, 20)),
    min_size=1,
    max_size=25,
)
"""User, start, length, value, prediction."""


def valued_sessions(log: list[tuple[int, ...]]) -> ValuedSessions:
    users, starts, lengths, values, predicted = (np.array(column) for column in zip(*log, strict=True))
    return ValuedSessions(Sessions(users, starts, starts + lengths), values.astype(float), predicted.astype(float))


@settings(max_examples=60, deadline=None, derandomize=True)
@given(log=rows, new_log=rows, include_later=st.booleans())
def test_the_history_equals_a_loop_over_sessions(
    log: list[tuple[int, ...]], new_log: list[tuple[int, ...]], include_later: bool
) -> None:
    valued, new_sessions = valued_sessions(log), valued_sessions(new_log).sessions
    for sessions in (valued.sessions, new_sessions):
        history = value_history(valued, sessions, include_later=include_later)
        for row, (user, start) in enumerate(zip(sessions.users, sessions.starts, strict=True)):
            counted = [
                (value, predicted)
                for other_user, other_start, length, value, predicted in log
                if other_user == user and (include_later or other_start + length < start)
            ]
            assert history.sessions[row] == len(counted)
            assert history.values[row] == pytest.approx(sum(value for value, _ in counted))
            assert history.predicted[row] == pytest.approx(sum(predicted for _, predicted in counted))


@settings(max_examples=60, deadline=None, derandomize=True)
@given(log=rows, seed=st.integers(0, 999))
def test_values_of_sessions_that_have_not_ended_yet_do_not_count(log: list[tuple[int, ...]], seed: int) -> None:
    """The first session's own value is one of them."""
    valued = valued_sessions(log)
    not_ended = valued.sessions.ends >= valued.sessions.starts[0]
    values = np.where(not_ended, np.random.default_rng(seed).random(len(log)), valued.values)
    changed = dataclasses.replace(valued, values=values)
    before, after = (value_history(version, version.sessions).values[0] for version in (valued, changed))
    assert before == pytest.approx(after)


@pytest.mark.parametrize("include_later", [False, True])
def test_a_session_in_both_files_never_counts_its_own_value(include_later: bool) -> None:
    """Its test part begins after its train part has ended."""
    valued = ValuedSessions(
        Sessions(np.array([1, 1, 2]), np.array([0, 10, 0]), np.array([5, 15, 5])),
        np.array([100.0, 7.0, 50.0]),
        np.array([80.0, 6.0, 40.0]),
    )
    in_test_only = Sessions(np.array([1, 2]), np.array([20, 20]), np.array([30, 30]))
    assert value_history(valued, in_test_only, include_later=include_later).values.tolist() == [107.0, 50.0]
    in_both = dataclasses.replace(in_test_only, itself=np.array([0, -1]))
    history = value_history(valued, in_both, include_later=include_later)
    assert (history.sessions.tolist(), history.values.tolist()) == ([1, 1], [7.0, 50.0])
    assert history.predicted.tolist() == pytest.approx([6.0, 40.0])
    overlapping = dataclasses.replace(in_both, starts=np.array([3, 20]))
    n_sessions = value_history(valued, overlapping, include_later=include_later).sessions
    assert n_sessions.tolist() == [1 if include_later else 0, 1]


def test_the_ratio_is_one_without_history_and_shrunk_with_little_history() -> None:
    history = History.of(np.array([[0, 0.0, 0.0], [1, 30.0, 10.0], [9, 300.0, 100.0], [2, 0.0, 50.0]]))
    assert UserFactor(20.0).ratios(history).tolist() == pytest.approx([1.0, 50 / 30, 320 / 120, 20 / 70])
    assert UserFactor(np.inf).ratios(history).tolist() == [1.0] * 4
    assert UserFactor(0.0).ratios(history).tolist() == pytest.approx([1.0, 3.0, 3.0, 0.0])
    assert UserFactor(20.0, fixed=4.0).ratios(history).tolist() == pytest.approx([1.0, 46 / 26, 284 / 84, 20 / 62])
    assert UserFactor(20.0, fixed=20.0).ratios(history).tolist() == pytest.approx([1.0, 30 / 20, 140 / 20, 20 / 30])
    starts = UserFactor(20.0, fixed=4.0).start(np.array([-1.0, 3.0, 14.0, 14.0]), history)
    assert starts.tolist() == pytest.approx([0.0, 3.0, 4 + 10 * 284 / 84, 4 + 10 * 20 / 62])
    assert history.bucket.tolist() == [0, 1, 2, 1]
    sessions, mean, ratio = user_value_features(history, UserFactor(20.0)).T
    assert sessions.tolist() == [0, 1, 9, 2]
    assert mean.tolist() == pytest.approx([np.nan, 30.0, 300 / 9, 0.0], nan_ok=True)
    assert np.array_equal(ratio, UserFactor(20.0).ratios(history))


def shoppers(log_sd: float, rows: int = 2400) -> TrainingSet:
    """Sessions of users who spend more or less than their clicks suggest, by a lognormal factor of their own.

    The first `rows` sessions are training rows, the last 600 are test rows.
    """
    draws = np.random.default_rng(5)
    count, users = rows + 600, 300
    user, products = draws.integers(0, users, count), draws.integers(0, 20, (count, 3))
    prices = draws.gamma(2.0, 10.0, 20)
    events = pl.DataFrame(
        {
            UNIT: np.repeat(np.arange(count), 3),
            PRODUCT: products.ravel(),
            CATEGORY: products.ravel() % 4,
            TYPE: [EVENT_CODE[VIEW]] * (3 * count),
        }
    )
    factor = np.exp(log_sd * draws.normal(size=users))[user]
    y = prices[products].sum(axis=1) * factor * draws.gamma(8.0, 1 / 8, count)
    starts, no_class = np.arange(count) * 100, np.zeros(count, dtype=np.int64)
    in_train, in_test = slice(None, rows), slice(rows, None)
    return TrainingSet(
        units=np.arange(rows),
        users=user[in_train],
        X=draws.normal(size=(rows, 1)),
        y=y[in_train],
        test_units=np.arange(rows, count),
        X_test=draws.normal(size=(600, 1)),
        classes=no_class[in_train],
        test_classes=no_class[in_test],
        names=["n_events"],
        times=Times(*(Sessions(user[part], starts[part], starts[part] + 50) for part in (in_train, in_test))),
        baskets=Baskets.of(events, np.arange(count)),
    )


@pytest.fixture(scope="module", params=[0.8, 0.0], ids=["users differ", "users do not differ"])
def trained(request: pytest.FixtureRequest) -> tuple[float, Training, Training]:
    """Log standard deviation of the users' factors, and a training with and one without their earlier values."""
    data = shoppers(request.param)
    with_history, without_history = (
        train(prepare(version, RunConfig(folds=3)), known_share=0.0)
        for version in (data, dataclasses.replace(data, times=None))
    )
    return request.param, with_history, without_history


def test_earlier_values_improve_the_predictions_only_if_users_differ(trained: tuple[float, Training, Training]) -> None:
    users_differ, with_history, without_history = trained
    if users_differ:
        assert with_history.cv_mse < 0.5 * without_history.cv_mse
    else:
        assert with_history.cv_mse < 1.02 * without_history.cv_mse


def test_ratios_are_shrunk_more_if_users_do_not_differ(trained: tuple[float, Training, Training]) -> None:
    users_differ, training, _ = trained
    column = training.names.index("user_value_ratio")
    spread = np.std(np.log(training.fold_matrix(0, np.arange(len(training.data.y)))[:, column]))
    assert spread > 0.4 if users_differ else spread < 0.05


def test_the_learners_start_from_recovered_prices_times_the_ratio(trained: tuple[float, Training, Training]) -> None:
    _, training, _ = trained
    assert training.columns is not None
    assert training.start is not None
    for fold, (_, validated) in enumerate(training.folds.splits()):
        rows = training.fold_matrix(fold, validated)
        worth, ratio, start = (
            rows[:, training.names.index(name)] for name in ("recovered_value", "user_value_ratio", START.name)
        )
        fixed = np.minimum(np.maximum(worth, 0.0), training.columns.transforms[fold].factor.fixed)
        assert start == pytest.approx(fixed + (np.maximum(worth, 0.0) - fixed) * ratio)
        assert training.start[validated] == pytest.approx(start)
        for fit in training.fits:
            assert fit.oof[validated] == pytest.approx(fit.models[fold].predict(rows, start))


def test_sessions_without_any_value_are_predicted_as_zero() -> None:
    data = shoppers(0.3, rows=600)
    training = train(prepare(dataclasses.replace(data, y=np.zeros(600)), RunConfig(folds=3)), known_share=0.0)
    assert training.test == pytest.approx(np.zeros(600), abs=1e-6)
    assert training.cv_mse == pytest.approx(0.0, abs=1e-9)


def test_the_factor_of_a_fold_minimises_the_squared_error_over_its_training_rows() -> None:
    data = shoppers(0.3, rows=600)
    assert data.baskets is not None
    assert data.times is not None
    folds = make_folds(data.users, 4, seed=1)
    columns = learn_columns(data.baskets, data.y, folds, times=data.times)
    worth, ratio = (columns.names.index(name) for name in ("recovered_value", "user_value_ratio"))
    for fold, (others, _) in enumerate(folds.splits()):
        matrix = columns.train[fold]
        values = np.maximum(matrix[:, worth], 0.0)
        history = value_history(ValuedSessions(data.times.train, data.y, values), data.times.train)
        candidates = UserFactor.candidates(float(data.y[others].mean()))
        errors = [np.sum((factor.start(values, history) - data.y)[others] ** 2) for factor in candidates]
        best = candidates[int(np.argmin(errors))]
        assert matrix[:, ratio] == pytest.approx(best.ratios(history))
        assert matrix[:, columns.names.index(START.name)] == pytest.approx(best.start(values, history))
        assert columns.transforms[fold].factor == best


@pytest.mark.parametrize("count", [2, 3, 5])
def test_values_of_a_fold_reach_only_the_user_value_features_of_later_sessions_of_its_users(count: int) -> None:
    """All values of a fold are changed; only these features of the fold's own users may change."""
    data = shoppers(0.5, rows=600)
    assert data.baskets is not None
    assert data.times is not None
    folds = make_folds(data.users, count, seed=1)
    fold_of_user = dict(zip(data.users.tolist(), folds.fold_of.tolist(), strict=True))
    test_folds = np.array([fold_of_user.get(user, -1) for user in data.times.test.users.tolist()])
    user_value_names = {entry.feature.name for entry in learned_features() if entry.group == "user_values"}
    for fold in range(count):
        in_fold = folds.fold_of == fold
        before, after = (
            learn_columns(data.baskets, y, folds, times=data.times)
            for y in (data.y, np.where(in_fold, data.y * 3, data.y))
        )
        user_value_columns = [before.names.index(name) for name in user_value_names]
        for old, new, of_fold in (
            (before.train[fold], after.train[fold], in_fold),
            (before.test[fold], after.test[fold], test_folds == fold),
        ):
            changed = ~np.isclose(old, new, rtol=0, atol=1e-9, equal_nan=True)  # running sums round
            assert not changed[~of_fold].any()
            assert not np.delete(changed[of_fold], user_value_columns, axis=1).any()
            assert changed[of_fold][:, user_value_columns].any()
        first_sessions = np.unique(data.users[in_fold], return_index=True)[1]  # sessions are in time order
        old, new = (columns.train[fold][in_fold][first_sessions] for columns in (before, after))
        assert new == pytest.approx(old, abs=1e-9, nan_ok=True)


def test_with_all_rows_as_history_a_test_session_counts_later_values_of_its_user() -> None:
    data = shoppers(0.5, rows=600)
    assert data.baskets is not None
    assert data.times is not None
    early = dataclasses.replace(data.times.test, starts=np.zeros(600, int), ends=np.ones(600, int))
    folds = make_folds(data.users, 3, seed=1)
    as_of, all_rows = (
        learn_columns(data.baskets, data.y, folds, times=Times(data.times.train, early, include_later))
        for include_later in (False, True)
    )
    column = as_of.names.index("user_valued_sessions")
    users, sessions = np.unique(data.users, return_counts=True)
    n_sessions = dict(zip(users.tolist(), sessions.tolist(), strict=True))
    assert not as_of.test[0][:, column].any()
    assert all_rows.test[0][:, column].tolist() == [n_sessions.get(user, 0) for user in early.users.tolist()]
    assert np.array_equal(as_of.train[0], all_rows.train[0], equal_nan=True)
