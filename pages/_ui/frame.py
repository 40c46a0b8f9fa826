"""The frame around every page: its set-up, the menu, and what all pages share (dataset, run, running job)."""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from core.base.workspace import Workspace
from core.dataset import Dataset, list_datasets
from core.errors import StudioError
from core.jobs import Job, Jobs, start_waiting
from core.pipeline.first_run import start_first_run
from core.runs import Run, expected_score, list_runs
from pages._ui.gc_tuning import freeze_libraries
from pages._ui.job import show_in_sidebar

PRODUCT = "Session Value Studio"
_ICON = Path(__file__).with_name("icon.png")
AT_ONCE = 1_000_000
"""Rows of a dataset that is looked through without being asked to: it takes about a dozen seconds."""
_LONGEST = 40
"""Characters of what an address asks for that are said again."""
_FIGURE_WIDTH = 152  # pixels: five in a row on a laptop, two on a phone


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


@dataclass(frozen=True)
class Page:
    """What a page works with. `dataset` and `run` are the visitor's choice, `job` is the one at work, if any."""

    workspace: Workspace
    dataset: Dataset | None
    run: Run | None
    job: Job | None


def open_page(entry: Entry) -> Page:
    """Set the page up and draw the sidebar. Every page calls this first, and works when it is the first one opened."""
    st.set_page_config(page_title=f"{entry.label} · {PRODUCT}", page_icon=_ICON, layout="wide")
    freeze_libraries()
    workspace = Workspace.from_environment()
    with sentences(stop=True):
        _begin(str(workspace.root))
    job, looked = None, False
    with sentences():
        start_waiting(workspace)
        job, looked = Jobs(workspace).active(), True
    with st.sidebar:
        st.markdown(f"**{PRODUCT}**")
        for each in MENU:
            st.page_link(each.path, label=each.label, icon=each.icon)
        st.divider()
        dataset = _pick_dataset(workspace)
        run = _pick_run(workspace, dataset)
        if job is not None and entry not in (HOME, TRAIN):
            show_in_sidebar(workspace, job)
    _tell_missed()
    if not looked and entry in (HOME, TRAIN):  # the others tell of no job
        st.stop()
    return Page(workspace, dataset, run, job)


@st.cache_resource(show_spinner="Reading the demo data")
def _begin(root: str) -> None:
    """Once a server and workspace: demo data in, first run started."""
    start_first_run(Workspace.from_environment())


def _pick_dataset(workspace: Workspace) -> Dataset | None:
    datasets = {dataset.fingerprint: dataset for dataset in list_datasets(workspace)}
    if not datasets:
        st.caption("No dataset yet.")
        return None
    names = {key: _dataset_label(dataset) for key, dataset in datasets.items()}
    chosen = _pick("dataset", "Dataset", list(datasets), names)
    if datasets[chosen].card().synthetic:
        st.caption("Synthetic data: simulated, not of a real shop.")
    return datasets[chosen]


def _pick_run(workspace: Workspace, dataset: Dataset | None) -> Run | None:
    runs = {
        run.manifest.run_id: run
        for run in list_runs(workspace)
        if dataset is not None and run.manifest.dataset == dataset.fingerprint
    }
    if not runs:
        st.caption("No run on this dataset yet.")
        return None
    names = told_apart({key: _run_label(run) for key, run in runs.items()})
    return runs[_pick("run", "Run", list(runs), names)]


def _pick(key: str, label: str, options: list[str], names: dict[str, str]) -> str:
    """A select box whose choice lives in the address, so that reloads, other pages and shared links keep it.

    Who comes by a link to what is not here is told, until something else is chosen: what is shown in its place must not
    be taken for what was asked for.
    """
    asked, before = st.query_params.get(key, ""), st.session_state.get(f"chosen_{key}")
    wanted = before or asked
    index = options.index(wanted) if wanted in options else 0
    chosen = st.selectbox(label, options, index=index, format_func=names.__getitem__)
    if not before and asked and asked not in options:
        st.session_state[_missed(key)] = (
            chosen,
            f"The address asks for the {label.lower()} {asked[:_LONGEST]}, which is not here (deleted, or of another "
            f"dataset or workspace). Shown is {names[chosen]}.",
        )
    elif st.session_state.get(_missed(key), (chosen, ""))[0] != chosen:
        del st.session_state[_missed(key)]
    # Plain keys outlive the change of page, which a widget's own key does not.
    st.session_state[f"chosen_{key}"] = chosen
    st.query_params[key] = chosen
    return chosen


