"""Form field for one run setting, built from its description in `RunConfig`."""

from __future__ import annotations

from typing import Any

import streamlit as st

from core.config import RunConfig


def setting_input(name: str, default: float | None = None, **options: Any) -> Any:  # noqa: ANN401 (any widget)
    """Show the form field of a setting of `RunConfig` and return its value.

    `default` replaces the default of a number; `options` are further arguments of the Streamlit widget.
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
