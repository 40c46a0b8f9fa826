"""Form fields for single settings of a run or a mapping, with the help texts of `RunConfig` and `Mapping`."""

from __future__ import annotations

from collections.abc import Mapping as MappingOf
from typing import Any, TypeVar

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.config import RunConfig
from pages._ui.form_words import field_help
from pages._ui.kept_fields import kept_key

_Option = TypeVar("_Option")


def setting_input(
    name: str,
    default: float | None = None,
    *,
    key: str = "",
    choices: MappingOf[str, str] | None = None,
    **options: Any,  # noqa: ANN401 (arguments of any widget)
) -> Any:  # noqa: ANN401 (the value of any widget)
    """Show the form field of a setting of `RunConfig` and return its value, which survives a look at another page.

    Args:
        default: replaces the setting's default number.
        key: distinguishes fields of the same setting.
        choices: value -> label, for a list of texts whose values `RunConfig` does not enumerate.
        options: further arguments of the Streamlit widget.
    """
    setting = RunConfig.setting(name)
    choices = setting.choices or choices or {}
    options["key"] = field = kept_key(f"setting/{name}{key}")
    options["help"] = setting.description
    initial: Any = setting.default if default is None else default
    if setting.kind == "array":
        st.session_state.setdefault(field, list(initial))
        if setting.choices:
            return st.pills(
                setting.title, list(choices), selection_mode="multi", format_func=choices.__getitem__, **options
            )
        _correct(field, [value for value in st.session_state[field] if value in choices])
        return st.multiselect(setting.title, list(choices), format_func=choices.__getitem__, **options)
    st.session_state.setdefault(field, initial)
    if setting.kind == "boolean":
        return st.toggle(setting.title, **options)
    if choices:
        return st.selectbox(setting.title, list(choices), format_func=choices.__getitem__, **options)
    number: Any = int if setting.kind == "integer" else float
    if st.session_state[field] is not None:
        _correct(field, number(st.session_state[field]))
    lowest, highest, value = (
        None if each is None else number(each) for each in (setting.minimum, setting.maximum, initial)
    )
    return st.number_input(
        setting.title, lowest, highest, value, number(1), format="%d" if number is int else "%g", **options
    )


def _correct(field: str, value: object) -> None:
    """Change the value of a field, but only if it differs: a value that is set replaces what is being typed."""
    current = st.session_state[field]
    if current != value or type(current) is not type(value):
        st.session_state[field] = value


def mapping_select(
    cell: DeltaGenerator, label: str, name: str, options: dict[_Option, str], default: _Option, *, key: str
) -> _Option:
    """Show a select box for a setting of `Mapping` and return its value; `options` has the label of each value."""
    values = list(options)
    return cell.selectbox(
        label, values, values.index(default), format_func=options.__getitem__, key=key, help=field_help(name)
    )
