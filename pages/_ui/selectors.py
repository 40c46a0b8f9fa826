"""The selected dataset and run, which are chosen in the sidebar."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, TypeVar

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.base.number_format import using_format
from core.base.text import whole
from core.base.workspace import Workspace
from core.dataset import Dataset, list_datasets
from core.jobs import Job
from core.runs import Run, best_run, list_runs
from pages._ui.damage import reporting_if_gone
from pages._ui.manage import manage_dataset, manage_run
from pages._ui.run_names import BEST_MARK, distinct_names, run_label
from pages._ui.serving.privacy import for_visitors
from pages._ui.state import MAX_LINK_TEXT, BrokenLink, get_param, page_state, set_param

_Stored = TypeVar("_Stored", Run, Dataset)
_Selectable = Literal["dataset", "run"]
_RUN_HELP = f"{BEST_MARK} marks the best run, which has the lowest expected score. Start times are in UTC."


def dataset_selector(workspace: Workspace, open_jobs: list[Job], runs: list[Run]) -> Dataset | None:
    """Show a select box of the datasets, and return the selected one; None if there is no dataset.

    The default is the dataset of the first open job, else that of the latest run, else the first in the list.
    """
    with reporting_if_gone("dataset", workspace.datasets):
        datasets = {dataset.fingerprint: dataset for dataset in _pinned_first(list_datasets(workspace))}
        if not datasets:
            st.caption("No dataset yet.")
            return None
        by_preference = [*(job.dataset for job in open_jobs), *(run.manifest.dataset for run in runs), *datasets]
        default_id = next(fingerprint for fingerprint in by_preference if fingerprint in datasets)
        labels = {fingerprint: _dataset_label(dataset) for fingerprint, dataset in datasets.items()}
        with _selector_row():
            dataset = datasets[_selector("dataset", labels, default_id)]
            manage_dataset(workspace, dataset)
    if dataset.card().synthetic:
        st.caption("Synthetic data from a simulated shop.")
    return dataset


def run_selector(workspace: Workspace, runs: list[Run]) -> tuple[Run | None, Run | None]:
    """Show a select box of the runs on the selected dataset, and return the selected run and the best one.

    The default is the best one. Both are None if there is no run.
    """
    with reporting_if_gone("run", workspace.runs):
        best = best_run(runs)
        if best is None:
            st.caption("No run on this dataset yet.")
            return None, None
        by_id, best_id = {run.manifest.run_id: run for run in _pinned_first(runs)}, best.manifest.run_id
        labels = distinct_names({run_id: run_label(run) for run_id, run in by_id.items()})
        if len(runs) > 1:
            labels[best_id] = f"{BEST_MARK} {labels[best_id]}"
        with _selector_row():
            selected = by_id[_selector("run", labels, best_id, help_text=_RUN_HELP)]
            manage_run(selected)
    return selected, best


def _pinned_first(stored: Iterable[_Stored]) -> list[_Stored]:
    """Return runs or datasets with the pinned ones first, otherwise in the same order."""
    return sorted(stored, key=lambda one: not one.note.pinned)


def _selector_row() -> DeltaGenerator:
    """Return a container for a select box and, to its right, the button that renames, pins or deletes the selection."""
    return st.container(horizontal=True, vertical_alignment="bottom", gap="small")


def select_run(run: Run) -> None:
    """Select a run on all pages, and draw the page again."""
    page_state().selected_ids["run"] = run.manifest.run_id
    st.rerun()


def _selector(param: _Selectable, labels: dict[str, str], default_id: str, *, help_text: str | None = None) -> str:
    """Show a select box whose value is written to the URL, and return the selected id.

    Args:
        param: what is selected; also the name of the URL parameter.
        labels: id -> its label.
        default_id: selected if neither the session nor the URL has one of the ids.
        help_text: tooltip of the select box.
    """
    state, ids = page_state(), list(labels)
    link_id, previous_id = get_param(param), state.selected_ids.get(param, "")
    current_id = previous_id or link_id
    selected_id = current_id if current_id in ids else default_id
    key = f"select-{param}"
    if st.session_state.get(key) != selected_id:
        st.session_state[key] = selected_id

    def remember() -> None:
        state.selected_ids[param] = st.session_state[key]

    st.selectbox(param.capitalize(), ids, format_func=labels.__getitem__, key=key, on_change=remember, help=help_text)
    # only the first script run of a session follows the link, because later ones have a previous selection
    _update_broken_link(param, "" if previous_id else link_id, selected_id, labels)
    state.selected_ids[param] = selected_id
    set_param(param, selected_id)
    return selected_id


def _update_broken_link(param: _Selectable, link_id: str, selected_id: str, labels: dict[str, str]) -> None:
    """Add a warning if a link has an id that does not exist; drop it once the visitor has selected something else."""
    broken_links = page_state().broken_links
    if link_id and link_id not in labels:
        broken_links[param] = BrokenLink(selected_id, _link_warning(param, link_id, labels[selected_id]))
    elif param in broken_links and broken_links[param].fallback_id != selected_id:
        del broken_links[param]


def _link_warning(param: str, link_id: str, label: str) -> str:
    return (
        f"The {param} {link_id[:MAX_LINK_TEXT]} in the link was not found. It may have been deleted, or it may "
        f"belong to another dataset or workspace. The page shows {label} instead."
    )


def runs_of(workspace: Workspace, dataset: Dataset) -> list[Run]:
    """Return the finished runs on a dataset, newest first."""
    return [run for run in list_runs(workspace) if run.is_on(dataset)]


def _dataset_label(dataset: Dataset) -> str:
    card = dataset.card()
    with using_format(dataset.note.number_format):
        return f"{for_visitors(dataset.name)} · {whole(card.train.rows + card.test.rows)} rows · {card.fingerprint[:6]}"
