"""What a user's earlier sessions were worth, against an oracle in plain Python, and what it must never see."""

from __future__ import annotations

import dataclasses

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.config import RunConfig
from core.features.learned.catalogue import START, learned_features
from core.features.learned.prices import Baskets
from core.features.learned.user_values import PRIORS, History, Known, Sessions, user_value_features, value_history
from core.schema import CATEGORY, EVENT_CODE, PRODUCT, TYPE, UNIT, VIEW
from core.training import Training, prepare, train
from core.training.folds import make_folds
from core.training.learned_columns import Times, learn_columns
from core.training.training_set import TrainingSet

rows = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 30), st.integers(0, 5), st.integers(0, 20), st.integers(1, 20)),
    min_size=1,
    max_size=25,
)
"""User, start, length, value, prediction."""


def known_of(log: list[tuple[int, ...]]) -> Known:
    users, starts, lengths, values, predicted = (np.array(column) for column in zip(*log, strict=True))
    return Known(Sessions(users, starts, starts + lengths), values.astype(float), predicted.astype(float))


@settings(max_examples=60, deadline=None, derandomize=True)
@given(log=rows, asked=rows, whenever=st.booleans())
def test_the_history_is_what_a_loop_over_sessions_finds(
    log: list[tuple[int, ...]], asked: list[tuple[int, ...]], whenever: bool
) -> None:
    known, others = known_of(log), known_of(asked).sessions
    for sessions in (known.sessions, others):
        history = value_history(known, sessions, whenever=whenever)
        for place, (user, start) in enumerate(zip(sessions.users, sessions.starts, strict=True)):
            count = [
                number
                for number, (whose, began, length, _, _) in enumerate(log)
                if whose == user and (whenever or began + length < start)
            ]
            assert history.sessions[place] == len(count)
            assert history.values[place] == pytest.approx(sum(log[number][3] for number in count))
            assert history.predicted[place] == pytest.approx(sum(log[number][4] for number in count))


@settings(max_examples=60, deadline=None, derandomize=True)
@given(log=rows, seed=st.integers(0, 999))
def test_no_value_that_is_not_yet_known_counts(log: list[tuple[int, ...]], seed: int) -> None:
    """Values of sessions that had not ended before the first one began, its own among them, may be anything."""
    known = known_of(log)
    late = known.sessions.ends >= known.sessions.starts[0]
    values = np.where(late, np.random.default_rng(seed).random(len(log)), known.values)
    changed = dataclasses.replace(known, values=values)
    before, after = (value_history(each, each.sessions).values[0] for each in (known, changed))
    assert before == pytest.approx(after)


@pytest.mark.parametrize("whenever", [False, True])
def test_a_session_of_both_files_never_counts_its_own_value(whenever: bool) -> None:
    """Its test part begins when its train part has ended, as later events of it would."""
    known = Known(
        Sessions(np.array([1, 1, 2]), np.array([0, 10, 0]), np.array([5, 15, 5])),
        np.array([100.0, 7.0, 50.0]),
        np.array([80.0, 6.0, 40.0]),
    )
    asked = Sessions(np.array([1, 2]), np.array([20, 20]), np.array([30, 30]))
    counted = value_history(known, asked, whenever=whenever)
    assert counted.values.tolist() == [107.0, 50.0]
    itself = dataclasses.replace(asked, itself=np.array([0, -1]))
    without = value_history(known, itself, whenever=whenever)
    assert (without.sessions.tolist(), without.values.tolist()) == ([1, 1], [7.0, 50.0])
    assert without.predicted.tolist() == pytest.approx([6.0, 40.0])
    early = dataclasses.replace(itself, starts=np.array([3, 20]))  # before its train part has ended
    assert value_history(known, early, whenever=whenever).sessions.tolist() == [1 if whenever else 0, 1]


