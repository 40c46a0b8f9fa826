"""The form for the format of a log: columns, event types, times and values, with a preview."""

from __future__ import annotations

from functools import partial
from typing import Any

import streamlit as st

from core.base.text import count, fold_case, whole
from core.base.workspace import Workspace
from core.errors import StudioError
from core.ingestion import Source
from core.ingestion.completed_mapping import complete_mapping
from core.ingestion.drafts import AS_IT_STANDS, draft_mapping, fitting_mapping, frequent_values
from core.ingestion.mapping import Guess, Mapping, mapping_text
from core.ingestion.mapping.role_text import ROLE_NAME
from core.ingestion.peek import Peek, peek
from core.ingestion.preview import count_usable, preview_rows
from core.ingestion.saved_mappings import known_mappings, save_mapping
from core.schema import EVENT_TYPES
from pages._ui.form_words import NO_COLUMN, field_help, form_text
from pages._ui.kept_fields import kept_key
from pages._ui.money_form import money_settings
from pages._ui.own_columns_form import own_columns
from pages._ui.setting_input import mapping_select
from pages._ui.table import offer_file, show_table
from pages._ui.text import plain
from pages._ui.time_fields import time_fields

_CUSTOM = "custom"
_DETECTED = "detected"
"""Option of the text encoding, besides names of encodings."""
_FORMAT_LABELS = {AS_IT_STANDS: "Standard columns", _CUSTOM: "Custom mapping"}
_IGNORED, _UNKNOWN = "ignore", "unknown"
_UNUSED_ROLES = {
    "column": ("price", "quantity", "order_id", "order_status", "currency"),
    "price_of_buys": ("session_value",),
}
"""Rule for the session value -> roles that need no column."""
_VALUE_RULES = {"column": "in a column", "price_of_buys": "sum of the prices of purchases"}
_DECIMALS = {None: "detect", ".": "point: 1,234.50", ",": "comma: 1.234,50"}
_DUPLICATES = {None: "keep, but refuse files with many duplicate purchases", "keep": "keep", "remove": "remove"}
_ENCODINGS = {
    "utf-8": "UTF-8",
    "cp1252": "Western European (cp1252)",
    "cp1254": "Turkish (cp1254)",
    "cp1250": "Central European (cp1250)",
    "cp1251": "Cyrillic (cp1251)",
    "cp1253": "Greek (cp1253)",
    "iso8859-1": "Latin-1 (iso8859-1)",
    "utf-16": "UTF-16",
}
"""Encoding -> label, for those that a person can choose; a mapping file can have any other."""
_N_COLUMNS = 3


def mapping_form(workspace: Workspace, source: Source, log: Peek) -> Mapping | None:
    """Show the form and return the mapping; None while it is incomplete or invalid."""
    encoding = _encoding(log)
    if encoding is not None:
        log = peek(source, Mapping(encoding=encoding))
    known = known_mappings(workspace)
    names, key = [AS_IT_STANDS, *known, _CUSTOM], _key(log, "format")
    if st.session_state.get(key) not in names:  # a mapping that was deleted
        st.session_state.pop(key, None)
    name = st.selectbox(
        "Log format",
        names,
        names.index(fitting_mapping(log, known) or _CUSTOM),
        format_func=lambda name: _FORMAT_LABELS.get(name, name),
        key=key,
    )
    if name == AS_IT_STANDS:
        st.caption("For a log with the standard columns, event types and times. Any other log needs a mapping.")
        mapping = Mapping(encoding=encoding)
        if note := log.own_note(mapping):
            st.caption(form_text(note))
        return mapping
    try:
        mapping = _custom_mapping(log) if name == _CUSTOM else known[name]
        if encoding is not None:
            mapping = mapping.model_copy(update={"encoding": encoding})
        if note := log.own_note(mapping):
            st.caption(form_text(note))
        _show_preview(source, mapping)
        if name == _CUSTOM:
            _offer_mapping(workspace, log, mapping)
    except StudioError as error:
        st.warning(form_text(error), icon=":material/warning:")
        return None
    return mapping


