"""The frame of every page: its configuration, the sidebar, and the elements that all pages have."""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import streamlit as st

from core.base.workspace import Workspace
from core.dataset import Dataset, list_datasets
from core.errors import StudioError
from core.jobs import Job, Jobs, start_next_job
from core.pipeline.first_run import start_first_run
from core.runs import Run, expected_score, list_runs
from pages._ui.gc_tuning import freeze_libraries
from pages._ui.job import show_in_sidebar
from pages._ui.serving.notice import check_visitor, show_in_menu, show_on_home
from pages._ui.serving.privacy import for_visitors
from pages._ui.state import BrokenLink, get_param, page_state, set_param

PRODUCT = "Session Value Studio"
_ICON = Path(__file__).with_name("icon.png")
_MAX_LINK_TEXT = 40
"""Characters of an unknown value in the URL that a warning repeats."""
_METRIC_WIDTH = 152
"""Pixels: five in a row on a laptop, two on a phone."""


@dataclass(frozen=True)
class Entry:
    """A page in the menu."""

    path: str
    label: str
    icon: str


HOME = Entry("home.py", "Home", ":material/home:")
DATA = Entry("pages/1_Data.py", "Data", ":material/database:")
EXPLORE = Entry("pages/2_Explore.py", "Explore", ":material/bar_chart:")
TRAIN = Entry("pages/3_Train.py", "Train", ":material/model_training:")
IMPORTANCE = Entry("pages/4_Importance.py", "Importance", ":material/insights:")
SUBMISSION = Entry("pages/5_Submission.py", "Submission", ":material/task:")
MENU = (HOME, DATA, EXPLORE, TRAIN, IMPORTANCE, SUBMISSION)
_PAGES_WITH_JOBS = (HOME, TRAIN)
_NEXT_STEPS = {
    "dataset": ("Read two event files or the demo data first.", DATA),
    "run": ("Start a run first. A quick run takes about a minute.", TRAIN),
}
"""How to fill an empty page, and on which page to do it."""


@dataclass(frozen=True)
class Page:
    """What a page works with: the workspace, the selected dataset and run, and the running job."""

    workspace: Workspace
    dataset: Dataset | None
    run: Run | None
    job: Job | None


def open_page(entry: Entry) -> Page:
    """Configure the page and draw the sidebar; every page calls this first."""
    st.set_page_config(page_title=f"{entry.label} · {PRODUCT}", page_icon=_ICON, layout="wide")
    with showing_errors(stop=True):
        check_visitor()
    freeze_libraries()
    workspace = Workspace.from_environment()
    with showing_errors(stop=True):
        _start_first_run(str(workspace.root))
    job, jobs_readable = None, False
    with showing_errors():
        start_next_job(workspace)
        job, jobs_readable = Jobs(workspace).active(), True
    with st.sidebar:
        st.markdown(f"**{PRODUCT}**")
        for menu_entry in MENU:
            st.page_link(menu_entry.path, label=menu_entry.label, icon=menu_entry.icon)
        show_in_menu()
        st.divider()
        dataset = _select_dataset(workspace)
        run = _select_run(workspace, dataset)
        if job is not None and entry not in _PAGES_WITH_JOBS:
            show_in_sidebar(workspace, job)
    if entry == HOME:
        show_on_home()
    for link in page_state().broken_links.values():  # on the page, because a phone hides the sidebar
        st.warning(link.warning, icon=":material/link_off:")
    if not jobs_readable and entry in _PAGES_WITH_JOBS:
        st.stop()
    return Page(workspace, dataset, run, job)


@st.cache_resource(show_spinner="Reading the demo data")
def _start_first_run(root: str) -> None:
    """Read the demo data and start the first run, once per server and workspace."""
    start_first_run(Workspace(Path(root)))


def _select_dataset(workspace: Workspace) -> Dataset | None:
    datasets = {dataset.fingerprint: dataset for dataset in list_datasets(workspace)}
    if not datasets:
        st.caption("No dataset yet.")
        return None
    dataset = datasets[_select("dataset", {key: _dataset_label(dataset) for key, dataset in datasets.items()})]
    if dataset.card().synthetic:
        st.caption("Synthetic data from a simulated shop.")
    return dataset


def _select_run(workspace: Workspace, dataset: Dataset | None) -> Run | None:
    runs = {} if dataset is None else {run.manifest.run_id: run for run in runs_of(workspace, dataset)}
    if not runs:
        st.caption("No run on this dataset yet.")
        return None
    return runs[_select("run", distinct_names({key: _run_label(run) for key, run in runs.items()}))]


