"""A chart with its title and its finding, in the colours of the visitor's theme."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from core.eda.parts.theme import Figure, Theme, with_text_colour
from pages._ui.table import Frame
from pages._ui.text import plain


def visitor_theme() -> Theme:
    """Return the theme that the visitor sees."""
    return "dark" if st.context.theme.type == "dark" else "light"


def show_chart(finding: str, figure: Figure | None, *, title: str = "", lead: str = "", key: str | None = None) -> None:
    """Show the title (the question), the finding in one sentence, after a lead in bold type, and the chart, if any."""
    if title:
        st.header(plain(title), anchor=False)
    st.markdown(f"**{plain(lead)}** {plain(finding)}" if lead else plain(finding))
    if figure is not None:
        draw_chart(figure, key=key)


def draw_chart(figure: Figure, *, key: str | None = None) -> None:
    """Show a chart."""
    st.altair_chart(with_text_colour(figure, visitor_theme()), key=key)


def draw_changing_chart(data: Frame, spec: Mapping[str, Any], *, key: str) -> None:
    """Show a chart whose data changes, by its specification without data; see `theme.spec_without_data`."""
    st.vega_lite_chart(data, dict(spec), key=key)


def pick_in_chart(figure: Figure, *, key: str) -> Mapping[str, Any]:
    """Show a chart in which marks can be picked, and return what is picked, by the name of the parameter."""
    event = st.altair_chart(with_text_colour(figure, visitor_theme()), key=key, on_select="rerun")
    return dict(event.selection)
