"""The view of the Live page that values one session event by event: a real one, or one that the visitor builds."""

from __future__ import annotations

from functools import partial

import streamlit as st

from core.dataset import Dataset
from core.live.replay import MAX_EVENTS, Click
from core.runs import Run
from core.schema import ADD_CART, BUY, REMOVE_CART, VIEW
from pages._ui import live_cache
from pages._ui.session_choice import choose_session
from pages._ui.session_steps import show_steps
from pages._ui.state import page_state
from pages._ui.text import plain

_REAL, _CLICKED = "Real session", "Build a session"
_ORIGIN_KEY, _PRODUCT_KEY, _SECONDS_KEY = "session-origin", "click-product", "click-seconds"
_SECONDS = 30
"""Default time between two events."""
_MAX_SECONDS = 86_400
_PLACES = 10
"""Events for which the chart of a clicked session has room at first, so that its line grows to the right."""
_BUTTONS = {
    VIEW: ("View", ":material/visibility:"),
    ADD_CART: ("Add to cart", ":material/add_shopping_cart:"),
    REMOVE_CART: ("Remove from cart", ":material/remove_shopping_cart:"),
    BUY: ("Buy", ":material/payments:"),
}


def show_open_session(run: Run, dataset: Dataset) -> None:
    """Let the visitor choose a session or click one together, and show its estimate after each event."""
    default = _CLICKED if page_state().clicks else _REAL
    origin = st.segmented_control(
        "Session", [_REAL, _CLICKED], default=default, required=True, key=_ORIGIN_KEY, label_visibility="collapsed"
    )
    if origin == _REAL:
        _show_real(str(run.folder))
    else:
        _show_clicked(str(run.folder), str(dataset.folder))


def _show_real(folder: str) -> None:
    session_id = choose_session(
        lambda draw: live_cache.draw_session(folder, draw),
        key="replay-random",
        placeholder="an id from the test file",
        hint="Draw a random session, or enter the id of a session of the test file.",
        has_example=True,
    )
    if not session_id:
        return
    found = live_cache.replayed(folder, session_id)
    if found is None:
        st.markdown(plain(f"There is no session {session_id} in the test file."))
        return
    n_steps = len(found.replay.steps)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        seen = n_steps
        if n_steps > 1:
            seen = st.slider("Events so far", 1, n_steps, n_steps, key=f"seen-{session_id}", width=420)
        st.button(
            "Try other events",
            icon=":material/alt_route:",
            key="continue-session",
            on_click=partial(_continue, session_id, seen),
            help="Keep the events so far and add other next events.",
        )
    show_steps(found, seen)


def _show_clicked(folder: str, dataset_folder: str) -> None:
    state, labels = page_state(), live_cache.product_choices(folder, dataset_folder)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.selectbox(
            "Product",
            list(labels),
            format_func=lambda product: labels.get(product, product),
            key=_PRODUCT_KEY,
            accept_new_options=True,
            width=420,
            help="Lists the products with the most events. You can also type any other product id, even a new one.",
        )
        st.number_input("Seconds since the last event", 0, _MAX_SECONDS, _SECONDS, key=_SECONDS_KEY, width=220)
    session_id, n_kept = state.clicks_after
    n_events = n_kept + len(state.clicks)
    with st.container(horizontal=True):
        for event_type, (label, icon) in _BUTTONS.items():
            is_full = n_events >= MAX_EVENTS
            st.button(label, icon=icon, key=event_type, on_click=partial(_click, event_type), disabled=is_full)
        if n_events:
            st.button("Undo", icon=":material/undo:", type="tertiary", on_click=_undo, disabled=not state.clicks)
            st.button("Start over", icon=":material/restart_alt:", type="tertiary", on_click=_start_over)
    found = live_cache.invented(folder, tuple(state.clicks), session_id, n_kept)
    if found is None:
        st.markdown("Choose a product and click an event. The prediction follows each click.")
        return
    show_steps(found, len(found.replay.steps), n_places=_PLACES)


def _click(event_type: str) -> None:
    product, seconds = st.session_state[_PRODUCT_KEY], st.session_state[_SECONDS_KEY]
    page_state().clicks.append(Click(event_type, product or "", seconds))


def _undo() -> None:
    del page_state().clicks[-1:]


def _start_over() -> None:
    page_state().clicks, page_state().clicks_after = [], ("", 0)


def _continue(session_id: str, n_kept: int) -> None:
    page_state().clicks, page_state().clicks_after = [], (session_id, n_kept)
    st.session_state[_ORIGIN_KEY] = _CLICKED
