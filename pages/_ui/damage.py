"""Warnings about stored data that is damaged or was deleted. The lists themselves show what is intact."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import streamlit as st

from core.base.text import count, listed
from core.base.workspace import Workspace
from core.dataset import Dataset, unreadable_datasets
from core.errors import RunError
from core.runs import Run, unreadable_runs
from core.runs.store import find_damage
from pages._ui.number_format import in_page_format
from pages._ui.state import BrokenLink, page_state
from pages._ui.text import plain

_MAX_LINES = 5
"""Damaged datasets or runs that are shown with a line each; the others are counted."""
_WATCH_SECONDS = 5.0


def show_damage(
    workspace: Workspace, dataset: Dataset | None, run: Run | None, *, is_data_page: bool, is_train_page: bool
) -> None:
    """Warn of damage of the selected dataset and run, and of those that cannot be opened.

    The Data page lists the unreadable datasets, the Train page the unreadable runs; the sidebar counts both. The Train
    page also has its own message about the selected run.
    """
    if dataset is not None and (reasons := dataset.damage()):
        _warn_of_numbers(RunError.damaged_dataset(dataset.folder, listed(reasons, 3)))
    if run is not None and not is_train_page and (reasons := find_damage(run).descriptions()):
        _warn_of_numbers(RunError.damaged(run.folder, listed(reasons, 3)))
    for kind, unreadable, is_listed in (
        ("dataset", unreadable_datasets(workspace), is_data_page),
        ("run", unreadable_runs(workspace), is_train_page),
    ):
        if not unreadable:
            continue
        page = "Data" if kind == "dataset" else "Train"
        st.sidebar.caption(f":material/warning: {count(len(unreadable), kind)} cannot be opened. See {page}.")
        if is_listed:
            for _, error in unreadable[:_MAX_LINES]:
                st.warning(plain(error), icon=":material/broken_image:")
            if len(unreadable) > _MAX_LINES:
                st.caption(f"{count(len(unreadable) - _MAX_LINES, f'more {kind}')} cannot be opened.")


def _warn_of_numbers(error: RunError) -> None:
    st.warning(plain(f"{error} Numbers from these files are not shown."), icon=":material/broken_image:")


@contextmanager
def reporting_if_gone(param: Literal["dataset", "run"], parent: Path) -> Iterator[None]:
    """After the block, which selects a dataset or run, say so if the one that was shown before has been deleted."""
    state = page_state()
    previous_id = state.selected_ids.get(param, "")
    is_gone = bool(previous_id) and not (parent / previous_id).exists()
    if is_gone:
        del state.selected_ids[param]
    yield
    if is_gone:
        text = f"The {param} {previous_id[:12] if param == 'dataset' else previous_id} that was shown here was deleted."
        state.broken_links[param] = BrokenLink(state.selected_ids.get(param, ""), text)


def watch_selection(dataset: Dataset | None, run: Run | None) -> None:
    """Draw the page again as soon as the dataset or the run that it shows is deleted, even in another tab."""
    folders = [stored.folder for stored in (dataset, run) if stored is not None]
    if folders:
        st.fragment(in_page_format(_rerun_if_gone), run_every=_WATCH_SECONDS)(folders)


def _rerun_if_gone(folders: list[Path]) -> None:
    if not all(folder.exists() for folder in folders):
        st.rerun(scope="app")
