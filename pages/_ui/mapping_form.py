"""The form for reading a log of another format: columns, event types, times and values, with a preview."""

from __future__ import annotations

from functools import partial
from typing import Any, TypeVar

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.base.text import count
from core.base.workspace import Workspace
from core.errors import StudioError
from core.ingestion import Source
from core.ingestion.drafts import AS_IT_STANDS, Draft, event_words, known_mappings, propose, save_mapping, suggest
from core.ingestion.mapping import Mapping, mapping_text
from core.ingestion.preview import Peek, complete_mapping, count_usable, preview_rows
from core.schema import EVENT_TYPES
from pages._ui.money_form import money_settings
from pages._ui.table import offer_file, show_table

_CUSTOM = "custom"
_FORMAT_LABELS = {AS_IT_STANDS: "Standard columns", _CUSTOM: "Custom mapping"}
_IGNORED, _UNKNOWN = "ignore", "unknown"
_NO_COLUMN = "(not in the log)"
_ROLES = {
    "event_time": "Time",
    "event_type": "Event type",
    "product_id": "Product",
    "category_id": "Category",
    "user_id": "User",
    "user_session": "Session",
    "session_value": "Session value",
    "price": "Price",
    "quantity": "Quantity",
    "order_id": "Order",
    "order_status": "Order status",
    "currency": "Currency",
}
_UNUSED_ROLES = {
    "column": ("price", "quantity", "order_id", "order_status", "currency"),
    "price_of_buys": ("session_value",),
}
"""Roles without a column, by the rule for the session value."""
_VALUE_RULES = {"column": "in a column", "price_of_buys": "sum of the prices of purchases"}
_DECIMALS = {None: "detect", ".": "point: 1,234.50", ",": "comma: 1.234,50"}
_DUPLICATES = {None: "keep, unless there are many purchases", "keep": "keep", "remove": "remove"}
_TIME_FORMATS = ["auto", "epoch_seconds", "epoch_milliseconds", "epoch_microseconds"]
_OTHER_FORMAT = "other format"
_FIELDS = Mapping.model_fields
_N_COLUMNS = 3
_Option = TypeVar("_Option")


def mapping_form(workspace: Workspace, source: Source, log: Peek) -> Mapping | None:
    """Show the form and return the mapping; None while it is incomplete."""
    known = known_mappings(workspace)
    names = [AS_IT_STANDS, *known, _CUSTOM]
    chosen = st.selectbox(
        "Format of the log",
        names,
        names.index(propose(log, known) or _CUSTOM),
        format_func=lambda name: _FORMAT_LABELS.get(name, name),
        key=_key(log, "format"),
    )
    if chosen == AS_IT_STANDS:
        st.caption("The log has the standard columns, event types and times. A mapping translates any other log.")
        return Mapping()
    try:
        mapping = _custom_mapping(log) if chosen == _CUSTOM else known[chosen]
        _show_preview(source, mapping)
        if chosen == _CUSTOM:
            _offer_mapping(workspace, log, mapping)
    except StudioError as error:
        st.warning(str(error), icon=":material/warning:")
        return None
    return mapping


def _key(log: Peek, part: str) -> str:
    """Return a widget's key; another file gets other keys, so its form starts afresh."""
    return f"mapping/{hash((log.name, log.columns))}/{part}"


def _custom_mapping(log: Peek) -> Mapping:
    """Show the fields, filled in with what the log suggests, and return the mapping."""
    draft = suggest(log)
    for role in draft.missing:
        st.caption(f"Please choose: {_ROLES.get(role, role)}. {draft.reasons[role]}")
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
            "Minutes without an event that end a session",
            1.0,
            43_200.0,
            float(draft.settings.get("session_gap_minutes", 30.0)),
            key=_key(log, "gap"),
        )
    settings |= _quality_settings(log)
    return Mapping.checked(**settings)


def _column_settings(log: Peek, draft: Draft, value_rule: str) -> dict[str, str | None]:
    """Return the chosen column for each role; None for a role without a column."""
    guessed = Mapping.checked(**draft.settings).columns.named()
    by_name = {name.casefold(): name for name in reversed(log.columns)}
    options = [_NO_COLUMN, *log.columns]
    chosen: dict[str, str | None] = dict.fromkeys(_UNUSED_ROLES[value_rule])
    grid = st.columns(_N_COLUMNS)
    for position, role in enumerate(role for role in _ROLES if role not in chosen):
        guess = by_name.get(guessed.get(role, "").casefold(), _NO_COLUMN)
        column = grid[position % _N_COLUMNS].selectbox(
            _ROLES[role], options, options.index(guess), key=_key(log, role), help=draft.reasons.get(role)
        )
        chosen[role] = None if column == _NO_COLUMN else column
    return chosen


