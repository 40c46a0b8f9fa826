"""The part of a form about tables of products and users: their files, and the columns that are used."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from core.base.files import path_of
from core.base.workspace import Workspace
from core.ingestion import Tables
from core.ingestion.attributes.completion import Completion, complete_with_tables
from core.ingestion.mapping import Mapping
from core.ingestion.mapping.own_text import describe
from core.ingestion.peek import changed_at
from core.own_columns import TABLE_LEVEL, TableName
from pages._ui.kept_fields import kept_key
from pages._ui.text import plain
from pages._ui.uploads import TABLES, TYPES, uploaded_files

_MAX_ENTRIES = 16


def choose_tables(workspace: Workspace, names: Sequence[TableName] = TABLES, *, as_uploads: bool) -> Tables:
    """Show the fields for tables of products and users, and return the files that were chosen.

    Args:
        names: the tables that can be chosen.
        as_uploads: whether files are uploaded, or named by their paths on the server.

    Raises:
        StudioError: the disk is full, or a file changed while it was copied.
    """
    if as_uploads:
        paths = uploaded_files(workspace, TYPES, names)
        return {name: paths[name] for name in names if name in paths}
    chosen: dict[TableName, Path] = {}
    for name in names:
        label = f"Table of {name} (optional)"
        text = f"one row per {TABLE_LEVEL[name]}, such as {name}.csv"
        if path := st.text_input(label, placeholder=text, key=kept_key(label)):
            chosen[name] = path_of(path)
    return chosen


def show_used_columns(mapping: Mapping, tables: Tables) -> None:
    """Say which columns of tables will be used.

    Raises:
        StudioError: a table cannot be used, or the mapping needs a table that was not chosen.
    """
    stamps = tuple((name, str(path), changed_at(path)) for name, path in tables.items())
    completion = _completion(mapping.digest, stamps, mapping, tables)
    for note in completion.notes:
        st.caption(plain(note))
    if not completion.notes and tables:
        own = completion.mapping.model_dump(exclude_defaults=True).get("own", {})
        from_tables = {name: settings for name, settings in own.items() if settings.get("table") in tables}
        for line in describe(from_tables):
            st.caption(plain(f"Extra columns {line}."))


@st.cache_resource(show_spinner=False, max_entries=_MAX_ENTRIES)
def _completion(digest: str, stamps: tuple[object, ...], _mapping: Mapping, _tables: Tables) -> Completion:
    """Return the completed mapping. `digest` and `stamps` are the key of the cache."""
    return complete_with_tables(_mapping, _tables)
