"""Fields that keep their values while another page is open. Streamlit forgets the values of fields not drawn."""

from __future__ import annotations

import streamlit as st

from pages._ui.state import page_state

_PREFIX = "kept/"


def kept_key(name: str) -> str:
    """Return the key of a field whose value is kept. Not for buttons, whose value cannot be set."""
    return f"{_PREFIX}{name}"


def keep_fields() -> None:
    """Remember the values of all kept fields, and restore those that were forgotten. Call it before they are drawn."""
    kept = page_state().kept_fields
    kept |= {str(key): value for key, value in st.session_state.items() if str(key).startswith(_PREFIX)}
    for key, value in kept.items():
        st.session_state.setdefault(key, value)