def _encoding(log: Peek) -> str | None:
    """Show the detected encoding of a text file, and return another one if a person chooses it."""
    if log.encoding is None:
        return None
    detected = log.encoding.encoding
    chosen = st.selectbox(
        "Text encoding",
        [_DETECTED, *_ENCODINGS],
        format_func=lambda encoding: f"Detected: {detected}" if encoding == _DETECTED else _ENCODINGS[encoding],
        key=_key(log, "encoding"),
        help=field_help("encoding"),
    )
    if chosen != _DETECTED:
        return chosen
    if log.encoding.note:
        st.text(log.encoding.sentence)  # it quotes words of the file, which are not Markdown
    return None


def _key(log: Peek, part: str) -> str:
    """Return the key of a field. Another log has other keys, so its form starts with the default values."""
    return kept_key(f"mapping/{hash((log.name, log.columns))}/{part}")


def _custom_mapping(log: Peek) -> Mapping:
    """Show the fields, filled in with a suggestion from the log, and return the mapping."""
    draft = draft_mapping(log)
    for role in draft.missing:
        st.caption(f"Choose a column for the {ROLE_NAME.get(role, role)}. {form_text(draft.reasons[role])}")
    settings: dict[str, Any] = {"name": st.text_input("Name of the mapping", "My shop", key=_key(log, "name"))}
    rule = st.radio(
        "Session value",
        _VALUE_RULES,
        list(_VALUE_RULES).index(draft.settings.get("value", "column")),
        format_func=_VALUE_RULES.__getitem__,
        key=_key(log, "value"),
        horizontal=True,
    )
    columns = _column_settings(log, draft, rule)
    settings |= {"value": rule, "columns": columns}
    if rule == "price_of_buys":
        settings |= money_settings(columns, draft.settings, partial(_key, log))
    if columns["event_type"] is None:
        settings["every_event_is"] = st.selectbox("Type of all events", EVENT_TYPES, 3, key=_key(log, "every"))
    else:
        settings |= _event_settings(log, columns["event_type"], draft)
    settings |= _time_settings(log, draft)
    if columns["user_session"] is None:
        settings["session_gap_minutes"] = st.number_input(
            "Session timeout (minutes)",
            1.0,
            43_200.0,
            float(draft.settings.get("session_gap_minutes", 30.0)),
            key=_key(log, "gap"),
            help=field_help("session_gap_minutes"),
        )
    settings |= _quality_settings(log)
    settings["names"] = _name_settings(log, columns, draft)
    settings["own"] = own_columns(log, draft, partial(_key, log))
    return Mapping.checked(**settings)


def _column_settings(log: Peek, draft: Guess, value_rule: str) -> dict[str, str | None]:
    """Show one field per role and return the column of each role; None for a role without a column."""
    guessed = Mapping.checked(**draft.settings).columns.named()
    by_name = {fold_case(name): name for name in reversed(log.columns)}
    options = [NO_COLUMN, *log.columns]
    columns: dict[str, str | None] = dict.fromkeys(_UNUSED_ROLES[value_rule])
    grid = st.columns(_N_COLUMNS)
    for position, role in enumerate(role for role in ROLE_NAME if role not in columns):
        guess = by_name.get(fold_case(guessed.get(role, "")), NO_COLUMN)
        label, reason = ROLE_NAME[role].capitalize(), draft.reasons.get(role)
        column = grid[position % _N_COLUMNS].selectbox(
            label, options, options.index(guess), key=_key(log, role), help=reason and form_text(reason)
        )
        columns[role] = None if column == NO_COLUMN else column
    return columns


