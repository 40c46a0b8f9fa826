"""Form field for one run setting, built from its description in `RunConfig`."""

from __future__ import annotations

from typing import Any

import streamlit as st

from core.config import RunConfig


def setting_input(name: str, default: float | None = None, **options: Any) -> Any:  # noqa: ANN401 (any widget)
    """Show the form field of a run setting and return its value.

    Args:
        name: a field of `RunConfig`.
        default: value to begin with, if not the setting's own default; only for numbers.
        options: further arguments of the Streamlit widget.
    """
    setting = RunConfig.setting(name)
    if setting.kind == "boolean":
        return st.toggle(setting.title, setting.default, help=setting.description, **options)
    if setting.choices:
        choices = list(setting.choices)
        label = setting.choices.__getitem__
        if setting.kind == "array":
            return st.pills(
                setting.title,
                choices,
                selection_mode="multi",
                default=setting.default,
                format_func=label,
                help=setting.description,
                **options,
            )
        return st.selectbox(
            setting.title,
            choices,
            choices.index(setting.default),
            format_func=label,
            help=setting.description,
            **options,
        )
    number = int if setting.kind == "integer" else float
    value = setting.default if default is None else default
    return st.number_input(
        setting.title,
        None if setting.minimum is None else number(setting.minimum),
        None if setting.maximum is None else number(setting.maximum),
        None if value is None else number(value),
        number(1),
        format="%d" if number is int else "%g",
        help=setting.description,
        **options,
    )
