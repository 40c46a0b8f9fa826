"""The three kinds of folds: no user is on both sides of a split, and forward folds never train on later sessions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import InputError
from core.training.folds import FOLD_KINDS, NO_FOLD, Folds, make_folds

many = settings(derandomize=True, deadline=None, max_examples=60)


def random_folds(kind: str, seed: int = 0, count: int = 4, rows: int = 300) -> tuple[Folds, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    # forward folds do not train on users who return, so most must not
    users = rng.integers(0, 60 if kind != "forward" else 600, rows)
    y, starts = rng.gamma(1.0, 20.0, rows), rng.integers(0, 10_000, rows)
    return make_folds(users, count, seed=1, kind=kind, y=y, starts=starts), y, starts


@many
@given(st.sampled_from(FOLD_KINDS), st.integers(0, 2**32 - 1), st.integers(2, 6))
def test_no_user_is_in_both_parts_of_a_split(kind: str, seed: int, count: int) -> None:
    folds, _, _ = random_folds(kind, seed, count)
    for train, validation in folds.splits():
        assert not set(folds.users[train]) & set(folds.users[validation])
        assert len(validation)


@pytest.mark.parametrize("kind", ["user", "user_and_value"])
def test_every_row_is_validated_once_and_trained_on_in_all_other_folds(kind: str) -> None:
    folds, _, _ = random_folds(kind)
    assert folds.validated_mask.all()
    for train, validation in folds.splits():
        assert sorted([*train, *validation]) == list(range(300))
    assert list(folds.fits_for_test) == [0, 1, 2, 3]
    assert len(list(folds.fits())) == folds.fit_count == 4


def test_folds_by_user_and_value_work_with_few_rows() -> None:
    folds = make_folds(np.arange(24), 5, 7, kind="user_and_value", y=np.arange(24.0))
    assert sorted(np.unique(folds.fold_of)) == [0, 1, 2, 3, 4]


def test_folds_by_user_and_value_have_similar_shares_of_each_decile_of_the_value() -> None:
    rng = np.random.default_rng(0)
    users, y = np.arange(3000) // 2, rng.gamma(0.5, 30.0, 3000)
    folds = make_folds(users, 5, seed=1, kind="user_and_value", y=y)
    decile = np.searchsorted(np.quantile(y, np.linspace(0, 1, 11)[1:-1]), y)
    shares = np.array([[np.mean(decile[folds.fold_of == fold] == part) for part in range(10)] for fold in range(5)])
    assert np.abs(shares - 0.1).max() < 0.02


@many
@given(st.integers(0, 2**32 - 1), st.integers(2, 6))
def test_forward_folds_never_train_on_later_sessions(seed: int, count: int) -> None:
    folds, _, starts = random_folds("forward", seed, count)
    for train, validation in folds.splits():
        if len(train):
            assert starts[train].max() <= starts[validation].min()
    first = folds.fold_of == NO_FOLD
    assert starts[first].max() <= starts[~first].min()
    assert len(set(np.bincount(folds.fold_of + 1))) <= 300 // (count + 1)


def test_forward_folds_have_one_more_fit_on_all_rows_that_predicts_the_test_file() -> None:
    folds, _, _ = random_folds("forward")
    *_, (train, validation) = folds.fits()
    assert train.tolist() == list(range(300))
    assert len(validation) == 0
    assert list(folds.fits_for_test) == [4]
    assert folds.train_mask(4).all()


def test_periods_hold_about_equal_numbers_of_sessions() -> None:
    folds = make_folds(np.arange(1000), 4, seed=0, kind="forward", starts=np.random.default_rng(0).permutation(1000))
    assert np.bincount(folds.fold_of + 1).tolist() == pytest.approx([200] * 5, abs=1)


def test_selected_rows_stay_in_their_folds() -> None:
    folds, _, _ = random_folds("forward")
    rows = np.arange(0, 300, 3)
    part = folds.part(rows)
    assert np.array_equal(part.fold_of, folds.fold_of[rows])
    assert part.kind == "forward"
    assert np.array_equal(part.users, folds.users[rows])


def test_forward_folds_are_refused_if_all_users_return() -> None:
    users = np.tile(np.arange(30), 20)
    with pytest.raises(InputError) as refused:
        make_folds(users, 4, seed=0, kind="forward", starts=np.arange(600))
    assert (refused.value.code, refused.value.actual, refused.value.allowed) == ("too_few_users_per_period", 0, 4)


def test_forward_folds_are_refused_if_all_sessions_start_at_once() -> None:
    with pytest.raises(InputError) as refused:
        make_folds(np.arange(60), 2, seed=0, kind="forward", starts=np.full(60, 1_000))
    assert (refused.value.code, refused.value.actual) == ("empty_period", 2)
