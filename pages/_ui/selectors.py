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


def select_dataset(workspace: Workspace, open_jobs: list[Job], runs: list[Run]) -> Dataset | None:
    """Show the datasets. The default is that of the running job, else that of the latest run, else the newest."""
    datasets = {dataset.fingerprint: dataset for dataset in _pinned_first(list_datasets(workspace))}
    with reporting_if_gone("dataset", workspace.datasets):
        if not datasets:
            st.caption("No dataset yet.")
            return None
        in_use = [*(job.dataset for job in open_jobs), *(run.manifest.dataset for run in runs), *datasets]
        default_id = next(fingerprint for fingerprint in in_use if fingerprint in datasets)
        labels = {key: _dataset_label(dataset) for key, dataset in datasets.items()}
        with _beside_manager():
            dataset = datasets[_select("dataset", labels, default_id)]
            manage_dataset(workspace, dataset)
    if dataset.card().synthetic:
        st.caption("Synthetic data from a simulated shop.")
    return dataset


def choose_run(workspace: Workspace, runs: list[Run]) -> tuple[Run | None, Run | None]:
    """Show the runs on the selected dataset, and return the selected and the best one; the default is the best."""
    best = best_run(runs)
    with reporting_if_gone("run", workspace.runs):
        if best is None:
            st.caption("No run on this dataset yet.")
            return None, None
        labels = distinct_names({run.manifest.run_id: run_label(run) for run in _pinned_first(runs)})
        if len(runs) > 1:
            labels[best.manifest.run_id] = f"{BEST_MARK} {labels[best.manifest.run_id]}"
        with _beside_manager():
            selected_id = _select("run", labels, best.manifest.run_id)
            selected = next(run for run in runs if run.manifest.run_id == selected_id)
            manage_run(selected)
    return selected, best


def _pinned_first(stored: Iterable[_Stored]) -> list[_Stored]:
    """Return runs or datasets with the pinned ones first, otherwise in the same order."""
    return sorted(stored, key=lambda one: not one.note.pinned)


def _beside_manager() -> DeltaGenerator:
    """Return the row of a selector and the button that opens what can be done with its choice."""
    return st.container(horizontal=True, vertical_alignment="bottom", gap="small")


def select_run(run: Run) -> None:
    """Select a run on all pages, and draw the page again."""
    page_state().selected_ids["run"] = run.manifest.run_id
    st.rerun()


def _select(param: Literal["dataset", "run"], labels: dict[str, str], default_id: str) -> str:
    """Show a select box whose value is written to the URL, and return the selected id.

    If the URL has an id that does not exist, a warning says so until the visitor selects something else. `labels` has
    the label of each id.
    """
    state, ids = page_state(), list(labels)
    link_id, previous_id = get_param(param), state.selected_ids.get(param, "")
    current_id = previous_id or link_id
    key = f"select-{param}"
    st.session_state[key] = selected_id = current_id if current_id in ids else default_id

    def remember() -> None:
        state.selected_ids[param] = st.session_state[key]

    tooltip = (
        f"{BEST_MARK} marks the best run, which has the lowest expected score. Start times are in UTC."
        if param == "run"
        else None
    )
    st.selectbox(param.capitalize(), ids, format_func=labels.__getitem__, key=key, on_change=remember, help=tooltip)
    if not previous_id and link_id and link_id not in ids:
        state.broken_links[param] = BrokenLink(selected_id, _link_warning(param, link_id, labels[selected_id]))
    elif param in state.broken_links and state.broken_links[param].fallback_id != selected_id:
        del state.broken_links[param]
    state.selected_ids[param] = selected_id
    set_param(param, selected_id)
    return selected_id


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
