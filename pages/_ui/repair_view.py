"""The repair of a submission file: the columns to choose, what would change, and the button that writes a new file."""

from __future__ import annotations

from typing import Final

import streamlit as st

from core.base.number_format import MARKS, Marks
from core.errors import InputError
from core.pipeline.submission_desk import DeskFile
from core.runs import Run
from core.submission.repair import Change
from core.submission.repair_columns import CHOOSE_COLUMNS, ColumnChoice, below_title, guess_columns
from pages._ui import desk as files
from pages._ui.frame import Page, showing_errors
from pages._ui.state import page_state
from pages._ui.table import show_table
from pages._ui.text import plain

_IN_DOUBT: Final = {"columns", "numbers", "decimal_mark", "thousands_mark", "value_signs", "unit"}
"""Checks that fail if marks are read in another way than they were meant, or if the values are not found."""
_MARKS_WIDTH: Final = 320
"""Pixels; the examples are short."""


def offer_repair(page: Page, run: Run, file: DeskFile) -> None:
    """Show what a repair would change, and offer it."""
    st.header("What can be repaired?", anchor=False)
    chosen, marks = _choose_columns(file), choose_marks(file)
    try:
        repaired = files.repaired(file.sha256, run.manifest.run_id, chosen, marks, file)
    except InputError as error:
        advice = "Choose the columns above." if error.code == CHOOSE_COLUMNS else error.remedy
        st.markdown(plain(f"{error.problem} {advice}"))
        return
    if not repaired.changes:
        other = " If the numbers are read wrongly, choose their format above." if _is_in_doubt(file) else ""
        st.markdown(f"None of these problems can be repaired safely.{other}")
        return
    for change in repaired.changes:
        _show_change(change)
    if st.button(
        "Apply the safe repairs", icon=":material/build:", help="No prediction is changed. The result is a new file."
    ):
        with showing_errors(stop=True):
            page_state().desk_path = files.keep_repaired(page.workspace, file, repaired)
        page_state().leave_message(" ".join(change.text for change in repaired.changes))
        st.rerun()


def _choose_columns(file: DeskFile) -> ColumnChoice:
    """Let the visitor choose the columns of ids and values, if the header does not name them."""
    target = file.case.target
    table = below_title(file.case.table, target)
    if table.header == target.columns.header:
        return ColumnChoice()
    guess, labels = guess_columns(table, target), files.column_labels(table)
    positions = [
        column.selectbox(
            label,
            range(len(labels)),
            index=guessed,
            format_func=labels.__getitem__,
            placeholder="Choose a column",
            key=f"{label}-{file.sha256}",
        )
        for column, label, guessed in zip(
            st.columns(2), ("Session ids", "Values"), (guess.ids, guess.values), strict=True
        )
    ]
    return ColumnChoice(*positions)


def _is_in_doubt(file: DeskFile) -> bool:
    return not _IN_DOUBT.isdisjoint(check.code for check in (*file.blocking, *file.advisory))


def choose_marks(file: DeskFile, name: str = "") -> Marks | None:
    """Let the visitor say what the marks in the values mean, if that is in doubt.

    Args:
        name: display name of the file, if several are shown.
    """
    if not _is_in_doubt(file):
        return None
    return st.selectbox(
        plain(f"Number format of {name}") if name else "Number format",
        MARKS,
        index=None,
        placeholder="Detect from the file",
        help="Choose a format if numbers such as 1,234 or 3.516 are read wrongly.",
        key=f"marks-{name}-{file.sha256}",
        width=_MARKS_WIDTH,
    )


def _show_change(change: Change) -> None:
    """Show what changes, with the first rows before and after on request."""
    with st.expander(plain(change.text)):
        if not change.examples:
            st.markdown("No cell changes.")
            return
        rows = [
            {
                "Line": "new" if example.line is None else f"{example.line:,}",
                "Before": example.before,
                "After": example.after,
            }
            for example in change.examples
        ]
        show_table(rows, numbers=["Line"], alt=f"The first rows before and after: {change.text}", width="content")
