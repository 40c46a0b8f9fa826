"""Form field for one run setting, built from its description in `RunConfig`."""

from __future__ import annotations

from typing import Any

import streamlit as st

from core.config import RunConfig, Setting


def setting_input(name: str, default: float | None = None, **options: Any) -> Any:  # noqa: ANN401 (any widget)
    """Show the form field of a run setting and return its value.

    Args:
        name: a field of `RunConfig`.
        default: value to begin with, if not the setting's own default; only for numbers.
        options: further arguments of the Streamlit widget.
    """
    setting = RunConfig.setting(name)
    options["help"] = setting.description
    if setting.kind == "boolean":
        return st.toggle(setting.title, setting.default, **options)
    if not setting.choices:
        return _number_input(setting, setting.default if default is None else default, **options)
    choices, options["format_func"] = list(setting.choices), setting.choices.__getitem__
    if setting.kind == "array":
        return st.pills(setting.title, choices, selection_mode="multi", default=setting.default, **options)
    return st.selectbox(setting.title, choices, choices.index(setting.default), **options)


def _number_input(setting: Setting, value: float | None, **options: Any) -> float | None:  # noqa: ANN401
    if setting.kind == "integer":
        return st.number_input(
            setting.title, _integer(setting.minimum), _integer(setting.maximum), _integer(value), 1, "%d", **options
        )
    return st.number_input(
        setting.title, _float(setting.minimum), _float(setting.maximum), _float(value), 1.0, "%g", **options
    )


def _integer(value: float | None) -> int | None:
    return None if value is None else int(value)


def _float(value: float | None) -> float | None:
    return None if value is None else float(value)
