"""The form for the currency of a dataset and the marks in its numbers."""

from __future__ import annotations

import streamlit as st

from core.base.amounts import money
from core.base.note import checked_format, write_note
from core.base.number_format import MARKS, MAX_DECIMALS, SYMBOL_LENGTH, NumberFormat, using_format
from core.dataset import Dataset
from core.errors import SettingError
from pages._ui.form_words import form_text
from pages._ui.text import plain

_AUTO = "As needed"
_DECIMALS = (_AUTO, *map(str, range(MAX_DECIMALS + 1)))
_PLACES = ("Before", "After")
_EXAMPLE = 1234.5
_FIELD = 200
"""Pixels: four in a row on the page, one in a menu."""


def edit_number_format(dataset: Dataset, *, key: str) -> None:
    """Show how amounts of a dataset are written, and let the visitor change it. Nothing is computed again."""
    note = dataset.note
    current = note.number_format
    key = f"{key}-{current.model_dump_json()}"  # fields of an earlier format would keep its values
    with st.form(f"number-format-{key}", border=False):
        with st.container(horizontal=True):
            symbol = st.text_input(
                "Currency",
                current.symbol,
                max_chars=SYMBOL_LENGTH,
                placeholder="€, $, EUR …",
                help="A sign or a code. Without one, session values are amounts without a unit.",
                width=_FIELD,
                key=f"symbol-{key}",
            )
            place = st.segmented_control(
                "Position of the currency",
                _PLACES,
                default=_PLACES[current.symbol_after],
                required=True,
                width=_FIELD,
                key=f"place-{key}",
            )
            decimals = st.selectbox(
                "Decimals of amounts",
                _DECIMALS,
                0 if current.decimals is None else current.decimals + 1,
                help="As needed: three significant digits. With fixed decimals, amounts that would round to 0 still "
                "show three significant digits.",
                width=_FIELD,
                key=f"decimals-{key}",
            )
            marks = st.selectbox("Number format", MARKS, MARKS.index(current.marks), width=_FIELD, key=f"marks-{key}")
        if not st.form_submit_button("Save", icon=":material/save:", key=f"save-format-{key}"):
            st.caption(f"Example: {plain(_example(current))}")
            return
    try:
        changed = checked_format(
            symbol=symbol,
            symbol_after=place == _PLACES[True],
            decimals=None if decimals == _AUTO else int(decimals),
            marks=marks,
        )
        write_note(dataset.folder, note.model_copy(update={"number_format": changed}))
    except SettingError as error:
        st.error(form_text(error), icon=":material/error:")
        return
    st.rerun()


def _example(number_format: NumberFormat) -> str:
    with using_format(number_format):
        return money(_EXAMPLE)
