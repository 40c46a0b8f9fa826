"""Hyperparameters that a person sets: fixed values, and other ranges for the search.

An entry of the setting `hyperparameters` is `LEARNER.NAME=VALUE`, which fixes a hyperparameter, or
`LEARNER.NAME=LOW:HIGH`, which replaces the range of its search.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from core.base.text import listed
from core.errors import SettingError
from core.training.learners.definition import Learner, Tunable

_SETTING = "hyperparameters"
_FORM = "LEARNER.NAME=VALUE or LEARNER.NAME=LOW:HIGH, such as lightgbm.num_leaves=31"
_FACTOR_BEYOND = 4
"""A value may be this many times smaller or larger than the values that are searched, where good ones usually are."""
_ROUNDS = Tunable(100, 4, 1_250, proven=100)
"""The number of rounds, which is not searched. A person may set 1 to 5,000."""


class _Entry(NamedTuple):
    """The parts of an entry; those that it lacks are empty."""

    text: str
    learner: str
    name: str
    value: str

    @classmethod
    def parse(cls, text: str) -> _Entry:
        path, _, value = text.partition("=")
        learner, _, name = path.partition(".")
        return cls(text, learner, name, value)

    def refusal(self, allowed: str) -> SettingError:
        return SettingError.not_allowed(_SETTING, self.text, allowed)


def with_hyperparameters(learner: Learner, entries: Iterable[str]) -> Learner:
    """Return the learner with the hyperparameters that entries set for it. Entries for other learners are ignored.

    Raises:
        SettingError: an entry for this learner has another form, an unknown name, or a value that is not allowed, or
            two entries set the same hyperparameter.
    """
    own_entries = [entry for entry in map(_Entry.parse, entries) if entry.learner == learner.name]
    for place, entry in enumerate(own_entries):
        if any(entry.name == earlier.name for earlier in own_entries[:place]):
            raise entry.refusal(f"one entry for {entry.learner}.{entry.name}")
        learner = _with_entry(learner, entry)
    return learner


def check_hyperparameters(learners: Sequence[Learner], entries: Iterable[str]) -> None:
    """Check entries against all learners.

    Raises:
        SettingError: an entry names no learner, or is refused by `with_hyperparameters`.
    """
    entries = tuple(entries)
    names = {learner.name for learner in learners}
    for entry in map(_Entry.parse, entries):
        if not entry.name or entry.learner not in names:
            raise entry.refusal(f"{_FORM}. Learners are {listed(sorted(names))}")
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
    low, high = tunable.low / _FACTOR_BEYOND, tunable.high * _FACTOR_BEYOND
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


def _with_entry(learner: Learner, entry: _Entry) -> Learner:
    if entry.name == "rounds":
        (rounds,) = _numbers(entry, _ROUNDS, max_numbers=1)
        return replace(learner, rounds=int(rounds))
    searched = tunables(learner)
    if entry.name not in searched:
        raise entry.refusal(f"{_FORM}. {learner.name} has {listed([*searched, 'rounds'], 20)}")
    tunable = searched[entry.name]
    numbers = _numbers(entry, tunable, max_numbers=2)
    setting = numbers[0] if len(numbers) == 1 else _with_range(entry, tunable, *numbers)
    return replace(learner, settings={**learner.settings, entry.name: setting})


def _with_range(entry: _Entry, tunable: Tunable, low: int | float, high: int | float) -> Tunable:
    """Return a hyperparameter with another search range, and the values inside it nearest to the usual ones."""
    if low >= high:
        raise entry.refusal("a range whose first number is lower than the second")
    default, proven = (min(max(value, low), high) for value in (tunable.default, tunable.proven))
    return replace(tunable, low=low, high=high, default=default, proven=proven)


def _numbers(entry: _Entry, tunable: Tunable, *, max_numbers: int) -> list[int | float]:
    """Return the value, or the ends of the range, in an entry."""
    smallest, largest = limits(tunable)
    kind = int if isinstance(tunable.default, int) else float
    try:
        numbers: list[int | float] = [kind(part) for part in entry.value.split(":")]
    except ValueError:
        numbers = []
    if not 1 <= len(numbers) <= max_numbers or not all(smallest <= number <= largest for number in numbers):
        what = "whole numbers" if kind is int else "numbers"
        raise entry.refusal(f"{what} from {smallest:g} to {largest:g}")
    return numbers