def _tell_missed() -> None:
    """Over the page, not beside the boxes: on a phone the sidebar is closed."""
    for key in ("dataset", "run"):
        if _missed(key) in st.session_state:
            st.warning(st.session_state[_missed(key)][1], icon=":material/link_off:")


def follow_address(name: str, options: list[str]) -> None:
    """Before a widget whose key is `name`: give it what the address says, where that is new (a link, the browser's way
    back); on coming from another page, what it said last; the first of the options where nothing is known.
    """
    asked, written = st.query_params.get(name, ""), st.session_state.get(_written(name))
    if asked in options and (name not in st.session_state or asked != written):
        st.session_state[name] = asked
    elif name not in st.session_state:
        st.session_state[name] = written if written in options else options[0]
    if asked and asked not in options and asked != written:
        st.warning(
            f"The address asks for the {name} {asked[:_LONGEST]}, which is not there. "
            f"Shown is {st.session_state[name]}.",
            icon=":material/link_off:",
        )


def write_address(name: str, value: str) -> None:
    """After it: into the address, and into what outlives the change of page."""
    st.query_params[name] = st.session_state[_written(name)] = value


def _missed(key: str) -> str:
    return f"{key} that the address asked for"


def _written(name: str) -> str:
    return f"{name} written into the address"


def unfinished(jobs: list[Job], dataset: Dataset | None) -> Job | None:
    """The latest job on a dataset, where it ended without a run: people must hear of it, wherever they were then."""
    mine = [job for job in jobs if dataset is not None and job.dataset == dataset.fingerprint]
    return mine[0] if mine and not mine[0].open and mine[0].state != "done" else None


def choose(dataset: Dataset) -> None:
    """Make a dataset the visitor's choice on all pages from the next rerun on."""
    st.session_state["chosen_dataset"] = dataset.fingerprint


def _dataset_label(dataset: Dataset) -> str:
    card = dataset.card()
    return f"{card.name} · {card.train.rows + card.test.rows:,} rows · {card.fingerprint[:6]}"


def _run_label(run: Run) -> str:
    manifest = run.manifest
    began = datetime.datetime.fromisoformat(manifest.created)
    judged = manifest.scores.judged
    name = run.note.name or f"{began:%d %b %H:%M} UTC"
    return f"{name} · {judged.label} {expected_score(manifest)}"


def told_apart(names: Mapping[str, str]) -> dict[str, str]:
    """What runs are called, by their id; where several are called the same, with the end of the id behind it."""
    times = Counter(names.values())
    told = {key: f"{name} ({key.rpartition('-')[2]})" if times[name] > 1 else name for key, name in names.items()}
    if len(set(told.values())) == len(told):
        return told
    return {key: f"{name} ({key})" for key, name in names.items()}


def title(question: str, finding: str) -> None:
    """The page's question, and under it what is known of the answer."""
    st.title(question, anchor=False)
    st.markdown(finding)


@dataclass(frozen=True)
class Figure:
    """A figure of the row under the title: what it is, its value in words, and what it means."""

    label: str
    value: str
    meaning: str


def figures(row: list[Figure]) -> None:
    """At most five figures in a row; on a narrow screen they wrap."""
    with st.container(horizontal=True):
        for each in row:
            st.metric(each.label, each.value, help=each.meaning, width=_FIGURE_WIDTH)


def nothing_yet(what: str, how: str, to: Entry, button: str) -> None:
    """The state of a page that has nothing to show: what will stand here, what makes it, a way there."""
    with st.container(border=True):
        st.markdown(f"**{what}**")
        st.markdown(how)
        st.page_link(to.path, label=button, icon=to.icon)


@contextmanager
def sentences(*, stop: bool = False) -> Iterator[None]:
    """Show what a person can mend as one sentence; the page goes on, or stops where nothing can be shown without it."""
    try:
        yield
    except StudioError as error:
        st.error(str(error), icon=":material/error:")
        if stop:
            st.stop()
