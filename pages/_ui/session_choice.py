"""The field for the id of a session, and the button that draws a random one."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from pages._ui.state import get_param, page_state, set_param


def choose_session(draw: Callable[[int], str | None], *, key: str, placeholder: str, hint: str) -> str:
    """Let the visitor choose a session, and return its id; "" if none is chosen yet.

    The id is kept in the address of the page.

    Args:
        draw: function from the number of the draw to a random session id; None if there is no session.
        key: unique key of the button.
        hint: what is shown until a session is chosen.
    """
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
