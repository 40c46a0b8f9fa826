"""The frame around every page: its set-up, the sidebar, and the parts that all pages have."""

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
from core.jobs import Job, Jobs, start_waiting
from core.pipeline.first_run import start_first_run
from core.runs import Run, expected_score, list_runs
from pages._ui.gc_tuning import freeze_libraries
from pages._ui.job import show_in_sidebar
from pages._ui.state import BrokenLink, get_param, page_state, set_param

PRODUCT = "Session Value Studio"
_ICON = Path(__file__).with_name("icon.png")
_MAX_LINK_TEXT = 40
"""Characters of an unknown value in the address that a warning repeats."""
_METRIC_WIDTH = 152  # pixels: five in a row on a laptop, two on a phone


@dataclass(frozen=True)
class Entry:
    """A page in the menu."""

    path: str
    label: str
    icon: str


HOME = Entry("app.py", "Home", ":material/home:")
DATA = Entry("pages/1_Data.py", "Data", ":material/database:")
EXPLORE = Entry("pages/2_Explore.py", "Explore", ":material/bar_chart:")
TRAIN = Entry("pages/3_Train.py", "Train", ":material/model_training:")
IMPORTANCE = Entry("pages/4_Importance.py", "Importance", ":material/insights:")
SUBMISSION = Entry("pages/5_Submission.py", "Submission", ":material/task:")
MENU = (HOME, DATA, EXPLORE, TRAIN, IMPORTANCE, SUBMISSION)
_PAGES_WITH_JOBS = (HOME, TRAIN)
_SOURCES = {
    "dataset": ("This needs a dataset. Read two event files, or the demo data.", DATA),
    "run": ("A run produces this. A quick run takes about a minute.", TRAIN),
}
"""What produces the content of an empty page, and on which page."""


@dataclass(frozen=True)
class Page:
    """What a page works with: the visitor's choice of dataset and run, and the job that is running."""

    workspace: Workspace
    dataset: Dataset | None
    run: Run | None
    job: Job | None


def open_page(entry: Entry) -> Page:
    """Set up the page and draw the sidebar; every page calls this first."""
    st.set_page_config(page_title=f"{entry.label} · {PRODUCT}", page_icon=_ICON, layout="wide")
    freeze_libraries()
    workspace = Workspace.from_environment()
    with showing_errors(stop=True):
        _begin(str(workspace.root))
    job, jobs_readable = None, False
    with showing_errors():
        start_waiting(workspace)
        job, jobs_readable = Jobs(workspace).active(), True
    with st.sidebar:
        st.markdown(f"**{PRODUCT}**")
        for menu_entry in MENU:
            st.page_link(menu_entry.path, label=menu_entry.label, icon=menu_entry.icon)
        st.divider()
        dataset = _pick_dataset(workspace)
        run = _pick_run(workspace, dataset)
        if job is not None and entry not in _PAGES_WITH_JOBS:
            show_in_sidebar(workspace, job)
    for link in page_state().broken_links.values():  # on the page, because a phone hides the sidebar
        st.warning(link.warning, icon=":material/link_off:")
    if not jobs_readable and entry in _PAGES_WITH_JOBS:
        st.stop()
    return Page(workspace, dataset, run, job)


@st.cache_resource(show_spinner="Reading the demo data")
def _begin(root: str) -> None:
    """Read the demo data and start the first run, once per server and workspace."""
    start_first_run(Workspace.from_environment())


def _pick_dataset(workspace: Workspace) -> Dataset | None:
    datasets = {dataset.fingerprint: dataset for dataset in list_datasets(workspace)}
    if not datasets:
        st.caption("No dataset yet.")
        return None
    dataset = datasets[_pick("dataset", {key: _dataset_label(dataset) for key, dataset in datasets.items()})]
    if dataset.card().synthetic:
        st.caption("Synthetic data from a simulated shop.")
    return dataset


def _pick_run(workspace: Workspace, dataset: Dataset | None) -> Run | None:
    runs = {} if dataset is None else {run.manifest.run_id: run for run in runs_of(workspace, dataset)}
    if not runs:
        st.caption("No run on this dataset yet.")
        return None
    return runs[_pick("run", distinct_names({key: _run_label(run) for key, run in runs.items()}))]


