"""The frame of every page: its configuration, the sidebar, and the elements that all pages have."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import streamlit as st

from core.base.number_format import PLAIN, use_format
from core.base.workspace import Workspace
from core.dataset import Dataset
from core.errors import StudioError
from core.jobs import Job, Jobs, start_next_job
from core.jobs.job import RESUMABLE
from core.pipeline.first_run import start_first_run
from core.runs import Run, compare_with_best, list_runs
from pages._ui.chart import visitor_theme
from pages._ui.damage import show_damage, watch_selection
from pages._ui.form_words import form_text
from pages._ui.gc_tuning import freeze_libraries
from pages._ui.job import show_in_sidebar, show_waiting
from pages._ui.page_style import apply_style
from pages._ui.selectors import dataset_selector, run_selector, select_run
from pages._ui.serving.notice import check_visitor, show_in_menu, show_on_home
from pages._ui.state import page_state
from pages._ui.text import plain, without_formulas

PRODUCT = "Session Value Studio"
_ICON = Path(__file__).with_name("icon.png")
_METRIC_WIDTH = 152
"""Pixels: five in a row on a laptop, two on a phone."""
_METRIC_CHARACTER = 13
"""Pixels: an interval of amounts is wider than that."""


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
PAGES = {entry.label: entry for entry in (HOME, DATA, EXPLORE, TRAIN, IMPORTANCE, SUBMISSION, SCORE, BACKTEST, LIVE)}
MENU = (HOME, DATA, EXPLORE, TRAIN, IMPORTANCE, SUBMISSION, SCORE, BACKTEST, LIVE)
TRAIN_VIEWS = ("Now", "Result", "Runs")
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
    use_format(PLAIN)
    with st.sidebar:
        st.markdown(f"**{PRODUCT}**")
        for menu_entry in MENU:
            st.page_link(menu_entry.path, label=menu_entry.label, icon=menu_entry.icon)
        show_in_menu()
        st.divider()
        with showing_errors():
            dataset = dataset_selector(workspace, open_jobs, runs)
            if dataset is not None:
                use_format(dataset.note.number_format)
            on_dataset = [run for run in runs if dataset is not None and run.is_on(dataset)]
            run, best = run_selector(workspace, on_dataset)
        if job is not None and entry not in _PAGES_WITH_JOBS:
            show_in_sidebar(workspace, job)
    watch_selection(dataset, run)
    if entry == HOME:
        show_on_home()
    _show_broken_links()
    show_damage(workspace, dataset, run, is_data_page=entry == DATA, is_train_page=entry == TRAIN)
    if dataset is not None and entry == EXPLORE and dataset.damage():
        st.stop()
    if not jobs_readable and entry in _PAGES_WITH_JOBS:
        st.stop()
    waiting = next((job for job in open_jobs if dataset is not None and job.dataset == dataset.fingerprint), None)
    return Page(workspace, dataset, run, best, job, waiting)


def _show_broken_links() -> None:
    """Show the warnings about links to what does not exist, on the page, because a phone hides the sidebar."""
    for param, link in list(page_state().broken_links.items()):
        st.warning(plain(link.warning), icon=":material/link_off:")
        if st.button("Dismiss", icon=":material/close:", type="tertiary", key=f"dismiss-link-{param}"):
            del page_state().broken_links[param]
            st.rerun()


@st.cache_resource(show_spinner="Reading the demo data")
def _start_first_run(root: str) -> None:
    """Read the demo data and start the first run, once per server and workspace."""
    start_first_run(Workspace(Path(root)))


def show_better_run(page: Page) -> None:
    """Say so if another run than the best one is shown, with a button that selects the best one."""
    if page.run is None or page.best is None or page.run is page.best:
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f":material/info: {plain(compare_with_best(page.run, page.best))}", width="content")
        if st.button("Show the best run", type="tertiary", icon=":material/trophy:", key="show-best"):
            select_run(page.best)


def ended_without_run(page: Page) -> Job | None:
    """Return the job whose end must be reported: the latest one, if it ended without a run on the selected dataset."""
    job = Jobs(page.workspace).unacknowledged_end()
    is_here = job is not None and page.dataset is not None and job.dataset == page.dataset.fingerprint
    return job if job is not None and is_here and job.state in RESUMABLE else None


def show_title(question: str, finding: str) -> None:
    """Show the question that the page answers, and the answer in one sentence."""
    st.title(question, anchor=False)
    st.markdown(without_formulas(finding))


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
            width = max(_METRIC_WIDTH, _METRIC_CHARACTER * len(metric.value))
            st.metric(metric.label, without_formulas(metric.value), help=without_formulas(metric.help), width=width)


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


def dataset_or_stop(page: Page, question: str, content: str) -> Dataset:
    """Return the selected dataset. Without one, say what the page will show, and end it.

    Args:
        question: title of the page.
        content: see `show_empty_state`.
    """
    if page.dataset is None:
        show_title(question, "There is no dataset yet.")
        show_empty_state(content, "dataset")
        st.stop()
    return page.dataset


def run_or_stop(page: Page, question: str, content: str) -> Run:
    """Return the selected run. Without one, say what the page will show, and end it; see `dataset_or_stop`."""
    if page.run is None:
        show_title(question, page.no_run)
        show_empty_state(content, "run", page.waiting)
        st.stop()
    return page.run


@contextmanager
def showing_errors(*, stop: bool = False) -> Iterator[None]:
    """Show an error of the studio as a message; with `stop`, end the page there."""
    try:
        yield
    except StudioError as error:
        st.error(form_text(error), icon=":material/error:")
        if stop:
            st.stop()