def test_a_user_with_nothing_before_has_a_ratio_of_one_and_others_are_shrunk() -> None:
    history = History.of(np.array([[0, 0.0, 0.0], [1, 30.0, 10.0], [9, 300.0, 100.0], [2, 0.0, 50.0]]))
    assert history.ratio(20.0).tolist() == pytest.approx([1.0, 50 / 30, 320 / 120, 20 / 70])
    assert history.ratio(np.inf).tolist() == [1.0] * 4
    assert history.ratio(0.0).tolist() == pytest.approx([1.0, 3.0, 3.0, 0.0])  # as where all values are 0
    assert history.bucket.tolist() == [0, 1, 2, 1]
    sessions, mean, ratio = user_value_features(history, 20.0).T
    assert sessions.tolist() == [0, 1, 9, 2]
    assert mean.tolist() == pytest.approx([np.nan, 30.0, 300 / 9, 0.0], nan_ok=True)
    assert np.array_equal(ratio, history.ratio(20.0))


def shoppers(strength: float, rows: int = 2400) -> TrainingSet:
    """Users who spend more or less than their clicks tell, by a factor of their own; 0 for no such difference.

    The last 600 sessions are to be predicted.
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
    factor = np.exp(strength * draws.normal(size=users))[user]
    y = prices[products].sum(axis=1) * factor * draws.gamma(8.0, 1 / 8, count)
    starts, none = np.arange(count) * 100, np.zeros(count, dtype=np.int64)
    known, asked = slice(None, rows), slice(rows, None)
    return TrainingSet(
        units=np.arange(rows),
        users=user[known],
        X=draws.normal(size=(rows, 1)),
        y=y[known],
        test_units=np.arange(rows, count),
        X_test=draws.normal(size=(600, 1)),
        classes=none[known],
        test_classes=none[asked],
        names=["n_events"],
        times=Times(*(Sessions(user[part], starts[part], starts[part] + 50) for part in (known, asked))),
        baskets=Baskets.of(events, np.arange(count)),
    )


@pytest.fixture(scope="module", params=[0.8, 0.0], ids=["users differ", "users do not differ"])
def trained(request: pytest.FixtureRequest) -> tuple[float, Training, Training]:
    """How much users differ, and the training with and without their earlier values."""
    data = shoppers(request.param)
    with_them, without = (
        train(prepare(each, RunConfig(folds=3)), known_share=0.0)
        for each in (data, dataclasses.replace(data, times=None))
    )
    return request.param, with_them, without


def test_users_are_predicted_better_by_what_they_were_worth_if_they_differ(
    trained: tuple[float, Training, Training],
) -> None:
    strength, with_them, without = trained
    if strength:
        assert with_them.cv_mse < 0.5 * without.cv_mse
    else:
        assert with_them.cv_mse < 1.02 * without.cv_mse


def test_ratios_are_shrunk_the_more_the_less_users_differ(trained: tuple[float, Training, Training]) -> None:
    strength, training, _ = trained
    place = training.names.index("user_value_ratio")
    spread = np.std(np.log(training.fold_matrix(0, np.arange(len(training.data.y)))[:, place]))
    assert spread > 0.4 if strength else spread < 0.05


def test_the_learners_start_from_recovered_prices_times_the_ratio(trained: tuple[float, Training, Training]) -> None:
    _, training, _ = trained
    assert training.columns is not None
    assert training.start is not None
    for fold, (_, validated) in enumerate(training.folds.splits()):
        rows = training.fold_matrix(fold, validated)
        worth, ratio, start = (
            rows[:, training.names.index(name)] for name in ("recovered_value", "user_value_ratio", START.name)
        )
        assert start == pytest.approx(np.maximum(worth, 0.0) * ratio)
        assert training.start[validated] == pytest.approx(start)
        for fit in training.fits:
            assert fit.oof[validated] == pytest.approx(fit.models[fold].predict(rows, start))


def test_sessions_that_are_all_worth_nothing_are_predicted_to_be() -> None:
    data = shoppers(0.3, rows=600)
    training = train(prepare(dataclasses.replace(data, y=np.zeros(600)), RunConfig(folds=3)), known_share=0.0)
    assert training.test == pytest.approx(np.zeros(600), abs=1e-6)
    assert training.cv_mse == pytest.approx(0.0, abs=1e-9)


def test_the_prior_of_a_fold_is_chosen_without_it() -> None:
    """By an oracle: the least squared error of prices times ratio over the fold's training rows."""
    data = shoppers(0.3, rows=600)
    assert data.baskets is not None
    assert data.times is not None
    folds = make_folds(data.users, 4, seed=1)
    columns = learn_columns(data.baskets, data.y, folds, times=data.times)
    worth, ratio = (columns.names.index(name) for name in ("recovered_value", "user_value_ratio"))
    for fold, (others, _) in enumerate(folds.splits()):
        made = columns.train[fold]
        history = value_history(Known(data.times.train, data.y, np.maximum(made[:, worth], 0.0)), data.times.train)
        ratios = [history.ratio(prior * float(data.y[others].mean())) for prior in PRIORS]
        errors = [np.sum((np.maximum(made[:, worth], 0.0) * each - data.y)[others] ** 2) for each in ratios]
        assert made[:, ratio] == pytest.approx(ratios[int(np.argmin(errors))])


