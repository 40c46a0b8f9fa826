"""Downloads of charts: their numbers, pictures, and interactive HTML pages."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import streamlit as st

from core.eda.parts import export
from core.eda.parts.export import Shown
from pages._ui.table import offer_file

_File = tuple[str, str, str, Callable[[], str | bytes]]
"""Label, suffix of the name, MIME type, and function that returns the content."""


def offer_chart(name: str, data: Any, shown: Shown, note: str) -> None:  # noqa: ANN401 (core's frame)
    """Show a menu of downloads under a chart; `note` says what the chart is computed from."""
    files: list[_File] = [("Numbers (CSV)", "csv", "text/csv", data.write_csv)]
    if shown.figure is not None:
        files += [
            ("Picture (PNG)", "png", "image/png", partial(export.picture, shown.figure, "png")),
            ("Picture (SVG)", "svg", "image/svg+xml", partial(export.picture, shown.figure, "svg")),
            ("Chart (HTML)", "html", "text/html", partial(export.page, shown.title, _plain(note), [shown])),
        ]
    with st.popover("Download", icon=":material/download:", type="tertiary"):
        for label, suffix, mime, content in files:
            offer_file(label, f"{name}.{suffix}", content, mime=mime, icon=None, kind="tertiary", key=f"{name}-{label}")


def offer_page(name: str, title: str, note: str, charts: Callable[[], list[Shown]]) -> None:
    """Show a button that downloads charts with their findings as one HTML file."""
    offer_file(
        f"{name} as one HTML file",
        f"{name.lower().replace(' ', '_')}.html",
        lambda: export.page(title, _plain(note), charts()),
        mime="text/html",
        icon=":material/html:",
        key=f"page-{name}",
    )


def _plain(markdown: str) -> str:
    return markdown.replace("**", "")
