"""The field for the id of a session, the button that draws a random one, and links to sessions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final
from urllib.parse import quote

import streamlit as st

from pages._ui.state import get_param, page_state, set_param

ONE_SESSION: Final = "One session"
"""The view of a page that shows one session."""
SESSION_IN_LINK: Final = "[?&]session=([^&]*)"
"""What a table shows of a `session_link`: the id."""


def choose_session(
    draw: Callable[[int], str | None], *, key: str, placeholder: str, hint: str, has_example: bool = False
) -> str:
    """Let the visitor choose a session, and return its id; "" if none is chosen yet.

    The id is kept in the address of the page.

    Args:
        draw: function from the number of the draw to a random session id; None if there is no session.
        key: unique key of the button.
        hint: what is shown until a session is chosen.
        has_example: whether a visitor who comes without a session sees a random one at first.
    """
    if has_example and not get_param("session") and not page_state().n_draws:
        page_state().n_draws = 1
        set_param("session", draw(1) or "")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        if st.button("Random session", icon=":material/casino:", key=key):
            page_state().n_draws += 1
            set_param("session", draw(page_state().n_draws) or "")
        session_id = st.text_input("Session id", get_param("session"), placeholder=placeholder, width=420).strip()
    if session_id:
        set_param("session", session_id)
    else:
        st.markdown(hint)
    return session_id


def session_link(session_id: str, page: str = "", dataset: str = "") -> str:
    """Return the address of the view of a session.

    Args:
        page: address of the page; the same page by default.
        dataset: fingerprint of the dataset; the selected one by default.
    """
    selected = {"dataset": dataset or get_param("dataset"), "run": get_param("run")}
    params = selected | {"view": ONE_SESSION, "session": session_id}
    return f"{page}?" + "&".join(f"{name}={quote(value, safe='')}" for name, value in params.items())
