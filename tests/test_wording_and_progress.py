"""Numbers in words, progress, and the settings that a run accepts."""

from __future__ import annotations

import math
import os
import re
from types import SimpleNamespace
from typing import Any, Literal, get_args, get_origin

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from core.base import text as wording
from core.base.progress import Progress, ProgressUpdate, Step
from core.config import MAX_THREADS, RunConfig, available_cores
from core.errors import SettingError
from core.pipeline.steps import steps

many = settings(derandomize=True, deadline=None, max_examples=300)

# --- wording ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (0, "0"),
        (0.0, "0"),
        (-0.0, "0"),
        (7, "7"),
        (7.0, "7.00"),
        (123_456_789, "123,456,789"),
        (-1500, "-1,500"),
        (999.4, "999"),
        (999.6, "1,000"),
        (9.996, "10.0"),
        (99.96, "100"),
        (0.09996, "0.100"),
        (1.0, "1.00"),
        (0.00012345, "0.000123"),
        (1e-7, "0.000000100"),
        (1234.5, "1,234"),
        (1e9 + 0.4, "1,000,000,000"),
        (-42.196, "-42.2"),
        (None, "–"),
        (math.nan, "–"),
    ],
)
def test_a_number_is_told(value: float | None, told: str) -> None:
    assert wording.number(value) == told


@many
@given(st.floats(1e-7, 999.4) | st.floats(-999.4, -1e-7))
@example(9.995)
@example(0.1)
@example(99.95)
def test_a_number_below_1000_has_three_significant_digits_and_is_that_near(value: float) -> None:
    told = wording.number(value)
    digits = told.lstrip("-").replace(".", "").lstrip("0")
    assert len(digits) == 3, told
    last_digit = 10.0 ** (math.floor(math.log10(abs(float(told)))) - 2)
    assert abs(float(told) - value) <= 0.5001 * last_digit


@many
@given(st.integers(-(2**50), 2**50))
def test_a_whole_number_keeps_all_of_its_digits(value: int) -> None:
    told = wording.number(value)
    assert int(told.replace(",", "")) == value
    assert re.fullmatch(r"-?\d{1,3}(,\d{3})*", told)


@pytest.mark.parametrize(
    ("share", "told"),
    [
        (1.0, "100.0%"),
        (0.5, "50.0%"),
        (-0.031, "-3.1%"),
        (0.0004, "0.0%"),
        (-0.0004, "0.0%"),
        (None, "–"),
        (math.nan, "–"),
    ],
)
def test_a_share_is_told_as_a_percentage(share: float | None, told: str) -> None:
    assert wording.percent(share) == told


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (0, "0 s"),
        (0.4, "0 s"),
        (59.4, "59 s"),
        (59.6, "1 min 0 s"),
        (61, "1 min 1 s"),
        (3599.4, "59 min 59 s"),
        (3599.6, "1 h 0 min"),
        (3700, "1 h 2 min"),
        (7199, "2 h 0 min"),
        (90_000, "25 h 0 min"),
    ],
)
def test_a_duration_is_told(seconds: float, told: str) -> None:
    assert wording.duration(seconds) == told


@many
@given(st.floats(0, 1e6))
def test_a_duration_is_right_to_half_of_its_smallest_unit(seconds: float) -> None:
    units = {"h": 3600, "min": 60, "s": 1}
    parts = re.findall(r"(\d+) (h|min|s)", wording.duration(seconds))
    total = sum(int(amount) * units[unit] for amount, unit in parts)
    smallest = units[parts[-1][1]]
    assert abs(total - seconds) <= smallest / 2 + 0.5 * (smallest == 60)
    assert all(int(amount) < 60 for amount, unit in parts if unit != "h")


@pytest.mark.parametrize(
    ("amount", "told"), [(0, "0 runs"), (1, "1 run"), (2, "2 runs"), (1_234_567, "1,234,567 runs")]
)
def test_a_thing_is_counted(amount: int, told: str) -> None:
    assert wording.count(amount, "run") == told


# --- progress ---------------------------------------------------------------------------------------------------------