def _pick(param: Literal["dataset", "run"], labels: dict[str, str]) -> str:
    """Show a select box whose choice is written to the address, and return the chosen id.

    If the address names an id that does not exist, a warning says so until the visitor chooses something else.
    """
    state, options = page_state(), list(labels)
    linked, previous = get_param(param), state.chosen.get(param, "")
    current = previous or linked
    index = options.index(current) if current in options else 0
    chosen = st.selectbox(param.capitalize(), options, index=index, format_func=labels.__getitem__)
    if not previous and linked and linked not in options:
        warning = (
            f"The {param} {linked[:_MAX_LINK_TEXT]} in the link was not found. It may have been deleted, or belong to "
            f"another dataset or workspace. The page shows {labels[chosen]} instead."
        )
        state.broken_links[param] = BrokenLink(chosen, warning)
    elif param in state.broken_links and state.broken_links[param].shown != chosen:
        del state.broken_links[param]
    state.chosen[param] = chosen
    set_param(param, chosen)
    return chosen


def pick_view(views: list[str]) -> str:
    """Show the views to choose from and return the chosen one, which is written to the address.

    The view follows the address if that has changed (a link, the browser's back button). A visitor who comes from
    another page, where the address has no view, sees the last one again.
    """
    state, linked, current = page_state(), get_param("view"), st.session_state.get("view")
    if linked in views and (current is None or linked != state.last_view):
        current = linked
    elif current is None:
        current = state.last_view if state.last_view in views else views[0]
    if current != st.session_state.get("view"):
        st.session_state["view"] = current
    if linked and linked not in views and linked != state.last_view:
        st.warning(
            f"There is no view {linked[:_MAX_LINK_TEXT]}. The page shows {current} instead.", icon=":material/link_off:"
        )
    view = st.segmented_control("View", views, required=True, key="view", label_visibility="collapsed") or views[0]
    state.last_view = view
    set_param("view", view)
    return view


def runs_of(workspace: Workspace, dataset: Dataset) -> list[Run]:
    """Return the finished runs on a dataset, newest first."""
    return [run for run in list_runs(workspace) if run.manifest.dataset == dataset.fingerprint]


def latest_job_without_run(jobs: list[Job], dataset: Dataset | None) -> Job | None:
    """Return the latest job on a dataset if it ended without a run, so that the page can say why."""
    jobs = [job for job in jobs if dataset is not None and job.dataset == dataset.fingerprint]
    return jobs[0] if jobs and not jobs[0].open and jobs[0].state != "done" else None


def _dataset_label(dataset: Dataset) -> str:
    card = dataset.card()
    return f"{card.name} · {card.train.rows + card.test.rows:,} rows · {card.fingerprint[:6]}"


def _run_label(run: Run) -> str:
    name = run.note.name or f"{datetime.datetime.fromisoformat(run.manifest.created):%d %b %H:%M} UTC"
    return f"{name} · {run.manifest.scores.judged.label} {expected_score(run.manifest)}"


def distinct_names(names: Mapping[str, str]) -> dict[str, str]:
    """Make the names of runs distinct by appending the end of the id, or the whole id if that is not enough.

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
    """A number in the row under the title: label, formatted value, and explanation."""

    label: str
    value: str
    help: str


def show_metrics(metrics: list[Metric]) -> None:
    """Show at most five numbers in a row, which wraps on a narrow screen."""
    with st.container(horizontal=True):
        for metric in metrics:
            st.metric(metric.label, metric.value, help=metric.help, width=_METRIC_WIDTH)


def show_empty_state(content: str, needs: Literal["dataset", "run"]) -> None:
    """Say what the page will show and what produces it, with a button that leads there."""
    source, target = _SOURCES[needs]
    with st.container(border=True):
        st.markdown(f"**{content}**")
        st.markdown(source)
        st.page_link(target.path, label=f"Go to {target.label}", icon=target.icon)


@contextmanager
def showing_errors(*, stop: bool = False) -> Iterator[None]:
    """Show an error of the studio as a message; with `stop`, end the page there."""
    try:
        yield
    except StudioError as error:
        st.error(str(error), icon=":material/error:")
        if stop:
            st.stop()
