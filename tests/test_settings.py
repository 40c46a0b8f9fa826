"""Settings of a run: what is accepted, the digest, and the number of cores."""

from __future__ import annotations

import os
import re
from typing import Any, Literal, get_args, get_origin

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from core.base.cores import MAX_THREADS, available_cores
from core.config import RunConfig
from core.errors import SettingError

many = settings(derandomize=True, deadline=None, max_examples=300)


@pytest.mark.parametrize(
    ("settings_", "parts"),
    [
        ({"folds": 1}, ("folds is 1", "greater than or equal to 2")),
        ({"folds": 21}, ("folds is 21", "less than or equal to 20")),
        ({"folds": 3.5}, ("folds is 3.5", "a whole number")),
        ({"folds": "many"}, ("folds is 'many'", "a whole number")),
        ({"seed": None}, ("seed is None", "a whole number")),
        ({"seed": -1}, ("seed is -1", "greater than or equal to 0")),
        ({"seed": 2**31}, ("seed is 2147483648", "less than or equal to 2147483647")),
        ({"preset": "slow"}, ("preset is 'slow'", "'quick', 'standard' or 'thorough'")),
        ({"history": "future"}, ("history is 'future'", "'as_of' or 'all_rows'")),
        (
            {"purpose": "live", "history": "all_rows"},
            ("history is 'all_rows'", "as_of with the purpose live, because later events"),
        ),
        (
            {"purpose": "live", "engine": "duckdb"},
            ("engine is 'duckdb'", "polars with the purpose live, because only this engine"),
        ),
        ({"use_known_values": "maybe"}, ("use_known_values is 'maybe'", "true or false")),
        ({"split_composite_sessions": 3}, ("split_composite_sessions is 3", "true or false")),
        (
            {"fold": 5},
            ("no setting fold", "folds, fold_kind, preset, purpose, minutes, trials, metric, seed and 12 more"),
        ),
    ],
)
def test_an_invalid_setting_is_refused_with_what_is_allowed(settings_: dict[str, Any], parts: tuple[str, ...]) -> None:
    with pytest.raises(SettingError) as caught:
        RunConfig.checked(**settings_)
    assert [part for part in parts if part not in str(caught.value)] == []
    assert caught.value.exit_code == 2


def test_the_first_of_several_invalid_settings_is_reported() -> None:
    with pytest.raises(SettingError, match=r"^seed is -1"):
        RunConfig.checked(seed=-1, folds=1)


@pytest.mark.parametrize(
    "settings_",
    [{}, {"folds": 2}, {"folds": 20}, {"seed": 0}, {"seed": 2**31 - 1}, {"history": "all_rows"}, {"folds": "5"}],
)
def test_valid_settings_are_accepted(settings_: dict[str, Any]) -> None:
    config = RunConfig.checked(**settings_)
    for name, value in settings_.items():
        assert str(getattr(config, name)) == str(value)


def test_settings_are_immutable() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        RunConfig().folds = 3


OTHERS = {
    "hyperparameters": ("lightgbm.num_leaves=31",),
    "learners": ("xgboost",),
    "minutes": 3.0,
    "trials": 4,
    "half_life": 30.0,
    "rising": ("n_events",),
}
"""Values other than the default, for settings that are neither a number nor a choice."""


def other_value(name: str) -> object:
    """A valid value other than the default."""
    field = RunConfig.model_fields[name]
    if name in OTHERS:
        return OTHERS[name]
    if get_origin(field.annotation) is Literal:
        return next(choice for choice in get_args(field.annotation) if choice != field.default)
    return not field.default if field.annotation is bool else field.default + 1


@pytest.mark.parametrize("name", RunConfig.model_fields)
def test_the_digest_changes_with_every_setting(name: str) -> None:
    changed = {name: other_value(name)} | ({"preset": "standard"} if name in ("minutes", "trials") else {})
    base = {setting: value for setting, value in changed.items() if setting != name}
    assert RunConfig.checked(**changed).digest != RunConfig.checked(**base).digest


@many
@given(st.integers(0, 2**31 - 1), st.integers(2, 20), st.booleans())
def test_equal_settings_have_the_same_digest(seed: int, folds: int, known: bool) -> None:
    chosen: dict[str, Any] = {"seed": seed, "folds": folds, "use_known_values": known}
    assert RunConfig(**chosen).digest == RunConfig(**dict(reversed(chosen.items()))).digest
    assert re.fullmatch(r"[0-9a-f]{12}", RunConfig(**chosen).digest)
    assume(RunConfig(**chosen) != RunConfig())
    assert RunConfig(**chosen).digest != RunConfig().digest


def test_a_run_uses_the_cores_of_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 3, 5}, raising=False)
    assert available_cores() == 3
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(200)), raising=False)
    assert available_cores() == MAX_THREADS


@pytest.mark.parametrize(("counted", "used"), [(None, 1), (6, 6), (500, MAX_THREADS)])
def test_all_cores_are_used_if_the_system_has_no_affinity(
    counted: int | None, used: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: counted)
    assert available_cores() == used
