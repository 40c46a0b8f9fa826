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
from core.jobs.job import RESUMABLE
from core.pipeline.first_run import start_first_run
from core.runs import Run, best_run, compare_with_best, expected_score, list_runs
from pages._ui.chart import visitor_theme
from pages._ui.damage import reporting_if_gone, show_damage, watch_selection
from pages._ui.form_words import form_text
from pages._ui.gc_tuning import freeze_libraries
from pages._ui.job import show_in_sidebar, show_waiting
from pages._ui.page_style import apply_style
from pages._ui.serving.notice import check_visitor, show_in_menu, show_on_home
from pages._ui.serving.privacy import for_visitors
from pages._ui.state import BrokenLink, Param, get_param, page_state, set_param
from pages._ui.text import plain

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


HOME = Entry("app.py", "Home", ":material/home:")
DATA = Entry("pages/1_Data.py", "Data", ":material/database:")
EXPLORE = Entry("pages/2_Explore.py", "Explore", ":material/bar_chart:")
TRAIN = Entry("pages/3_Train.py", "Train", ":material/model_training:")
IMPORTANCE = Entry("pages/4_Importance.py", "Importance", ":material/insights:")
SUBMISSION = Entry("pages/5_Submission.py", "Submission", ":material/task:")
SCORE = Entry("pages/6_Score.py", "Score", ":material/price_check:")
BACKTEST = Entry("pages/7_Backtest.py", "Backtest", ":material/history:")
LIVE = Entry("pages/8_Live.py", "Live", ":material/sensors:")
MENU = (HOME, DATA, EXPLORE, TRAIN, IMPORTANCE, SUBMISSION, SCORE, BACKTEST, LIVE)
BEST_MARK = " · best"
"""Marks the best run in lists of runs."""
_PAGES_WITH_JOBS = (HOME, TRAIN)
_NEXT_STEPS = {
    "dataset": ("Read event files or the demo data first.", DATA),
    "run": ("Start a run first.", TRAIN),
}
"""How to fill an empty page, and on which page to do it."""


@dataclass(frozen=True)
class Page:
    """What a page works with.

    Attributes:
        dataset: the selected dataset.
        run: the selected run on it.
        best: the best run on it, which is selected by default.
        job: the running job, on this or another dataset.
        waiting: the running or the next queued job on the selected dataset.
    """

    workspace: Workspace
    dataset: Dataset | None
    run: Run | None
    best: Run | None
    job: Job | None
    waiting: Job | None

    @property
    def run_name(self) -> str:
        """The selected run as the subject of a sentence."""
        return "The best run" if self.run is self.best else "The selected run"

    @property
    def no_run(self) -> str:
        """The finding of a page that has no run to show."""
        if self.waiting is None:
            return "There is no finished run on this dataset yet."
        return f"The first run on this dataset is {'in progress' if self.waiting.active else 'queued'}."


def open_page(entry: Entry) -> Page:
    """Configure the page and draw the sidebar; every page calls this first."""
    st.set_page_config(page_title=f"{entry.label} · {PRODUCT}", page_icon=_ICON, layout="wide")
    apply_style(visitor_theme())
    with showing_errors(stop=True):
        check_visitor()
    freeze_libraries()
    workspace = Workspace.from_environment()
    with showing_errors(stop=True):
        _start_first_run(str(workspace.root))
    open_jobs, jobs_readable = [], False
    with showing_errors():
        start_next_job(workspace)
        open_jobs, jobs_readable = Jobs(workspace).open(), True
    job = next((job for job in open_jobs if job.active), None)
    runs = list_runs(workspace)
    dataset, run, best = None, None, None
    with st.sidebar:
        st.markdown(f"**{PRODUCT}**")
        for menu_entry in MENU:
            st.page_link(menu_entry.path, label=menu_entry.label, icon=menu_entry.icon)
        show_in_menu()
        st.divider()
        with showing_errors():
            dataset = _select_dataset(workspace, open_jobs, runs)
            run, best = _select_run(workspace, [run for run in runs if dataset is not None and run.is_on(dataset)])
        if job is not None and entry not in _PAGES_WITH_JOBS:
            show_in_sidebar(workspace, job)
    watch_selection(dataset, run)
    if entry == HOME:
        show_on_home()
    for link in page_state().broken_links.values():  # on the page, because a phone hides the sidebar
        st.warning(plain(link.warning), icon=":material/link_off:")
    show_damage(workspace, dataset, run, is_data_page=entry == DATA, is_train_page=entry == TRAIN)
    if dataset is not None and entry == EXPLORE and dataset.damage():
        st.stop()
    if not jobs_readable and entry in _PAGES_WITH_JOBS:
        st.stop()
    waiting = next((job for job in open_jobs if dataset is not None and job.dataset == dataset.fingerprint), None)
    return Page(workspace, dataset, run, best, job, waiting)


