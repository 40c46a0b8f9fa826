"""The one way in which pages show a table and offer a file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import streamlit as st


def show_table(
    rows: Sequence[Mapping[str, object]],
    *,
    alt: str,
    numbers: Iterable[str] = (),
    widths: Mapping[str, int] | None = None,
    labels: Mapping[str, str] | None = None,
    scrolls: bool = False,
) -> None:
    """Show rows that are already formatted as text.

    Args:
        rows: one mapping of column to cell per row, all with the same columns.
        alt: what the table holds, for screen readers.
        numbers: columns of numbers, which are right-aligned.
        widths: widths in pixels of columns that should not follow their content.
        labels: headers that differ from the name of the column.
        scrolls: keep the default height and scroll, instead of showing all rows.
    """
    right, widths, labels = set(numbers), widths or {}, labels or {}
    columns = {
        name: st.column_config.TextColumn(
            labels.get(name), width=widths.get(name), alignment="right" if name in right else None
        )
        for name in {**dict.fromkeys(right), **widths, **labels}
    }
    st.dataframe(list(rows), hide_index=True, height="auto" if scrolls else "content", column_config=columns, alt=alt)


def offer_csv(label: str, file_name: str, content: Callable[[], Any]) -> None:
    """Show a button that downloads a CSV file; `content` is called when it is clicked."""
    st.download_button(
        label, content, file_name=file_name, mime="text/csv", on_click="ignore", icon=":material/download:"
    )
