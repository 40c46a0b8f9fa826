"""What can be done with a stored run or dataset where it is chosen: name it, pin it, or delete it."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from core.base.note import NAME_LENGTH, TEXT_LENGTH, Note, write_note
from core.base.text import size
from core.base.workspace import Workspace
from core.dataset import Dataset
from core.pipeline.stored_data import delete_dataset, stored_dataset_named
from core.runs import Run, delete_run
from pages._ui.number_format_form import edit_number_format
from pages._ui.serving.privacy import for_visitors
from pages._ui.state import page_state, set_param

_ICON = ":material/more_vert:"


def manage_run(run: Run) -> None:
    """Show the button beside the runs, which opens the name, the pin and the deletion of the selected one."""
    with st.popover("", icon=_ICON, type="tertiary", help="Rename, pin or delete this run", key="manage-run"):
        edit_run(run, key="selector")


def edit_run(run: Run, *, key: str) -> None:
    """Show the name and the note of a run as a form, and the buttons that pin and delete it."""
    run_id = run.manifest.run_id

    def delete() -> None:
        delete_run(run.folder)
        page_state().selected_ids.pop("run", None)
        set_param("run", "")

    _edit_note("run", run.note, run.save_note, key=f"{key}-run-{run_id}")
    _offer_deletion(
        "run",
        "This deletes the run with its models, predictions and submission. It cannot be undone.",
        delete,
        key=f"{key}-run-{run_id}",
    )


def manage_dataset(workspace: Workspace, dataset: Dataset) -> None:
    """Show the button beside the datasets, which opens the name, the pin and the deletion of the selected one."""
    key = f"selector-dataset-{dataset.fingerprint}"
    with st.popover(
        "",
        icon=_ICON,
        type="tertiary",
        help="Rename, pin or delete this dataset, or set its currency",
        key="manage-dataset",
        on_change="rerun",
    ) as popover:
        _edit_note("dataset", dataset.note, lambda note: write_note(dataset.folder, note), key=key)
        if st.toggle("Currency and numbers", key=f"currency-{key}"):
            edit_number_format(dataset, key=key)
        if not popover.open:  # measuring its files takes time
            return
        stored = stored_dataset_named(workspace, dataset.fingerprint)

        def delete() -> None:
            delete_dataset(workspace, stored)
            page_state().selected_ids.clear()
            set_param("dataset", "")
            set_param("run", "")
            page_state().leave_message(f"The dataset {dataset_name} was deleted.")

        dataset_name = for_visitors(dataset.name)
        consequences = f"This deletes {size(stored.bytes)} permanently. {stored.consequences()}".strip()
        _offer_deletion("dataset", consequences, delete, key=key, disabled=bool(stored.open_jobs))
        if stored.open_jobs:
            st.caption("It cannot be deleted while a run on it is queued or in progress.")


def _edit_note(kind: str, note: Note, save: Callable[[Note], None], *, key: str) -> None:
    with st.form(f"note-{key}", border=False):
        name = st.text_input(
            "Name", note.name, max_chars=NAME_LENGTH, placeholder=f"A short name for this {kind}", key=f"name-{key}"
        )
        text = st.text_area(
            "Note", note.text, max_chars=TEXT_LENGTH, height=80, placeholder="What to remember about it"
        )
        if st.form_submit_button("Save", icon=":material/save:", key=f"save-{key}"):
            save(Note.checked(name, text, pinned=note.pinned, number_format=note.number_format))
            st.rerun()
    label, icon = ("Unpin", ":material/keep_off:") if note.pinned else ("Pin to the top", ":material/keep:")
    if st.button(label, icon=icon, key=f"pin-{key}"):
        save(note.model_copy(update={"pinned": not note.pinned}))
        st.rerun()


def _offer_deletion(
    kind: str, consequences: str, delete: Callable[[], None], *, key: str, disabled: bool = False
) -> None:
    """Show a switch that reveals what the deletion means and the button that does it; popovers cannot be nested."""
    if st.toggle(f"Delete the {kind}", key=f"delete-{key}", disabled=disabled):
        st.text(consequences)
        if st.button("Yes, delete", key=f"really-delete-{key}", type="primary", icon=":material/delete:"):
            delete()
            st.rerun()