def _event_settings(log: Peek, column: str, draft: Draft) -> dict[str, Any]:
    """Return the event type of each word in a column, and the words to ignore."""
    guessed = Mapping.checked(**draft.settings)
    guessed_types, guessed_ignored = guessed.words(), guessed.ignored()
    options = [*EVENT_TYPES, _IGNORED, _UNKNOWN]
    st.markdown("**Event types**")
    st.caption("Rows with an unknown type are quarantined, and count as unusable.")
    grid = st.columns(_N_COLUMNS)
    chosen: dict[str, str] = {}
    for position, word in enumerate(event_words(log, column)):
        guess = _IGNORED if word.lower() in guessed_ignored else guessed_types.get(word.lower(), _UNKNOWN)
        chosen[word] = grid[position % _N_COLUMNS].selectbox(
            word, options, options.index(guess), key=_key(log, f"word/{word}")
        )
    shown = {word.lower() for word in chosen}
    # words that are not in the first rows keep their guessed type
    types: dict[str, str] = {word: kind for word, kind in guessed.event_words.items() if word.lower() not in shown}
    types |= {word: kind for word, kind in chosen.items() if kind in EVENT_TYPES}
    return {"event_words": types, "ignored_words": tuple(word for word, kind in chosen.items() if kind == _IGNORED)}


def _time_settings(log: Peek, draft: Draft) -> dict[str, Any]:
    st.markdown("**Times and numbers**")
    left, middle, right = st.columns(_N_COLUMNS)
    guess = draft.settings.get("time_format", "auto")
    is_pattern = guess not in _TIME_FORMATS
    options = [*_TIME_FORMATS, _OTHER_FORMAT]
    time_format = left.selectbox(
        "Time format",
        options,
        options.index(_OTHER_FORMAT if is_pattern else guess),
        key=_key(log, "time format"),
        help=draft.reasons.get("event_time", _FIELDS["time_format"].description),
    )
    if time_format == _OTHER_FORMAT:
        time_format = left.text_input(
            "Pattern",
            guess if is_pattern else "%d.%m.%Y %H:%M:%S",
            key=_key(log, "time pattern"),
            help="%Y year, %m month, %d day, %H hour, %M minute, %S second.",
        )
    zone = middle.text_input(
        "Time zone",
        draft.settings.get("time_zone", "UTC"),
        key=_key(log, "zone"),
        help="The zone of times without an offset, such as Europe/Berlin.",
    )
    decimal = _choose(right, log, "Decimal mark", "decimal", options=_DECIMALS, default=draft.settings.get("decimal"))
    return {"time_format": time_format, "time_zone": zone, "decimal": decimal}


def _quality_settings(log: Peek) -> dict[str, Any]:
    left, right, _ = st.columns(_N_COLUMNS)
    duplicates = _choose(left, log, "Duplicate rows", "duplicates", options=_DUPLICATES, default=None)
    least_usable = right.number_input(
        "Lowest share of usable rows",
        0.0,
        1.0,
        0.9,
        0.05,
        key=_key(log, "least"),
        help=_FIELDS["least_usable"].description,
    )
    return {"duplicates": duplicates, "least_usable": least_usable}


def _choose(
    cell: DeltaGenerator, log: Peek, label: str, setting: str, *, options: dict[_Option, str], default: _Option
) -> _Option:
    """Show a select box for a setting of the mapping; `options` are its values and their labels."""
    return cell.selectbox(
        label,
        list(options),
        list(options).index(default),
        format_func=options.__getitem__,
        key=_key(log, setting),
        help=_FIELDS[setting].description,
    )


def _show_preview(source: Source, mapping: Mapping) -> None:
    """Show the first rows as the mapping reads them, and which columns were added to the mapping."""
    for note in complete_mapping(source, mapping)[1]:
        st.caption(note)
    preview = preview_rows(source, mapping, with_value=True)
    n_usable, n_rows = count_usable(preview)
    st.markdown(f"**Preview of the first {count(n_rows, 'row')}: {n_usable:,} usable**")
    show_table(preview, alt="The first rows as the mapping reads them")


def _offer_mapping(workspace: Workspace, log: Peek, mapping: Mapping) -> None:
    with st.container(horizontal=True):
        if st.button("Save the mapping", icon=":material/save:", key=_key(log, "save")):
            save_mapping(workspace, mapping)
            st.toast(f"Saved the mapping {mapping.name}.")
        offer_file(
            "Download the mapping",
            "mapping.toml",
            lambda: mapping_text(mapping),
            mime="application/toml",
            key=_key(log, "download"),
        )
