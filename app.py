"""The dashboard as a server application. `streamlit run app.py` serves home.py and pages/ behind the guard."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from pages._ui.serving.start import announced, guard

app = st.App(Path(__file__).with_name("home.py"), middleware=[guard()], lifespan=announced)
