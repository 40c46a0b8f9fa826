"""What can be taken away from a chart: its numbers, pictures, a page that lives on."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import streamlit as st

from core.eda.parts import export
from core.eda.parts.export import Shown


def downloads(name: str, data: Any, shown: Shown, note: str) -> None:  # noqa: ANN401 (core's frame)
    """A menu under a chart; a file is made when it is asked for. `note` says what the chart is of."""
    page = partial(export.page, shown.title, note.replace("**", ""), [shown])
    made = {
        "Numbers (CSV)": (f"{name}.csv", "text/csv", data.write_csv),
        "Picture (PNG)": (f"{name}.png", "image/png", partial(export.picture, shown.figure, "png")),
        "Picture (SVG)": (f"{name}.svg", "image/svg+xml", partial(export.picture, shown.figure, "svg")),
        "Chart (HTML)": (
            f"{name}.html",
            "text/html",
            page,
        ),
    }
    with st.popover("Download", icon=":material/download:", type="tertiary"):
        for label, (file, mime, content) in made.items():
            st.download_button(
                label, content, file_name=file, mime=mime, on_click="ignore", key=f"{name}-{label}", type="tertiary"
            )


def whole_page(what: str, title: str, note: str, drawn: Callable[[], list[Shown]]) -> None:
    """Charts with their findings as one file, made when it is asked for."""
    st.download_button(
        f"{what} as one HTML file",
        lambda: export.page(title, note.replace("**", ""), drawn()),
        file_name=f"{what.lower().replace(' ', '_')}.html",
        mime="text/html",
        on_click="ignore",
        icon=":material/html:",
        key=f"page-{what}",
    )
