"""The user factor against an oracle in plain Python, and what it must never see."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.config import RunConfig
from core.training.folds import make_folds
from core.training.train import TrainingSet, train
from core.training.user_factor import (
    PRIORS,
    History,
    Known,
    Sessions,
    fit_user_factor,
    own_history,
    value_history,
)

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
@given(log=rows, asked=rows, all_rows=st.booleans())
def test_the_history_is_what_a_loop_over_sessions_finds(
    log: list[tuple[int, ...]], asked: list[tuple[int, ...]], all_rows: bool
) -> None:
    known, others = known_of(log), known_of(asked).sessions
    own, of_others = own_history(known, all_rows=all_rows), value_history(known, others, all_rows=all_rows)
    for history, sessions, same in ((own, known.sessions, True), (of_others, others, False)):
        for place, (user, start) in enumerate(zip(sessions.users, sessions.starts, strict=True)):
            count = [
                number
                for number, (whose, began, length, _, _) in enumerate(log)
                if whose == user and (all_rows or began + length < start) and not (same and number == place)
            ]
            assert history.sessions[place] == len(count)
            assert history.values[place] == pytest.approx(sum(log[number][3] for number in count))
            assert history.predicted[place] == pytest.approx(sum(log[number][4] for number in count))


@settings(max_examples=60, deadline=None, derandomize=True)
@given(log=rows, seed=st.integers(0, 999))
def test_as_of_no_value_that_is_not_yet_known_counts(log: list[tuple[int, ...]], seed: int) -> None:
    """Values of sessions that had not ended before the first one began, its own among them, may be anything."""
    known = known_of(log)
    late = known.sessions.ends >= known.sessions.starts[0]
    values = np.where(late, np.random.default_rng(seed).random(len(log)), known.values)
    changed = dataclasses.replace(known, values=values)
    before, after = (own_history(each, all_rows=False).values[0] for each in (known, changed))
    assert before == pytest.approx(after)


def test_a_user_with_nothing_before_has_a_factor_of_one_and_others_are_shrunk() -> None:
    history = History.of(np.array([[0, 0.0, 0.0], [1, 30.0, 10.0], [9, 300.0, 100.0], [2, 0.0, 50.0]]))
    assert history.factor(20.0).tolist() == pytest.approx([1.0, 50 / 30, 320 / 120, 20 / 70])
    assert history.factor(np.inf).tolist() == [1.0] * 4
    assert history.bucket.tolist() == [0, 1, 2, 1]


def shoppers(strength: float) -> TrainingSet:
    """Users who spend more or less than their clicks tell, by a factor of their own; 0 for no such difference."""
    draws = np.random.default_rng(5)
    count, users = 3000, 300
    user = draws.integers(0, users, count)
    X = draws.gamma(2.0, 1.0, (count, 1))
    y = 10.0 * X[:, 0] * np.exp(strength * draws.normal(size=users))[user] * draws.gamma(4.0, 0.25, count)
    starts = np.arange(count) * 100
    none = np.zeros(count, dtype=np.int64)
    train_rows, test_rows = slice(None, 2400), slice(2400, None)
    return TrainingSet(
        units=np.arange(2400),
        users=user[train_rows],
        X=X[train_rows],
        y=y[train_rows],
        test_units=np.arange(2400, count),
        X_test=X[test_rows],
        classes=none[train_rows],
        test_classes=none[test_rows],
        names=["n_events"],
        sessions=Sessions(user[train_rows], starts[train_rows], starts[train_rows] + 50),
        test_sessions=Sessions(user[test_rows], starts[test_rows], starts[test_rows] + 50),
    )


def test_users_who_differ_are_predicted_better_with_their_factor() -> None:
    training = train(shoppers(0.8), RunConfig(folds=3), known_share=0.0)
    without = np.mean((training.stack.oof - training.data.y) ** 2)
    assert training.cv_mse < 0.8 * without
    assert np.isfinite(training.factors.train.prior)
    assert training.oof == pytest.approx(training.stack.oof * training.factors.train.oof)


def test_users_who_do_not_differ_get_next_to_no_factor() -> None:
    training = train(shoppers(0.0), RunConfig(folds=3), known_share=0.0)
    without = np.mean((training.stack.oof - training.data.y) ** 2)
    assert training.cv_mse < 1.01 * without
    assert training.factors.train.prior >= 16 * training.data.y.mean()


def test_the_prior_of_a_fold_is_chosen_by_the_other_folds() -> None:
    draws = np.random.default_rng(1)
    users = np.repeat(np.arange(40), 5)
    y, predicted = draws.gamma(1.0, 10.0, 200), np.full(200, 10.0)
    known = Known(Sessions(users, np.arange(200) * 10, np.arange(200) * 10 + 1), y, predicted)
    history, folds = own_history(known, all_rows=False), make_folds(users, 4, seed=1)
    chosen = fit_user_factor(history, predicted, y, folds)
    for others, validated in folds.splits():
        errors = {
            prior: np.sum((predicted[others] * history.factor(prior * y.mean())[others] - y[others]) ** 2)
            for prior in PRIORS
        }
        best = min(errors, key=errors.__getitem__)
        assert chosen.oof[validated] == pytest.approx(history.factor(best * y.mean())[validated])
