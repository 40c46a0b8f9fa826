"""Hyperparameters of single learners: fixed values, and other ranges for the search."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from core.schema import LEARNER_LABELS
from pages._ui.kept_fields import kept_key
from pages._ui.train_cache import hyperparameters

_PREFIX = kept_key("hyperparameter/")


def choose_hyperparameters(learners: Sequence[str], *, tunes: bool) -> list[str]:
    """Show the hyperparameters of one learner, and return the entries for all learners.

    Args:
        tunes: whether the run searches hyperparameters, so that ranges can be set.
    """
    st.markdown("**Hyperparameters**")
    known = [learner for learner in learners if learner in LEARNER_LABELS]
    opened = st.segmented_control(
        "Learner",
        known,
        format_func=LEARNER_LABELS.__getitem__,
        key=kept_key("hyperparameters-of"),
        label_visibility="collapsed",
    )
    if opened is None and not any(str(key).startswith(_PREFIX) for key in st.session_state):
        return []
    rows = hyperparameters()
    for row in rows:
        if row["learner"] == opened:
            _show_row(row, tunes=tunes)
    return [entry for row in rows if row["learner"] in known and (entry := _entry(row, tunes=tunes))]


def _key(row: dict[str, Any], part: str) -> str:
    return f"{_PREFIX}{row['learner']}.{row['name']}/{part}"


def _show_row(row: dict[str, Any], *, tunes: bool) -> None:
    """Show the value of a hyperparameter and, for a run that tunes, the ends of its search range."""
    searched = f"searched from {row['low']:g} to {row['high']:g}" if tunes else f"default {row['default']:g}"
    with st.container(horizontal=True, vertical_alignment="bottom"):
        for part, label in (("value", row["name"]), ("low", "search from"), ("high", "to")):
            if part == "value" or (tunes and st.session_state.get(_key(row, "value")) is None):
                _number(row, part, label, searched if part == "value" else f"{row[part]:g}")


def _number(row: dict[str, Any], part: str, label: str, placeholder: str) -> None:
    kind: Any = int if row["whole"] else float
    st.session_state.setdefault(_key(row, part), None)
    st.number_input(
        label,
        kind(row["smallest"]),
        kind(row["largest"]),
        None,
        None,
        format="%d" if row["whole"] else "%g",
        placeholder=placeholder,
        key=_key(row, part),
        width=230 if part == "value" else 120,
        help=f"From {row['smallest']:g} to {row['largest']:g}." if part == "value" else None,
    )


def _entry(row: dict[str, Any], *, tunes: bool) -> str:
    """Return the entry of a hyperparameter that was set, see `RunConfig.hyperparameters`; empty if it was not."""
    value, low, high = (st.session_state.get(_key(row, part)) for part in ("value", "low", "high"))
    name = f"{row['learner']}.{row['name']}"
    if value is not None:
        return f"{name}={value:g}" if not row["whole"] else f"{name}={value}"
    if not tunes or (low is None and high is None):
        return ""
    low, high = row["low"] if low is None else low, row["high"] if high is None else high
    return f"{name}={low:g}:{high:g}"
