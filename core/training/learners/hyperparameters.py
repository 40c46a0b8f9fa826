"""Hyperparameters that a person sets: fixed values, and other ranges for the search.

An entry of the setting `hyperparameters` is `LEARNER.NAME=VALUE`, which fixes a hyperparameter, or
`LEARNER.NAME=LOW:HIGH`, which replaces the range of its search.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from core.base.text import listed
from core.errors import SettingError
from core.training.learners.definition import Learner, Tunable

_SETTING = "hyperparameters"
_FORM = "LEARNER.NAME=VALUE or LEARNER.NAME=LOW:HIGH, such as lightgbm.num_leaves=31"
_BEYOND = 4
"""A value may be this many times smaller or larger than the values that are searched, where good ones usually are."""
_ROUNDS = Tunable(100, 4, 1_250, proven=100)


def with_hyperparameters(learner: Learner, entries: Iterable[str]) -> Learner:
    """Return the learner with the hyperparameters that entries set for it. Entries for other learners are ignored.

    Raises:
        SettingError: an entry for this learner has another form, an unknown name, or a value that is not allowed.
    """
    changed = learner
    for entry in entries:
        name, _, text = entry.partition("=")
        of, _, parameter = name.partition(".")
        if of == learner.name:
            changed = _changed(changed, parameter, text, entry)
    return changed


def check_hyperparameters(learners: Sequence[Learner], entries: Iterable[str]) -> None:
    """Check entries against all learners.

    Raises:
        SettingError: an entry names no learner, or see `with_hyperparameters`.
    """
    entries = tuple(entries)
    names = {learner.name for learner in learners}
    for entry in entries:
        if entry.partition(".")[0] not in names:
            raise SettingError.not_allowed(_SETTING, entry, f"{_FORM}. Learners are {listed(sorted(names))}")
    for learner in learners:
        with_hyperparameters(learner, entries)


def tunables(learner: Learner) -> dict[str, Tunable]:
    """Return the hyperparameters of a learner that have a search range, in order."""
    return {name: each for name, each in learner.settings.items() if isinstance(each, Tunable)}


def limits(tunable: Tunable) -> tuple[float, float]:
    """Return the smallest and the largest value that a person may set.

    >>> limits(Tunable(24, 6, 96, log=True, proven=27)), limits(Tunable(0.8, 0.5, 1.0, proven=0.9))
    ((2, 384), (0.125, 1.0))
    """
    low, high = tunable.low / _BEYOND, tunable.high * _BEYOND
    if isinstance(tunable.default, int):
        return max(round(low), 1), round(high)
    return low, 1.0 if tunable.high <= 1.0 else high


def hyperparameter_rows(learners: Sequence[Learner]) -> list[dict[str, Any]]:
    """Return one row per hyperparameter with a search range, for a form.

    Keys: learner, name, default, low, high (of the search), smallest, largest (that a person may set), whole.
    """
    return [
        {
            "learner": learner.name,
            "name": name,
            "default": each.default,
            "low": each.low,
            "high": each.high,
            "smallest": limits(each)[0],
            "largest": limits(each)[1],
            "whole": isinstance(each.default, int),
        }
        for learner in learners
        for name, each in tunables(learner).items()
    ]


def _changed(learner: Learner, parameter: str, text: str, entry: str) -> Learner:
    known = tunables(learner)
    if parameter == "rounds":
        (rounds,) = _numbers(text, _ROUNDS, entry, n_allowed=1)
        return replace(learner, rounds=int(rounds))
    if parameter not in known:
        allowed = listed([*known, "rounds"], 20)
        raise SettingError.not_allowed(_SETTING, entry, f"{_FORM}. {learner.name} has {allowed}")
    tunable = known[parameter]
    numbers = _numbers(text, tunable, entry, n_allowed=2)
    if len(numbers) == 1:
        return replace(learner, settings={**learner.settings, parameter: numbers[0]})
    low, high = numbers
    if low >= high:
        raise SettingError.not_allowed(_SETTING, entry, "a range whose first number is lower than the second")
    default, proven = (min(max(value, low), high) for value in (tunable.default, tunable.proven))
    searched = replace(tunable, low=low, high=high, default=default, proven=proven)
    return replace(learner, settings={**learner.settings, parameter: searched})


def _numbers(text: str, tunable: Tunable, entry: str, *, n_allowed: int) -> list[int | float]:
    """Return the value, or the ends of the range, in an entry."""
    smallest, largest = limits(tunable)
    kind = int if isinstance(tunable.default, int) else float
    try:
        numbers: list[int | float] = [kind(part) for part in text.split(":")]
    except ValueError:
        numbers = []
    if not 1 <= len(numbers) <= n_allowed or not all(smallest <= number <= largest for number in numbers):
        what = "whole numbers" if kind is int else "numbers"
        raise SettingError.not_allowed(_SETTING, entry, f"{what} from {smallest:g} to {largest:g}")
    return numbers
