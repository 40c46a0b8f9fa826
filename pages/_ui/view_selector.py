"""Which view of a page is shown, and other choices that are written to the URL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import streamlit as st

from pages._ui.state import MAX_LINK_TEXT, Param, get_param, page_state, set_param
from pages._ui.text import plain


def select_view(page: str, views: Sequence[str], default: str = "") -> str:
    """Show the views of a page and return the selected one, which is written to the URL.

    Args:
        page: name of the page.
        default: the view of a first visit; by default the first one.
    """
    state, linked, key = page_state(), get_param("view"), f"view-{page}"
    last, shown = state.last_views.get(page, ""), st.session_state.get(key)
    current = _current_view(views, shown, linked=linked, last=last) or default or views[0]
    if current != shown:
        st.session_state[key] = current
    if linked and linked not in views and linked != last:
        text = f"There is no view {linked[:MAX_LINK_TEXT]}. The page shows {current} instead."
        st.warning(plain(text), icon=":material/link_off:")
    view = st.segmented_control("View", views, required=True, key=key, label_visibility="collapsed") or views[0]
    state.last_views[page] = view
    set_param("view", view)
    return view


def _current_view(views: Sequence[str], shown: str | None, *, linked: str, last: str) -> str | None:
    """Return the view to show; None for that of a first visit.

    The view follows the URL if that has changed (a link, the browser's back button). A visitor who comes from another
    page, whose URL has no view, sees the last view again.

    Args:
        shown: the view that is shown now; None if the page was just opened.
        linked: the view in the URL; empty if it has none.
        last: the view that the page last wrote to the URL; empty before the first visit.
    """
    if linked in views and (shown is None or linked != last):
        return linked
    if shown is None and last in views:
        return last
    return shown


def select_param(param: Param, labels: Mapping[str, str]) -> str:
    """Show a choice whose value is written to the URL, and return it.

    Args:
        param: query parameter.
        labels: value -> label. The first value is the default, which is not written.
    """
    key, linked, default = f"choice-{param}", get_param(param), next(iter(labels))
    if st.session_state.get(key) not in labels:
        st.session_state[key] = linked if linked in labels else default
    chosen = st.selectbox(
        param, list(labels), format_func=labels.__getitem__, key=key, label_visibility="collapsed", width=230
    )
    set_param(param, "" if chosen == default else chosen)
    return chosen
