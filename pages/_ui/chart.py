"""A chart with its title and its finding."""

from __future__ import annotations

import streamlit as st

from core.eda.parts.theme import Figure
from pages._ui.text import plain


def show_chart(finding: str, figure: Figure, *, title: str = "", lead: str = "", key: str | None = None) -> None:
    """Show the title (the question), the finding in one sentence, after a lead in bold type, and the chart."""
    if title:
        st.subheader(plain(title), anchor=False)
    st.markdown(f"**{plain(lead)}** {plain(finding)}" if lead else plain(finding))
    st.altair_chart(figure, key=key)