@pytest.mark.parametrize("count", [2, 3, 5])
def test_of_a_folds_values_only_its_own_users_later_sessions_are_told(count: int) -> None:
    """And of them only what came before: all values of a fold are changed, and it is seen which columns move where."""
    data = shoppers(0.5, rows=600)
    assert data.baskets is not None
    assert data.times is not None
    folds = make_folds(data.users, count, seed=1)
    fold_of_test = dict(zip(data.users.tolist(), folds.fold_of.tolist(), strict=True))
    asked_in = np.array([fold_of_test.get(user, -1) for user in data.times.test.users.tolist()])
    for fold in range(count):
        mine = folds.fold_of == fold
        before, after = (
            learn_columns(data.baskets, y, folds, times=data.times)
            for y in (data.y, np.where(mine, data.y * 3, data.y))
        )
        told = [before.names.index(each.feature.name) for each in learned_features() if each.group == "user_values"]
        for one, other, own in (
            (before.train[fold], after.train[fold], mine),
            (before.test[fold], after.test[fold], asked_in == fold),
        ):
            moved = ~np.isclose(one, other, rtol=0, atol=1e-9, equal_nan=True)  # sums over users round
            assert not moved[~own].any()
            assert not np.delete(moved[own], told, axis=1).any()
            assert moved[own][:, told].any()
        first = np.unique(data.users[mine], return_index=True)[1]  # of each user; sessions stand in the order of time
        one, other = (each.train[fold][mine][first] for each in (before, after))
        assert other == pytest.approx(one, abs=1e-9, nan_ok=True)


def test_with_all_rows_a_session_to_predict_knows_its_users_later_values() -> None:
    data = shoppers(0.5, rows=600)
    assert data.baskets is not None
    assert data.times is not None
    early = dataclasses.replace(data.times.test, starts=np.zeros(600, int), ends=np.ones(600, int))
    folds = make_folds(data.users, 3, seed=1)
    counts = [
        learn_columns(data.baskets, data.y, folds, times=Times(data.times.train, early, whenever))
        for whenever in (False, True)
    ]
    place = counts[0].names.index("user_valued_sessions")
    users, sessions = np.unique(data.users, return_counts=True)
    known = dict(zip(users.tolist(), sessions.tolist(), strict=True))
    assert not counts[0].test[0][:, place].any()
    assert counts[1].test[0][:, place].tolist() == [known.get(user, 0) for user in early.users.tolist()]
    assert np.array_equal(counts[0].train[0], counts[1].train[0], equal_nan=True)