class Clock:
    """A clock that goes only when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("core.base.progress.time", SimpleNamespace(monotonic=clock.monotonic))
    return clock


READ_AND_FIT = (Step("read", "Reading", 1.0), Step("fit", "Fitting", 3.0))


def watched(steps: tuple[Step, ...] = READ_AND_FIT) -> tuple[Progress, list[ProgressUpdate]]:
    updates: list[ProgressUpdate] = []
    return Progress(steps, updates.append), updates


def test_an_update_has_the_step_the_part_and_the_fraction_of_the_whole_work(clock: Clock) -> None:
    progress, updates = watched()
    clock.now += 1.0
    progress.report("fit", 1, 6, "LightGBM, 1 of 6 folds")
    assert updates == [
        ProgressUpdate(
            step="fit",
            label="Fitting",
            detail="LightGBM, 1 of 6 folds",
            part=1,
            parts=6,
            fraction=(1.0 + 3.0 / 6) / 4.0,
            seconds=1.0,
            seconds_left=None,
        )
    ]


def test_steps_count_by_their_weight() -> None:
    progress, updates = watched()
    for step, part in (("read", 0), ("read", 1), ("read", 2), ("fit", 0), ("fit", 1), ("fit", 2)):
        progress.report(step, part, 2)
    assert [update.fraction for update in updates] == pytest.approx([0, 0.125, 0.25, 0.25, 0.625, 1.0])


def test_a_step_without_parts_is_not_begun_until_the_next_one() -> None:
    progress, updates = watched()
    progress.report("read", 0, 0)
    assert updates[-1].fraction == 0.0


@many
@given(st.data())
def test_the_fraction_never_falls_and_stays_between_0_and_1(data: st.DataObject) -> None:
    weights = data.draw(st.lists(st.floats(0.01, 100), min_size=1, max_size=6))
    steps = tuple(Step(f"s{number}", "", weight) for number, weight in enumerate(weights))
    progress, updates = watched(steps)
    for _ in range(data.draw(st.integers(1, 20))):
        parts = data.draw(st.integers(0, 30))
        progress.report(data.draw(st.sampled_from(steps)).name, data.draw(st.integers(0, parts)), parts)
    progress.report(steps[-1].name, 7, 7)
    fractions = [update.fraction for update in updates]
    assert fractions == sorted(fractions)
    assert fractions[0] >= 0
    assert fractions[-1] == pytest.approx(1.0)
    assert fractions[-1] <= 1


def test_more_parts_than_announced_are_no_more_than_all() -> None:
    progress, updates = watched()
    progress.report("fit", 9, 6)
    assert updates[-1].fraction == 1.0


def test_the_steps_of_a_run_end_at_exactly_1_with_nothing_left(clock: Clock) -> None:
    progress, updates = watched(steps(RunConfig()))
    for step in steps(RunConfig()):
        for part in range(16):
            clock.now += 1.0
            progress.report(step.name, part, 15)
    assert updates[-1].fraction == 1.0
    assert updates[-1].seconds_left == 0.0


def test_there_is_no_time_left_in_the_first_two_seconds(clock: Clock) -> None:
    progress, updates = watched()
    for _ in range(19):
        clock.now += 0.1
        progress.report("read", 1, 2)
    assert {update.seconds_left for update in updates} == {None}
    clock.now += 0.2
    progress.report("read", 1, 2)
    assert updates[-1].seconds_left == pytest.approx(2.1 * (1 - 0.125) / 0.125)


def test_there_is_no_time_left_while_nothing_is_done(clock: Clock) -> None:
    progress, updates = watched()
    clock.now += 30
    progress.report("read", 0, 2)
    assert updates[-1].seconds_left is None


def test_at_a_steady_pace_the_time_left_is_right(clock: Clock) -> None:
    progress, updates = watched()
    began = clock.now
    for second in range(1, 101):
        clock.now = began + second
        progress.report(
            "read" if second <= 25 else "fit", second if second <= 25 else second - 25, 25 if second <= 25 else 75
        )
    assert [update.seconds_left for update in updates[2:]] == pytest.approx(
        [100.0 - second for second in range(3, 101)]
    )


def test_nobody_has_to_watch() -> None:
    Progress(READ_AND_FIT).report("read", 1, 2)


# --- what a run is told -----------------------------------------------------------------------------------------------

WHOLE = "{setting} is {found}: allowed is a whole number; change it and start again."
YES_OR_NO = "{setting} is {found}: allowed is true or false; change it and start again."


@pytest.mark.parametrize(
    ("settings_", "sentence"),
    [
        ({"folds": 1}, "folds is 1: allowed is greater than or equal to 2; change it and start again."),
        ({"folds": 21}, "folds is 21: allowed is less than or equal to 20; change it and start again."),
        ({"folds": 3.5}, WHOLE.format(setting="folds", found="3.5")),
        ({"folds": "many"}, WHOLE.format(setting="folds", found="'many'")),
        ({"seed": None}, WHOLE.format(setting="seed", found="None")),
        ({"seed": -1}, "seed is -1: allowed is greater than or equal to 0; change it and start again."),
        (
            {"seed": 2**31},
            "seed is 2147483648: allowed is less than or equal to 2147483647; change it and start again.",
        ),
        (
            {"preset": "slow"},
            "preset is 'slow': allowed is 'quick', 'standard' or 'thorough'; change it and start again.",
        ),
        ({"history": "future"}, "history is 'future': allowed is 'as_of' or 'all_rows'; change it and start again."),
        ({"use_known_values": "maybe"}, YES_OR_NO.format(setting="use_known_values", found="'maybe'")),
        ({"split_composite_sessions": 3}, YES_OR_NO.format(setting="split_composite_sessions", found="3")),
        (
            {"fold": 5},
            "There is no setting fold: allowed are folds, fold_kind, preset, minutes, trials, metric, seed, "
            "learners and 8 more; correct its name and start again.",
        ),
    ],
)
def test_a_setting_that_is_not_allowed_is_refused_in_one_sentence(settings_: dict[str, Any], sentence: str) -> None:
    with pytest.raises(SettingError) as refused:
        RunConfig.checked(**settings_)
    assert str(refused.value) == sentence
    assert refused.value.exit_code == 2


def test_the_first_of_several_refused_settings_is_told() -> None:
    with pytest.raises(SettingError, match=r"^seed is -1: "):
        RunConfig.checked(seed=-1, folds=1)


@pytest.mark.parametrize(
    "settings_",
    [{}, {"folds": 2}, {"folds": 20}, {"seed": 0}, {"seed": 2**31 - 1}, {"history": "all_rows"}, {"folds": "5"}],
)
def test_allowed_settings_are_taken(settings_: dict[str, Any]) -> None:
    config = RunConfig.checked(**settings_)
    for name, value in settings_.items():
        assert str(getattr(config, name)) == str(value)


def test_settings_cannot_be_changed_afterwards() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        RunConfig().folds = 3


OTHERS = {"learners": ("xgboost",), "minutes": 3.0, "trials": 4, "half_life": 30.0, "rising": ("n_events",)}
"""Other values of settings that are neither a number nor a choice by default."""


def other_value(name: str) -> object:
    """A value that the setting may have and does not have by default."""
    field = RunConfig.model_fields[name]
    if name in OTHERS:
        return OTHERS[name]
    if get_origin(field.annotation) is Literal:
        return next(choice for choice in get_args(field.annotation) if choice != field.default)
    return not field.default if field.annotation is bool else field.default + 1


@pytest.mark.parametrize("name", RunConfig.model_fields)
def test_the_digest_changes_with_every_setting(name: str) -> None:
    told = {name: other_value(name)} | ({"preset": "standard"} if name in ("minutes", "trials") else {})
    base = {each: value for each, value in told.items() if each != name}
    assert RunConfig.checked(**told).digest != RunConfig.checked(**base).digest


@many
@given(st.integers(0, 2**31 - 1), st.integers(2, 20), st.booleans())
def test_equal_settings_have_the_same_digest(seed: int, folds: int, known: bool) -> None:
    told: dict[str, Any] = {"seed": seed, "folds": folds, "use_known_values": known}
    assert RunConfig(**told).digest == RunConfig(**dict(reversed(told.items()))).digest
    assert re.fullmatch(r"[0-9a-f]{12}", RunConfig(**told).digest)
    assume(RunConfig(**told) != RunConfig())
    assert RunConfig(**told).digest != RunConfig().digest


def test_a_run_uses_the_cores_that_this_process_may_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 3, 5}, raising=False)
    assert available_cores() == 3
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(200)), raising=False)
    assert available_cores() == MAX_THREADS


@pytest.mark.parametrize(("counted", "used"), [(None, 1), (6, 6), (500, MAX_THREADS)])
def test_where_the_system_knows_no_affinity_all_cores_are_used(
    counted: int | None, used: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: counted)
    assert available_cores() == used
