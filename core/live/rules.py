"""Rules that label open sessions: conditions on an estimate, such as a high value and a low purchase probability.

[[rules]]
label = "hesitates"
value_above = 60
p_buy_below = 0.3
claims_purchase = false
"""

from __future__ import annotations

import operator
import tomllib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, get_args

import tomli_w
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core.base.text import whole
from core.errors import SettingError, SourceError
from core.live.events import Estimate

MEASURES = ("value", "low", "high", "to_come", "p_buy", "events_seen", "seconds")
"""Parts of an estimate that conditions compare."""
_SIDES: dict[str, Callable[[float, float], bool]] = {"above": operator.gt, "below": operator.lt}
CONDITIONS = {f"{measure}_{side}": (measure, side) for measure in MEASURES for side in _SIDES}
"""Name of a condition -> the part of the estimate that it compares, and how."""
MAX_RULES = 50
_MAX_LABEL = 60
_MAX_FILE_BYTES = 1 << 16
"""Fifty rules have about 10 kB."""
_Number = Annotated[float | None, Field(allow_inf_nan=False)]


class Rule(BaseModel):
    """A label for the open sessions whose estimate fulfils all conditions.

    Bounds are exclusive. `seconds` is the time from the first to the latest event. The claims of a rule are not
    conditions: the backtest counts how often they are true.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    label: Annotated[str, Field(min_length=1, max_length=_MAX_LABEL)]
    value_above: _Number = None
    value_below: _Number = None
    low_above: _Number = None
    low_below: _Number = None
    high_above: _Number = None
    high_below: _Number = None
    to_come_above: _Number = None
    to_come_below: _Number = None
    p_buy_above: _Number = None
    p_buy_below: _Number = None
    events_seen_above: _Number = None
    events_seen_below: _Number = None
    seconds_above: _Number = None
    seconds_below: _Number = None
    claims_purchase: bool | None = None
    """Whether the session has a purchase by its end."""
    claims_value_above: _Number = None
    """Its final value is higher."""

    def conditions(self) -> list[tuple[str, str, float]]:
        """Return the measure, "above" or "below", and the bound of each condition."""
        bounds = ((measure, side, getattr(self, name)) for name, (measure, side) in CONDITIONS.items())
        return [(measure, side, bound) for measure, side, bound in bounds if bound is not None]


class Rules:
    """Rules with different labels.

    Raises:
        SettingError: there are more than MAX_RULES, two have the same label, a rule has no condition, or its conditions
            contradict each other.
    """

    def __init__(self, rules: Sequence[Rule] = ()) -> None:
        if len(rules) > MAX_RULES:
            raise SettingError.not_allowed("rules", f"a list of {whole(len(rules))}", f"at most {MAX_RULES} rules")
        labels = [rule.label for rule in rules]
        for number, rule in enumerate(rules):
            if rule.label in labels[:number]:
                raise SettingError.not_allowed("label", rule.label, "a different label for each rule")
            _check_conditions(rule)
        self.rules = tuple(rules)
        self._compiled = [
            (rule.label, [(measure, _SIDES[side], bound) for measure, side, bound in rule.conditions()])
            for rule in rules
        ]

    def labels(self, estimate: Estimate) -> tuple[str, ...]:
        """Return the labels of an estimate, in the order of the rules."""
        return tuple(
            label
            for label, conditions in self._compiled
            if all(is_beyond(getattr(estimate, measure), bound) for measure, is_beyond, bound in conditions)
        )

    def records(self) -> list[dict[str, Any]]:
        """Return the settings of each rule, as `rules_of` takes them."""
        return [rule.model_dump(exclude_none=True) for rule in self.rules]


def rules_of(records: object) -> Rules:
    """Return rules from their settings, as in a file.

    Args:
        records: a list of mappings.

    Raises:
        SettingError: they are not valid; the message is one sentence.
    """
    if not isinstance(records, Sequence) or isinstance(records, (str, bytes)):
        raise SettingError.not_allowed("rules", type(records).__name__, "a list of rules")
    if len(records) > MAX_RULES:
        raise SettingError.not_allowed("rules", f"a list of {whole(len(records))}", f"at most {MAX_RULES} rules")
    return Rules([_rule(number, record) for number, record in enumerate(records, start=1)])


def read_rules(path: Path) -> Rules:
    """Read the rules of a TOML file.

    Raises:
        InputError: the file cannot be read, or is not TOML.
        SettingError: a rule is not valid.
    """
    try:
        with path.open("rb") as file:
            encoded = file.read(_MAX_FILE_BYTES + 1)
    except OSError as error:
        raise SourceError.cannot_open(path, error.strerror or str(error)) from error
    if len(encoded) > _MAX_FILE_BYTES:
        raise SourceError.cannot_open(path, f"it has more than {_MAX_FILE_BYTES >> 10} kB")
    try:
        content = tomllib.loads(encoded.decode())
    except (ValueError, RecursionError) as error:
        raise SourceError.cannot_open(path, f"it is not a TOML file: {error}") from error
    unknown = [name for name in content if name != "rules"]
    try:
        if unknown:
            raise SettingError.unknown(unknown[0], ["rules"])
        return rules_of(content.get("rules", []))
    except SettingError as error:
        raise error.in_file(path.name) from error


def rules_toml(rules: Rules) -> str:
    """Return rules as the content of a TOML file, for `read_rules`."""
    return tomli_w.dumps({"rules": rules.records()})


def _rule(number: int, record: object) -> Rule:
    if not isinstance(record, Mapping):
        raise SettingError.not_allowed(f"rule {number}", record, "a table with a label and conditions")
    try:
        return Rule.model_validate(dict(record))
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        name = str(first["loc"][0]) if first["loc"] else "rule"
        if first["type"] == "extra_forbidden":
            raise SettingError.unknown(name, list(Rule.model_fields)) from error
        if first["type"] == "missing":
            raise SettingError.missing(
                f"{name} of rule {number}", f"a text of at most {_MAX_LABEL} characters"
            ) from error
        raise SettingError.not_allowed(f"{name} of rule {number}", first["input"], _allowed(name)) from error


def _allowed(name: str) -> str:
    if name == "label":
        return f"a text of 1 to {_MAX_LABEL} characters"
    return "true or false" if bool in get_args(Rule.model_fields[name].annotation) else "a finite number"


def _check_conditions(rule: Rule) -> None:
    conditions = rule.conditions()
    if not conditions:
        raise SettingError.missing(f"a condition of the rule {rule.label}", f"one of {', '.join(CONDITIONS)}")
    above = {measure: bound for measure, side, bound in conditions if side == "above"}
    for measure, side, bound in conditions:
        if side == "below" and bound <= above.get(measure, -float("inf")):
            allowed = f"a number higher than {measure}_above, which is {above[measure]:g}"
            raise SettingError.not_allowed(f"{measure}_below of the rule {rule.label}", bound, allowed)
