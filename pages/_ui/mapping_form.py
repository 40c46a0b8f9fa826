"""The form that says how a log is to be read: a column for each role, words, times, the value; and ten rows of it."""

from __future__ import annotations

from functools import partial
from typing import Any

import streamlit as st

from core.base.text import count
from core.base.workspace import Workspace
from core.errors import StudioError
from core.ingestion import Source
from core.ingestion.drafts import (
    AS_IT_STANDS,
    Draft,
    event_words,
    known_mappings,
    propose,
    save_mapping,
    suggest,
)
from core.ingestion.mapping import Mapping, mapping_text
from core.ingestion.preview import Peek, complete_mapping, count_usable, preview_rows
from core.schema import EVENT_TYPES
from pages._ui.money_form import money_settings

OWN = "my own"
IGNORE, UNKNOWN = "set aside, on purpose", "not known"
NONE = "(the log has none)"
ROLES = {
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
OF_PURCHASES = ("price", "quantity", "order_id", "order_status", "currency")
"""Roles that count only where values are added up from purchases."""
DECIMALS = {None: "as the numbers show", ".": "point: 1,234.50", ",": "comma: 1.234,50"}
DUPLICATES = {None: "keep, refuse many purchases", "keep": "keep", "remove": "remove"}
TIME_FORMATS = ["auto", "epoch_seconds", "epoch_milliseconds", "epoch_microseconds"]
OTHER_FORMAT = "another form"
VALUES = {"column": "a column has it", "price_of_buys": "the prices of what was bought, added up"}
_IN_A_ROW = 3


def mapping_form(workspace: Workspace, source: Source, log: Peek) -> Mapping | None:
    """Draw the form; gives the mapping as it stands now, None while it is not whole."""
    known = known_mappings(workspace)
    names = [AS_IT_STANDS, *known, OWN]
    chosen = st.selectbox("How the log is read", names, names.index(propose(log, known) or OWN), key=_key(log, "how"))
    if chosen == AS_IT_STANDS:
        st.caption("The columns, words and times are ours. Another log is translated by a mapping.")
        return Mapping()
    try:
        mapping = _own(log) if chosen == OWN else known[chosen]
        _show(source, mapping)
        if chosen == OWN:
            _keep(workspace, log, mapping)
    except StudioError as error:
        st.warning(str(error), icon=":material/warning:")
        return None
    return mapping


def _key(log: Peek, part: str) -> str:
    """A widget's key: another file starts with another form."""
    return f"mapping/{hash((log.name, log.columns))}/{part}"


def _own(log: Peek) -> Mapping:
    """What the visitor chose, beginning with what the log suggests."""
    draft = suggest(log)
    for role in draft.missing:
        st.caption(f"Still to be said: {ROLES.get(role, role)}. {draft.reasons[role]}")
    settings: dict[str, Any] = {"name": st.text_input("Name of the mapping", "My shop", key=_key(log, "name"))}
    settings |= _value(log, draft)
    columns = _columns(log, draft, settings["value"])
    settings["columns"] = columns
    if settings["value"] == "price_of_buys":
        settings |= money_settings(columns, draft.settings, partial(_key, log))
    if columns["event_type"] is None:
        settings["every_event_is"] = st.selectbox("Every event is a", EVENT_TYPES, 3, key=_key(log, "every"))
    else:
        settings |= _words(log, columns["event_type"], draft)
    settings |= _times(log, draft)
    if columns["user_session"] is None:
        settings["session_gap_minutes"] = st.number_input(
            "A session ends after so many minutes without an event",
            1.0,
            43_200.0,
            float(draft.settings.get("session_gap_minutes", 30.0)),
            key=_key(log, "gap"),
        )
    settings |= _strictness(log)
    return Mapping.checked(**settings)


def _columns(log: Peek, draft: Draft, value: str) -> dict[str, str | None]:
    """A column of the log for each role; the value's own column or the price, as the value is made."""
    guessed = Mapping.checked(**draft.settings).columns.named()
    options = [NONE, *log.columns]
    unused = {"column": OF_PURCHASES, "price_of_buys": ("session_value",)}[value]
    chosen: dict[str, str | None] = dict.fromkeys(unused)
    grid = st.columns(_IN_A_ROW)
    for place, (role, label) in enumerate((role, label) for role, label in ROLES.items() if role not in unused):
        found = next((name for name in log.columns if name.casefold() == guessed.get(role, "").casefold()), NONE)
        pick = grid[place % _IN_A_ROW].selectbox(
            label, options, options.index(found), key=_key(log, role), help=draft.reasons.get(role)
        )
        chosen[role] = None if pick == NONE else pick
    return chosen


def _words(log: Peek, column: str, draft: Draft) -> dict[str, Any]:
    """One of our event types for each word of the log."""
    guessed = Mapping.checked(**draft.settings)
    ours, ignored = guessed.words(), guessed.ignored()
    options = [*EVENT_TYPES, IGNORE, UNKNOWN]
    words = event_words(log, column)
    st.markdown("**Words for events**")
    st.caption("Rows with words that are not known stand in quarantine and count against the file.")
    grid = st.columns(_IN_A_ROW)
    told: dict[str, str] = {}
    for place, word in enumerate(words):
        guess = IGNORE if word.lower() in ignored else ours.get(word.lower(), UNKNOWN)
        told[word] = grid[place % _IN_A_ROW].selectbox(
            word, options, options.index(guess), key=_key(log, f"word/{word}")
        )
    # words that the first rows do not show stay as they were guessed
    meant = {word: kind for word, kind in guessed.event_words.items() if word.lower() not in {w.lower() for w in told}}
    meant |= {word: kind for word, kind in told.items() if kind in EVENT_TYPES}  # type: ignore[misc]
    return {"event_words": meant, "ignored_words": tuple(word for word, kind in told.items() if kind == IGNORE)}


def _times(log: Peek, draft: Draft) -> dict[str, Any]:
    st.markdown("**Times and numbers**")
    left, middle, right = st.columns(_IN_A_ROW)
    guess = draft.settings.get("time_format", "auto")
    options = [*TIME_FORMATS, OTHER_FORMAT]
    form = left.selectbox(
        "Form of the times",
        options,
        options.index(guess) if guess in options else len(options) - 1,
        key=_key(log, "form"),
        help=draft.reasons.get("event_time", Mapping.model_fields["time_format"].description),
    )
    if form == OTHER_FORMAT:
        form = left.text_input(
            "The form",
            guess if guess not in options else "%d.%m.%Y %H:%M:%S",
            key=_key(log, "other form"),
            help="%Y year, %m month, %d day, %H hour, %M minute, %S second.",
        )
    zone = middle.text_input(
        "Zone of times without an offset",
        draft.settings.get("time_zone", "UTC"),
        key=_key(log, "zone"),
        help="Such as Europe/Berlin.",
    )
    decimal = right.selectbox(
        "Decimal mark",
        list(DECIMALS),
        list(DECIMALS).index(draft.settings.get("decimal")),
        format_func=DECIMALS.__getitem__,
        key=_key(log, "decimal"),
        help=Mapping.model_fields["decimal"].description,
    )
    return {"time_format": form, "time_zone": zone, "decimal": decimal}


def _value(log: Peek, draft: Draft) -> dict[str, Any]:
    rules = list(VALUES)
    rule = st.radio(
        "The value of a session",
        rules,
        rules.index(draft.settings.get("value", "column")),
        format_func=VALUES.__getitem__,
        key=_key(log, "value"),
        horizontal=True,
    )
    return {"value": rule}


def _strictness(log: Peek) -> dict[str, Any]:
    left, right, _ = st.columns(_IN_A_ROW)
    duplicates = left.selectbox(
        "Rows equal to another one",
        list(DUPLICATES),
        format_func=DUPLICATES.__getitem__,
        key=_key(log, "duplicates"),
        help=Mapping.model_fields["duplicates"].description,
    )
    least = right.number_input(
        "Share of rows that must be usable",
        0.0,
        1.0,
        0.9,
        0.05,
        key=_key(log, "least"),
        help=Mapping.model_fields["least_usable"].description,
    )
    return {"duplicates": duplicates, "least_usable": least}


def _show(source: Source, mapping: Mapping) -> None:
    """Ten rows as they will be understood, and what the log's content adds to the mapping."""
    for note in complete_mapping(source, mapping)[1]:
        st.caption(note)
    shown = preview_rows(source, mapping, with_value=True)
    usable, rows = count_usable(shown)
    st.markdown(f"**The first {count(rows, 'row')} as they will be understood: {usable:,} can be used**")
    st.dataframe(shown, hide_index=True, height="content", alt="The first rows as the mapping has them understood")


def _keep(workspace: Workspace, log: Peek, mapping: Mapping) -> None:
    left, right = st.columns([1, 3])
    if left.button("Save the mapping", icon=":material/save:", key=_key(log, "save")):
        save_mapping(workspace, mapping)
        st.toast(f"The mapping {mapping.name} is saved.")
    right.download_button(
        "Download it",
        data=lambda: mapping_text(mapping).encode(),
        file_name="mapping.toml",
        mime="application/toml",
        on_click="ignore",
        icon=":material/download:",
        key=_key(log, "download"),
    )
