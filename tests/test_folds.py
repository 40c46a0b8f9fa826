"""Folds of the three kinds, and what is made on them: no user on both sides, no later session before an earlier one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import InputError
from core.training.folds import FOLD_KINDS, NOBODY, Folds, make_folds

many = settings(derandomize=True, deadline=None, max_examples=60)


def made(kind: str, world: int = 0, count: int = 4, rows: int = 300) -> tuple[Folds, np.ndarray, np.ndarray]:
    draws = np.random.default_rng(world)
    # forward in time users who come back are not learned from: most of them must not
    users = draws.integers(0, 60 if kind != "forward" else 600, rows)
    y, starts = draws.gamma(1.0, 20.0, rows), draws.integers(0, 10_000, rows)
    return make_folds(users, count, seed=1, kind=kind, y=y, starts=starts), y, starts


@many
@given(st.sampled_from(FOLD_KINDS), st.integers(0, 2**32 - 1), st.integers(2, 6))
def test_no_user_is_both_learned_from_and_validated(kind: str, world: int, count: int) -> None:
    folds, _, _ = made(kind, world, count)
    for learned, validated in folds.splits():
        assert not set(folds.users[learned]) & set(folds.users[validated])
        assert len(validated)


@pytest.mark.parametrize("kind", ["user", "user_and_value"])
def test_by_user_every_row_is_validated_once_and_learned_from_otherwise(kind: str) -> None:
    folds, _, _ = made(kind)
    assert folds.validated.all()
    for learned, validated in folds.splits():
        assert sorted([*learned, *validated]) == list(range(300))
    assert list(folds.fits_for_test) == [0, 1, 2, 3]
    assert len(list(folds.fits())) == folds.fit_count == 4


def test_by_user_and_value_few_rows_have_few_classes() -> None:
    folds = make_folds(np.arange(24), 5, 7, kind="user_and_value", y=np.arange(24.0))
    assert sorted(np.unique(folds.fold_of)) == [0, 1, 2, 3, 4]


def test_by_user_and_value_each_fold_holds_like_shares_of_every_tenth_of_the_values() -> None:
    draws = np.random.default_rng(0)
    users, y = np.arange(3000) // 2, draws.gamma(0.5, 30.0, 3000)
    folds = make_folds(users, 5, seed=1, kind="user_and_value", y=y)
    tenth = np.searchsorted(np.quantile(y, np.linspace(0, 1, 11)[1:-1]), y)
    shares = np.array([[np.mean(tenth[folds.fold_of == fold] == part) for part in range(10)] for fold in range(5)])
    assert np.abs(shares - 0.1).max() < 0.02


@many
@given(st.integers(0, 2**32 - 1), st.integers(2, 6))
def test_forward_in_time_nothing_is_learned_from_what_comes_later(world: int, count: int) -> None:
    folds, _, starts = made("forward", world, count)
    for learned, validated in folds.splits():
        if len(learned):
            assert starts[learned].max() <= starts[validated].min()
    first = folds.fold_of == NOBODY
    assert starts[first].max() <= starts[~first].min()
    assert len(set(np.bincount(folds.fold_of + 1))) <= 300 // (count + 1)


def test_forward_in_time_one_more_fit_learns_from_everything_and_predicts_the_test_file() -> None:
    folds, _, _ = made("forward")
    *_, (learned, validated) = folds.fits()
    assert learned.tolist() == list(range(300))
    assert len(validated) == 0
    assert list(folds.fits_for_test) == [4]
    assert folds.trains(4).all()


def test_stretches_hold_about_equal_numbers_of_sessions() -> None:
    folds = make_folds(np.arange(1000), 4, seed=0, kind="forward", starts=np.random.default_rng(0).permutation(1000))
    assert np.bincount(folds.fold_of + 1).tolist() == pytest.approx([200] * 5, abs=1)


def test_a_part_of_the_rows_keeps_its_folds() -> None:
    folds, _, _ = made("forward")
    rows = np.arange(0, 300, 3)
    part = folds.part(rows)
    assert np.array_equal(part.fold_of, folds.fold_of[rows])
    assert part.kind == "forward"
    assert np.array_equal(part.users, folds.users[rows])


def test_forward_in_time_with_users_who_all_come_back_is_refused_in_a_sentence() -> None:
    users = np.tile(np.arange(30), 20)
    with pytest.raises(InputError) as refused:
        make_folds(users, 4, seed=0, kind="forward", starts=np.arange(600))
    assert (refused.value.code, refused.value.found, refused.value.allowed) == ("too_few_users_per_period", 0, 4)


def test_forward_in_time_where_all_begins_at_once_is_refused_for_that() -> None:
    with pytest.raises(InputError) as refused:
        make_folds(np.arange(60), 2, seed=0, kind="forward", starts=np.full(60, 1_000))
    assert (refused.value.code, refused.value.found) == ("empty_period", 2)
