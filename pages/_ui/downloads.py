"""Downloads of charts: numbers, pictures and interactive HTML pages."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import streamlit as st

from core.base.spreadsheet import csv_for_people
from core.eda.parts import export
from core.eda.parts.export import PageChart
from pages._ui.table import Frame, offer_file


def offer_chart(name: str, data: Frame, shown: PageChart, note: str) -> None:
    """Show a menu of downloads below a chart; `note` says what the chart is computed from."""
    files: list[tuple[str, str, str, Callable[[], str | bytes]]] = [
        ("Numbers (CSV)", "csv", "text/csv", partial(csv_for_people, data))
    ]
    if shown.figure is not None:
        files += [
            ("Picture (PNG)", "png", "image/png", partial(export.render_picture, shown.figure, "png")),
            ("Picture (SVG)", "svg", "image/svg+xml", partial(export.render_picture, shown.figure, "svg")),
            ("Chart (HTML)", "html", "text/html", partial(export.render_page, shown.title, note, [shown])),
        ]
    with st.popover("Download", icon=":material/download:", type="tertiary"):
        for label, suffix, mime, content in files:
            offer_file(label, f"{name}.{suffix}", content, mime=mime, icon=None, kind="tertiary", key=f"{name}-{label}")


def offer_page(name: str, label: str, title: str, note: str, charts: Callable[[], list[PageChart]]) -> None:
    """Show a button that downloads several charts with their findings as one HTML file.

    Args:
        name: name of the file without its ending.
        label: what the charts are, in the label of the button.
    """
    offer_file(
        f"Download {label} (HTML)",
        f"{name.lower().replace(' ', '_')}.html",
        lambda: export.render_page(title, note, charts()),
        mime="text/html",
        icon=":material/html:",
        key=f"page-{name}",
    )
