"""Home, and the application that serves all pages behind a guard.

The server imports this file once, for the application. Streamlit then runs it for each visitor, as the script of Home.
"""

from __future__ import annotations

import streamlit as st

if __name__ == "__main__":
    from pages._ui.home import show_home

    show_home()
else:  # without the pages, whose caches need a running server
    from core.base.allocator import keep_freed_memory

    keep_freed_memory()  # before Polars is loaded

    from pages._ui.serving.start import announced, guard

    app = st.App(__file__, middleware=[guard()], lifespan=announced)
