"""Form fields for single settings of a run or a mapping, with the help texts of `RunConfig` and `Mapping`."""

from __future__ import annotations

from typing import Any, TypeVar

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.config import RunConfig
from pages._ui.form_words import field_help

_Option = TypeVar("_Option")


def setting_input(name: str, default: float | None = None, **options: Any) -> Any:  # noqa: ANN401 (any widget)
    """Show the form field of a setting of `RunConfig` and return its value.

    `default` replaces the setting's default number. `options` are further arguments of the Streamlit widget.
    """
    setting = RunConfig.setting(name)
    options["help"] = setting.description
    if setting.kind == "boolean":
        return st.toggle(setting.title, setting.default, **options)
    if setting.choices:
        choices, options["format_func"] = list(setting.choices), setting.choices.__getitem__
        if setting.kind == "array":
            return st.pills(setting.title, choices, selection_mode="multi", default=setting.default, **options)
        return st.selectbox(setting.title, choices, choices.index(setting.default), **options)
    number: Any = int if setting.kind == "integer" else float
    value = setting.default if default is None else default
    lowest, highest, initial = (
        None if limit is None else number(limit) for limit in (setting.minimum, setting.maximum, value)
    )
    return st.number_input(
        setting.title, lowest, highest, initial, number(1), format="%d" if number is int else "%g", **options
    )


def mapping_select(
    cell: DeltaGenerator, label: str, name: str, options: dict[_Option, str], default: _Option, *, key: str
) -> _Option:
    """Show a select box for a setting of `Mapping` and return its value; `options` has the label of each value."""
    values = list(options)
    return cell.selectbox(
        label, values, values.index(default), format_func=options.__getitem__, key=key, help=field_help(name)
    )