@st.cache_resource(show_spinner="Reading the demo data")
def _start_first_run(root: str) -> None:
    """Read the demo data and start the first run, once per server and workspace."""
    start_first_run(Workspace(Path(root)))


def _select_dataset(workspace: Workspace, open_jobs: list[Job], runs: list[Run]) -> Dataset | None:
    """Show the datasets. The default is that of the running job, else that of the latest run, else the newest."""
    datasets = {dataset.fingerprint: dataset for dataset in list_datasets(workspace)}
    with reporting_if_gone("dataset", workspace.datasets):
        if not datasets:
            st.caption("No dataset yet.")
            return None
        in_use = [*(job.dataset for job in open_jobs), *(run.manifest.dataset for run in runs), *datasets]
        default_id = next(fingerprint for fingerprint in in_use if fingerprint in datasets)
        labels = {key: _dataset_label(dataset) for key, dataset in datasets.items()}
        dataset = datasets[_select("dataset", labels, default_id)]
    if dataset.card().synthetic:
        st.caption("Synthetic data from a simulated shop.")
    return dataset


def _select_run(workspace: Workspace, runs: list[Run]) -> tuple[Run | None, Run | None]:
    """Show the runs on the selected dataset, and return the selected and the best one; the default is the best."""
    best = best_run(runs)
    with reporting_if_gone("run", workspace.runs):
        if best is None:
            st.caption("No run on this dataset yet.")
            return None, None
        labels = distinct_names({run.manifest.run_id: _run_label(run) for run in runs})
        if len(runs) > 1:
            labels[best.manifest.run_id] += BEST_MARK
        selected_id = _select("run", labels, best.manifest.run_id)
    return next(run for run in runs if run.manifest.run_id == selected_id), best


def show_better_run(page: Page) -> None:
    """Say so if another run than the best one is shown, with a button that selects the best one."""
    if page.run is None or page.best is None or page.run is page.best:
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f":material/info: {compare_with_best(page.run, page.best)}", width="content")
        if st.button("Show the best run", type="tertiary", icon=":material/trophy:", key="show-best"):
            select_run(page.best)


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

    tooltip = "The times at which the runs started are in UTC." if param == "run" else None
    st.selectbox(param.capitalize(), ids, format_func=labels.__getitem__, key=key, on_change=remember, help=tooltip)
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
        st.warning(plain(text), icon=":material/link_off:")
    view = st.segmented_control("View", views, required=True, key="view", label_visibility="collapsed") or views[0]
    state.last_view = view
    set_param("view", view)
    return view


def select_param(param: Param, labels: Mapping[str, str]) -> str:
    """Show a choice whose value is written to the URL, and return it.

    Args:
        param: query parameter.
        labels: value -> label. The first value is the default, which is not written.
    """
    key, linked, default = f"choice-{param}", get_param(param), next(iter(labels))
    if st.session_state.get(key) not in labels:
        st.session_state[key] = linked if linked in labels else default
    chosen = st.selectbox(
        param, list(labels), format_func=labels.__getitem__, key=key, label_visibility="collapsed", width=230
    )
    set_param(param, "" if chosen == default else chosen)
    return chosen


def runs_of(workspace: Workspace, dataset: Dataset) -> list[Run]:
    """Return the finished runs on a dataset, newest first."""
    return [run for run in list_runs(workspace) if run.is_on(dataset)]


def ended_without_run(page: Page) -> Job | None:
    """Return the job whose end must be reported: the latest one, if it ended without a run on the selected dataset."""
    job = Jobs(page.workspace).unacknowledged_end()
    is_here = job is not None and page.dataset is not None and job.dataset == page.dataset.fingerprint
    return job if job is not None and is_here and job.state in RESUMABLE else None


def _dataset_label(dataset: Dataset) -> str:
    card = dataset.card()
    return f"{for_visitors(card.name)} · {card.train.rows + card.test.rows:,} rows · {card.fingerprint[:6]}"


def _run_label(run: Run) -> str:
    name = run.note.name or f"{datetime.datetime.fromisoformat(run.manifest.created):%d %b %H:%M}"
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


def show_empty_state(content: str, needs: Literal["dataset", "run"], waiting: Job | None = None) -> None:
    """Say what the page will show and what to do first, with a link to the page for it.

    Args:
        content: a sentence on what the page will show.
        waiting: the job that will produce it; its progress is shown instead of what to do.
    """
    step, entry = _NEXT_STEPS[needs]
    with st.container(border=True):
        if waiting is None:
            st.markdown(f"**{content}**\n\n{step}")
        else:
            st.markdown(f"**{content}**")
            show_waiting(Workspace.from_environment(), waiting)
        st.page_link(entry.path, label=f"Go to {entry.label}", icon=entry.icon)


@contextmanager
def showing_errors(*, stop: bool = False) -> Iterator[None]:
    """Show an error of the studio as a message; with `stop`, end the page there."""
    try:
        yield
    except StudioError as error:
        st.error(form_text(error), icon=":material/error:")
        if stop:
            st.stop()