def _name_settings(log: Peek, columns: dict[str, str | None], draft: Guess) -> dict[str, str]:
    """Show one field per kind of names, and return the setting `names`."""
    st.markdown("**Display names**")
    kinds = ["product", "category"] if columns["category_id"] is not None else ["product"]
    options, guessed = [NO_COLUMN, *log.columns], Mapping.checked(**draft.settings).names_in_log()
    grid, names = st.columns(_N_COLUMNS), {}
    for position, kind in enumerate(kinds):
        name = guessed.get(f"{kind}_name", NO_COLUMN)
        index = options.index(name) if name in options else 0
        column = grid[position].selectbox(
            f"{kind.capitalize()} name",
            options,
            index,
            key=_key(log, f"{kind}_name"),
            help=field_help("names"),
        )
        if column != NO_COLUMN:
            names[kind] = column
    return names


def _event_settings(log: Peek, column: str, draft: Guess) -> dict[str, Any]:
    """Show one field per distinct value of the event column. Return the settings `event_words` and `ignored_words`."""
    guess = Mapping.checked(**draft.settings)
    guessed_types, guessed_ignored = guess.words(), guess.ignored()
    options = [*EVENT_TYPES, _IGNORED, _UNKNOWN]
    st.markdown("**Event types**")
    st.caption("Rows set to “ignore” or “unknown” are quarantined. Only “unknown” rows count as unusable.")
    grid = st.columns(_N_COLUMNS)
    selected: dict[str, str] = {}
    for position, word in enumerate(frequent_values(log, column)):
        default = _IGNORED if fold_case(word) in guessed_ignored else guessed_types.get(fold_case(word), _UNKNOWN)
        selected[word] = grid[position % _N_COLUMNS].selectbox(
            plain(word), options, options.index(default), key=_key(log, f"word/{word}")
        )
    with_field = set(map(fold_case, selected))
    # words that are not in the first rows keep their guessed type
    types: dict[str, str] = {
        word: kind for word, kind in guess.event_words.items() if fold_case(word) not in with_field
    }
    types |= {word: kind for word, kind in selected.items() if kind in EVENT_TYPES}
    return {"event_words": types, "ignored_words": tuple(word for word, kind in selected.items() if kind == _IGNORED)}


def _time_settings(log: Peek, draft: Guess) -> dict[str, Any]:
    st.markdown("**Times and numbers**")
    left, middle, right = st.columns(_N_COLUMNS)
    settings = time_fields(left, middle, draft, partial(_key, log))
    default = draft.settings.get("decimal")
    decimal = mapping_select(right, "Decimal mark", "decimal", _DECIMALS, default, key=_key(log, "decimal"))
    return settings | {"decimal": decimal}


def _quality_settings(log: Peek) -> dict[str, Any]:
    left, right, _ = st.columns(_N_COLUMNS)
    key = _key(log, "duplicates")
    duplicates = mapping_select(left, "Duplicate rows", "duplicates", _DUPLICATES, default=None, key=key)
    text = field_help("least_usable")
    share = right.number_input("Minimum share of usable rows", 0.0, 1.0, 0.9, 0.05, key=_key(log, "least"), help=text)
    return {"duplicates": duplicates, "least_usable": share}


def _show_preview(source: Source, mapping: Mapping) -> None:
    """Show the first rows as the mapping reads them, and the columns that were added to the mapping."""
    for note in complete_mapping(source, mapping)[1]:
        st.caption(form_text(note))
    preview = preview_rows(source, mapping, with_value=True)
    n_usable, n_rows = count_usable(preview)
    st.markdown(f"**Preview of the first {count(n_rows, 'row')}: {whole(n_usable)} usable**")
    show_table(preview, alt="The first rows as the mapping reads them")


def _offer_mapping(workspace: Workspace, log: Peek, mapping: Mapping) -> None:
    with st.container(horizontal=True):
        if st.button("Save the mapping", icon=":material/save:", key="save-mapping"):
            save_mapping(workspace, mapping)
            st.toast(f"Saved the mapping {plain(mapping.name)}.")
        offer_file(
            "Download the mapping",
            "mapping.toml",
            lambda: mapping_text(mapping),
            mime="application/toml",
            key="download-mapping",
        )
