"""Tables and download buttons, in the same form on all pages."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal

import streamlit as st
from streamlit.elements.lib.column_types import ColumnConfig

from core.base.spreadsheet import harmless_cells, harmless_rows
from core.base.text import MISSING
from pages._ui.number_format import in_page_format

Frame = Any
"""A data frame of core; pages import no data frame library."""
Rows = Sequence[Mapping[str, object]]
"""One mapping of column to cell per row, all with the same columns; cells are already formatted."""


def show_table(
    rows: Rows | Frame,
    *,
    alt: str,
    numbers: Iterable[str] = (),
    widths: Mapping[str, int] | None = None,
    labels: Mapping[str, str] | None = None,
    links: Mapping[str, str] | None = None,
    width: Literal["stretch", "content"] = "stretch",
    scrolls: bool = False,
) -> None:
    """Show a table. In its cells, as in the file that its menu offers, texts cannot be formulas of a spreadsheet.

    Args:
        rows: formatted cells, or a data frame whose values are shown as they are.
        alt: description of the table for screen readers.
        numbers: columns of numbers, which are right-aligned.
        widths: widths in pixels of columns that should not follow their content.
        labels: headers that differ from the name of the column.
        links: columns of addresses, with a pattern whose first group is what is shown of each.
        width: width of the whole table.
        scrolls: keep the default height and scroll, instead of showing all rows.
    """
    st.dataframe(
        _harmless(rows),
        width=width,
        hide_index=True,
        height="auto" if scrolls else "content",
        column_config=_column_config(numbers, widths or {}, labels or {})
        | {name: st.column_config.LinkColumn(display_text=pattern) for name, pattern in (links or {}).items()},
        placeholder=MISSING,
        alt=alt,
    )


def pick_rows(rows: Rows, *, alt: str, numbers: Iterable[str], key: str, scrolls: bool = False) -> list[int]:
    """Show a table whose rows can be selected, and return the positions of the selected rows."""
    state = st.dataframe(
        _harmless(rows),
        hide_index=True,
        height="auto" if scrolls else "content",
        column_config=_column_config(numbers, {}, {}),
        alt=alt,
        key=key,
        on_select="rerun",
        selection_mode="multi-row",
    )
    return list(state.selection.rows)


def offer_file(
    label: str,
    file_name: str,
    content: Callable[[], str | bytes],
    *,
    mime: str = "text/csv",
    icon: str | None = ":material/download:",
    kind: Literal["primary", "secondary", "tertiary"] = "secondary",
    key: str | None = None,
) -> None:
    """Show a download button; `content` is called when it is clicked."""
    st.download_button(
        label,
        data=in_page_format(content),
        file_name=file_name,
        mime=mime,
        on_click="ignore",
        icon=icon,
        type=kind,
        key=key,
    )


def _harmless(rows: Rows | Frame) -> Rows | Frame:
    return harmless_rows(rows) if isinstance(rows, Sequence) else harmless_cells(rows.lazy()).collect()


def _column_config(
    numbers: Iterable[str], widths: Mapping[str, int], labels: Mapping[str, str]
) -> dict[str, ColumnConfig | str | None]:
    right = set(numbers)
    return {
        name: st.column_config.TextColumn(
            labels.get(name), width=widths.get(name), alignment="right" if name in right else None
        )
        for name in {*right, *widths, *labels}
    }
