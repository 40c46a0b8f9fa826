"""Options of run settings, and checks of options that need or exclude each other."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from core.base.text import listed
from core.config import RunConfig
from core.errors import SettingError
from core.setting import Setting

_TYPES = {"integer": int, "number": float}
"""Python types for the kinds of settings that are numbers; all others are strings."""


def add_settings(parser: argparse.ArgumentParser, names: Iterable[str]) -> None:
    """Add an option for each of the named run settings.

    Options that are not on the command line are absent from the result, so `RunConfig` supplies their defaults.
    """
    for name in names:
        setting = RunConfig.setting(name)
        text = _help(setting).replace("%", "%%")
        if setting.kind == "boolean":
            action = argparse.BooleanOptionalAction
            parser.add_argument(_option(name), action=action, default=argparse.SUPPRESS, help=text)
        else:
            parser.add_argument(
                _option(name),
                action="append" if setting.kind == "array" else "store",
                type=_TYPES.get(setting.kind, str),
                choices=list(setting.choices) or None,
                default=argparse.SUPPRESS,
                help=text,
            )


def _help(setting: Setting) -> str:
    """Return the description of a setting with its choices and default."""
    choices = [f"{value}: {label}" for value, label in setting.choices.items() if label.lower() != value]
    text = f"{setting.description} ({'; '.join(choices)})" if choices else setting.description
    if setting.kind == "array":
        text += " Repeat the option for several values."
    if setting.kind == "boolean":
        return f"{text} Default: {'yes' if setting.default else 'no'}."
    if setting.default in (None, []):
        return text
    return f"{text} Default: {'all' if setting.default == list(setting.choices) else setting.default}."


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def run_config(options: argparse.Namespace) -> RunConfig:
    """Return the run settings that the options set.

    A time budget or a number of trials without a preset selects the preset standard.

    Raises:
        SettingError: the value of a setting is not allowed.
    """
    settings = {name: getattr(options, name) for name in RunConfig.model_fields if hasattr(options, name)}
    if settings.keys() & {"minutes", "trials"}:
        settings = {"preset": "standard", **settings}
    return RunConfig.checked(**settings)


def require(value: object, name: str, expected: str) -> None:
    """Raise a `SettingError` if a required option or argument is None; `expected` is a noun phrase."""
    if value is None:
        raise SettingError.missing(name, expected)


def program_name() -> str:
    """Return the program as it was started: `svs` is the command that an installation adds."""
    return "svs" if Path(sys.argv[0]).stem == "svs" else "python -m core"


def wrong_usage(options: argparse.Namespace, reason: str) -> SettingError:
    """Return the error for a wrong use of the options of a verb; `reason` is a clause."""
    return SettingError.usage(reason, f"{program_name()} {options.verb_name}")


def refuse_unused(options: argparse.Namespace, used: Mapping[str, Sequence[str]]) -> None:
    """Raise a `SettingError` if an argument is given that the action of a verb does not use.

    Args:
        options: with an attribute `action`.
        used: action -> the arguments that it uses, as the help names them, such as NAME or --run. Arguments that all
            actions use are left out.
    """
    attributes = {label: label.strip("-").replace("-", "_").lower() for labels in used.values() for label in labels}
    given = [label for label, name in attributes.items() if not _is_unset(getattr(options, name))]
    if unused := [label for label in given if label not in used[options.action]]:
        raise wrong_usage(options, f"{options.action} takes no {listed(unused, conjunction='or')}")


def _is_unset(value: object) -> bool:
    return value is None or value is False or value == ""  # not the number 0


def refuse_combination(options: argparse.Namespace, option: str, others: Iterable[str], explanation: str) -> None:
    """Raise a `SettingError` if one of the `others` (attributes of `options`) is set; `explanation` is a sentence."""
    for name in others:
        if getattr(options, name) is not None:
            raise SettingError.conflicting(option, _option(name), explanation)
