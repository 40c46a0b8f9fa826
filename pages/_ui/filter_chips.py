"""The conditions of Explore's filter as chips that can be removed, and the filter that it is compared with."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qsl, urlencode

import streamlit as st

from core.base.text import count, whole
from core.dataset import COUNTED_SESSIONS
from core.eda.parts.selection import Selection
from pages._ui.state import get_param, page_state, set_param
from pages._ui.text import plain

_ALL = "all"
"""Value of the query parameter for a comparison with all sessions, whose filter is empty."""
_UNITS = (
    f"{COUNTED_SESSIONS} Charts of values exclude sessions whose value is unknown and session "
    "ids that several users share. Train and Importance exclude these sessions, too."
)


def show_chips(selection: Selection, n_selected: int, n_sessions: int, labels: Mapping[str, str]) -> str:
    """Show the number of sessions and a button that removes each condition; return both as a sentence.

    Args:
        labels: id of a category -> what is shown instead.
    """
    all_sessions = count(n_sessions, "session")
    if selection.is_empty:
        note = f"All {all_sessions} of both files."
        st.markdown(note, width="content", help=_UNITS)
        return note
    st.markdown(f"**{whole(n_selected)}** of {all_sessions}:", width="content", help=_UNITS)
    conditions = selection.conditions(labels)
    for phrase, rest in conditions:
        st.button(
            plain(phrase),
            key=f"filter-without-{phrase}",
            icon=":material/close:",
            icon_position="right",
            help="Remove this condition.",
            on_click=_set_filter,
            args=(rest,),
        )
    if len(conditions) > 1:
        st.button("Clear the filter", key="filter-clear", type="tertiary", on_click=_set_filter, args=(Selection(),))
    return f"{whole(n_selected)} of {all_sessions}: those {selection.describe(labels)}."


def show_comparison(selection: Selection, labels: Mapping[str, str]) -> Selection | None:
    """Show what the filter is compared with, or a menu to choose it; return the other filter, if there is one."""
    param = get_param("with")
    if param:
        other = Selection() if param == _ALL else Selection.from_query(dict(parse_qsl(param)))
        st.button(
            f"compared with {plain(describe(other, labels))}",
            key="compare-clear",
            icon=":material/close:",
            icon_position="right",
            help="End the comparison.",
            on_click=set_param,
            args=("with", ""),
        )
        return other
    with st.popover("Compare", icon=":material/compare:", type="tertiary"):
        st.markdown("Show two filters side by side.")
        value = urlencode(selection.as_query()) or _ALL
        st.button(
            "Pin this filter and edit a second one" if value != _ALL else "Pin all sessions and set a second filter",
            key="compare-keep",
            on_click=set_param,
            args=("with", value),
        )
        if value != _ALL:
            st.button("Compare with all sessions", key="compare-all", on_click=set_param, args=("with", _ALL))
    return None


def describe(selection: Selection, labels: Mapping[str, str]) -> str:
    """Return the sessions of a filter in words."""
    return "all sessions" if selection.is_empty else f"sessions {selection.describe(labels)}"


def _set_filter(selection: Selection) -> None:
    page_state().next_filter = selection