def _select(param: Literal["dataset", "run"], labels: dict[str, str]) -> str:
    """Show a select box whose value is written to the URL, and return the selected id.

    If the URL has an id that does not exist, a warning says so until the visitor selects something else. `labels` has
    the label of each id; the first id is the default.
    """
    state, ids = page_state(), list(labels)
    link_id, previous_id = get_param(param), state.selected_ids.get(param, "")
    current_id = previous_id or link_id
    index = ids.index(current_id) if current_id in ids else 0
    selected_id = st.selectbox(param.capitalize(), ids, index=index, format_func=labels.__getitem__)
    if not previous_id and link_id and link_id not in ids:
        warning = (
            f"The {param} {link_id[:_MAX_LINK_TEXT]} in the link was not found. It may have been deleted, or it may "
            f"belong to another dataset or workspace. The page shows {labels[selected_id]} instead."
        )
        state.broken_links[param] = BrokenLink(selected_id, warning)
    elif param in state.broken_links and state.broken_links[param].fallback_id != selected_id:
        del state.broken_links[param]
    state.selected_ids[param] = selected_id
    set_param(param, selected_id)
    return selected_id


def select_view(views: list[str]) -> str:
    """Show the views and return the selected one, which is written to the URL.

    The view follows the URL if that has changed (a link, the browser's back button). A visitor who comes from another
    page, whose URL has no view, sees the last view again.
    """
    state, link_view, current = page_state(), get_param("view"), st.session_state.get("view")
    is_new_link = link_view != state.last_view
    if link_view in views and (current is None or is_new_link):
        current = link_view
    elif current is None:
        current = state.last_view if state.last_view in views else views[0]
    if current != st.session_state.get("view"):
        st.session_state["view"] = current
    if link_view and link_view not in views and is_new_link:
        text = f"There is no view {link_view[:_MAX_LINK_TEXT]}. The page shows {current} instead."
        st.warning(text, icon=":material/link_off:")
    view = st.segmented_control("View", views, required=True, key="view", label_visibility="collapsed") or views[0]
    state.last_view = view
    set_param("view", view)
    return view


def runs_of(workspace: Workspace, dataset: Dataset) -> list[Run]:
    """Return the finished runs on a dataset, newest first."""
    return [run for run in list_runs(workspace) if run.manifest.dataset == dataset.fingerprint]


def latest_job_without_run(jobs: list[Job], dataset: Dataset | None) -> Job | None:
    """Return the latest job on a dataset if it ended without a run, so that the page can say why.

    `jobs` are all jobs, newest first.
    """
    latest = next((job for job in jobs if dataset is not None and job.dataset == dataset.fingerprint), None)
    return None if latest is None or latest.open or latest.state == "done" else latest


def _dataset_label(dataset: Dataset) -> str:
    card = dataset.card()
    return f"{for_visitors(card.name)} · {card.train.rows + card.test.rows:,} rows · {card.fingerprint[:6]}"


def _run_label(run: Run) -> str:
    name = run.note.name or f"{datetime.datetime.fromisoformat(run.manifest.created):%d %b %H:%M} UTC"
    return f"{name} · {run.manifest.scores.metric_scores.label} {expected_score(run.manifest)}"


def distinct_names(names: Mapping[str, str]) -> dict[str, str]:
    """Make the names of runs distinct: append the end of the id, or the whole id if its end is not unique either.

    >>> distinct_names({"1-a": "x", "1-b": "x", "1-c": "y"})
    {'1-a': 'x (a)', '1-b': 'x (b)', '1-c': 'y'}
    """
    times = Counter(names.values())
    short = {key: f"{name} ({key.rpartition('-')[2]})" if times[name] > 1 else name for key, name in names.items()}
    return short if len(set(short.values())) == len(short) else {key: f"{name} ({key})" for key, name in names.items()}


def show_title(question: str, finding: str) -> None:
    """Show the question that the page answers, and the answer in one sentence."""
    st.title(question, anchor=False)
    st.markdown(finding)


@dataclass(frozen=True)
class Metric:
    """A number in the row below the title: its label, formatted value and explanation."""

    label: str
    value: str
    help: str


def show_metrics(metrics: list[Metric]) -> None:
    """Show at most five numbers in a row, which wraps on a narrow screen."""
    with st.container(horizontal=True):
        for metric in metrics:
            st.metric(metric.label, metric.value, help=metric.help, width=_METRIC_WIDTH)


def show_empty_state(content: str, needs: Literal["dataset", "run"]) -> None:
    """Say what the page will show and what to do first, with a link to the page for it."""
    step, entry = _NEXT_STEPS[needs]
    with st.container(border=True):
        st.markdown(f"**{content}**\n\n{step}")
        st.page_link(entry.path, label=f"Go to {entry.label}", icon=entry.icon)


@contextmanager
def showing_errors(*, stop: bool = False) -> Iterator[None]:
    """Show an error of the studio as a message; with `stop`, end the page there."""
    try:
        yield
    except StudioError as error:
        st.error(for_visitors(str(error)), icon=":material/error:")
        if stop:
            st.stop()
