"""The part of the mapping form about extra columns: a table of the columns that have no role."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast, get_args

import streamlit as st

from core.base.spreadsheet import harmless_rows
from core.base.text import count, whole
from core.ingestion.drafts import OwnChoice, own_choices, own_settings
from core.ingestion.mapping import Guess, Mapping
from core.ingestion.peek import Peek
from core.own_columns import Kind, Level

_MAX_HEIGHT = 330
"""Pixels, about eight rows. A log can have more columns than fit on a screen."""
_MAX_ROWS = 8
_EDITOR = "editor/"
_BASE = "base/"


def own_columns(log: Peek, draft: Guess, widget_key: Callable[[str], str]) -> dict[str, dict[str, str]]:
    """Show the table, filled in with a suggestion from the log, and return the setting `own` of a mapping.

    Args:
        log: beginning of the log.
        draft: what the log suggests.
        widget_key: function of the name of a setting that returns the key of its widget.
    """
    if not draft.settings.get("own") and not draft.unused:
        return {}
    choices = _table(log, draft, widget_key("own"))
    return own_settings(choices)


def _table(log: Peek, draft: Guess, key: str) -> list[OwnChoice]:
    """Show the choices in an editor, and return them as they are now.

    Streamlit forgets the edits of an editor that is not drawn, and they cannot be set. So the choices are kept besides,
    and the editor starts from them when it is drawn again. While it is drawn, its rows must stay the same.
    """
    state = st.session_state
    if _EDITOR + key not in state or _BASE + key not in state:
        state[_BASE + key] = state.get(key) or own_choices(log, draft)
    rows: list[OwnChoice] = state[_BASE + key]
    n_suggested = sum(not row["why"] for row in rows)
    st.markdown("**Extra columns**", help=Mapping.model_fields["own"].description)
    text = f"{whole(n_suggested)} of {count(len(rows), 'extra column')} may improve predictions."
    if n_suggested < len(rows):
        text += " The others are at the end of the table, with the reason."
    st.caption(text)
    edited = st.data_editor(
        harmless_rows(rows),
        key=_EDITOR + key,
        hide_index=True,
        height=_MAX_HEIGHT if len(rows) > _MAX_ROWS else "content",
        disabled=["column", "why"],
        column_config={
            "use": st.column_config.CheckboxColumn("Use", width=65),
            "column": st.column_config.TextColumn("Column", width=140),
            "kind": st.column_config.SelectboxColumn("Kind", options=get_args(Kind), required=True, width=90),
            "level": st.column_config.SelectboxColumn("Level", options=get_args(Level), required=True, width=90),
            "why": st.column_config.TextColumn("Not suggested because", width="large"),
        },
    )
    # A name may have been changed for spreadsheets, because the table's menu offers a file.
    choices = [cast(OwnChoice, {**row, "column": own["column"]}) for row, own in zip(edited, rows, strict=True)]
    state[key] = choices
    return choices
