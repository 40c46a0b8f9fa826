"""The field for the address of a database."""

from __future__ import annotations

import streamlit as st


def database_url() -> str:
    """Show a field for the URL of a database, hidden like a password because it may contain one, and return it."""
    return st.text_input(
        "Database URL",
        placeholder="sqlite:///shop.db or postgresql://user:password@host/shop",
        type="password",
        help="A password in the URL is neither stored nor shown.",
    )
