"""Train: start a run with one click, watch it, see how well it does."""

from __future__ import annotations

import streamlit as st

from core.base.text import count, duration, listed, number, short_duration
from core.config import RunConfig, available_cores
from core.dataset import Dataset
from core.eda.run_charts import learner_scores
from core.jobs import Job, Jobs, start_run
from core.runs import Run, expected_error, expected_interval, expected_seconds, list_runs
from core.runs.store import CERTIFICATE_FILE
from core.schema import LEARNER_LABELS
from pages._ui import frame
from pages._ui.cache import damaged_files
from pages._ui.frame import Figure
from pages._ui.job import look_for_jobs, show_end, show_history, show_progress, show_queue
from pages._ui.live import show_live
from pages._ui.run_list import show_runs
from pages._ui.scores import (
    expected_figure,
    show_blends,
    show_coverage,
    show_errors,
    show_folds,
    show_learner_scores,
    show_search,
    show_warning,
)
from pages._ui.setting_input import setting_input
from pages._ui.tables import certificate_table, user_table

FORM_SETTINGS = (
    "learners",
    "metric",
    "folds",
    "fold_kind",
    "seed",
    "history",
    "use_known_values",
    "split_composite_sessions",
)
"""Settings under the presets; the others can be set on the command line only."""

page = frame.open_page(frame.TRAIN)


def watched_job() -> Job | None:
    """The job that the address names (a reload, a shared link), else the one at work, else one that went wrong."""
    jobs = Jobs(page.workspace).all()
    name = st.query_params.get("job")
    named = next((job for job in jobs if job.id == name), None)
    if named is not None and named.open:
        return named
    return page.job or named or frame.unfinished(jobs, page.dataset)


def settings(sessions: int) -> RunConfig:
    """Show the form for a run's settings and return the chosen configuration."""
    runs = list_runs(page.workspace)
    presets = RunConfig.setting("preset")
    seconds = {name: expected_seconds(RunConfig.checked(preset=name), sessions, runs) for name in presets.choices}
    preset = st.segmented_control(
        presets.title,
        list(presets.choices),
        default=presets.default,
        required=True,
        format_func=lambda name: f"{presets.choices[name]} · {short_duration(seconds[name])}",
        key="preset",
    )
    usual = RunConfig.checked(preset=preset)
    chosen = {"preset": preset}
    if usual.tunes:
        chosen["minutes"] = setting_input("minutes", usual.minutes_given, key=f"minutes-{preset}", width=180)
        chosen["trials"] = setting_input("trials", placeholder="no limit", width=180)
    with st.expander("Settings", icon=":material/tune:", key="settings"):
        for name in FORM_SETTINGS:
            chosen[name] = setting_input(name)
    return RunConfig.checked(**chosen)


def explained(config: RunConfig, sessions: int) -> str:
    """What the run will do and how long it takes here."""
    names = ", ".join(LEARNER_LABELS[name] for name in config.learners)
    what = f"{count(len(config.learners), 'learner')} ({names})"
    where = f"on {config.folds} folds, on {count(available_cores(), 'core')}"
    about = duration(expected_seconds(config, sessions, list_runs(page.workspace)))
    if not config.tunes:
        return (
            f"A **quick** run fits {what} with their defaults {where}, and stacks them with a Ridge meta-model. "
            f"On this machine it takes about {about} for these {sessions:,} sessions."
        )
    minutes = config.minutes_given
    long = (
        "How long that takes shows when it runs" if minutes is None else f"It takes {count(round(minutes), 'minute')}"
    )
    return (
        f"A **{config.preset}** run searches the settings of {what} {where}, fits the best with several seeds, and "
        f"stacks them with a Ridge meta-model. {long}; you can let it finish early with the best it has found."
    )


def ask_for_a_run(dataset: Dataset) -> None:
    """Settings, what they mean, and the button."""
    sessions = dataset.card().train.sessions + dataset.order().height
    config = settings(sessions)
    st.markdown(explained(config, sessions))
    if st.button("Start training", type="primary", icon=":material/play_arrow:"):
        start(config)


def start(config: RunConfig) -> None:
    """Start the run, or find the one that is at work already."""
    assert page.dataset is not None  # noqa: S101 (the button is shown with a dataset only)
    job, fresh = start_run(page.workspace, page.dataset, config)
    st.query_params["job"] = job.id
    if not fresh:
        st.session_state["told"] = "The same run was asked for before; here it is."
    elif job.state == "queued":
        st.session_state["told"] = "Another run is at work. Yours waits in the queue and starts by itself."
    st.rerun()


def is_whole(run: Run) -> bool:
    """Whether the run's files are those that it was written with; says so where they are not."""
    wrong = damaged_files(str(run.folder))
    if wrong:
        st.error(
            f"The files of this run are not those that it was written with ({listed(wrong, 3)}), so nothing of it is "
            "shown: start the run again, and delete this one below.",
            icon=":material/error:",
        )
    return not wrong


def show_scores(run: Run) -> None:
    """What came of the chosen run."""
    manifest, scores = run.manifest, run.manifest.scores
    judged = scores.judged
    show_warning(run)
    frame.figures(
        [
            expected_figure(run, ", weighted to its mix of sessions"),
            Figure("90% interval", expected_interval(manifest), "Where the test score will be."),
            Figure(f"Cross-validated {judged.label}", number(judged.stack), "Of the final prediction, out of fold."),
            Figure("Guessing a constant", number(judged.baseline), f"{judged.label} of the best constant guess."),
            Figure("Time", duration(manifest.seconds), f"On {count(manifest.threads, 'core')}."),
        ]
    )
    st.subheader(learner_scores.TITLE, anchor=False)
    show_learner_scores(run)
    show_search(run)
    show_blends(run)
    show_folds(run)
    show_errors(run, page.dataset)
    show_users(run)
    show_coverage(run)
    st.subheader("Can the score be believed?", anchor=False)
    st.markdown(
        f"{manifest.certificate.passed} of {manifest.certificate.passed + manifest.certificate.failed} "
        "checks against leaks passed."
    )
    certificate_table(run.records(CERTIFICATE_FILE))


def show_users(run: Run) -> None:
    """New and known users apart."""
    users = run.manifest.scores.users
    if not users:
        return
    st.subheader("New users and known ones", anchor=False)
    st.markdown(
        "What a user's earlier sessions were worth, against what they held, says how dear the next one will be. "
        "A new user has no such past."
    )
    user_table(run)


job = watched_job()
if page.run is None:
    frame.title("How well can we predict?", "There is no finished run on this dataset yet.")
else:
    frame.title("How well can we predict?", f"{expected_error(page.run.manifest, 'The chosen run')}.")
with st.container():  # always there: what stands below keeps its place when the words go
    if told := st.session_state.pop("told", None):
        st.info(told, icon=":material/info:")
with frame.sentences():
    if job is not None and job.open:
        st.query_params["job"] = job.id
        shown = job if job.active or page.job is None else page.job  # what waits stands in the queue below
        show_progress(page.workspace, shown.id)
        if shown.active:
            show_live(page.workspace, shown)
    else:
        if job is not None:
            show_end(page.workspace, job)
        look_for_jobs(page.workspace)
    show_queue(page.workspace)
    if page.dataset is None:
        frame.nothing_yet(
            "A run's progress and scores will stand here.",
            "A run needs a dataset: bring two event files, or take the demo data.",
            frame.DATA,
            "Go to Data",
        )
    elif job is not None and job.open:
        with st.expander("Ask for another run", icon=":material/add:", key="another-run"):
            ask_for_a_run(page.dataset)
    else:
        ask_for_a_run(page.dataset)
if page.run is not None:
    st.subheader("The chosen run", anchor=False)
    with frame.sentences():
        if is_whole(page.run):
            show_scores(page.run)
    with frame.sentences():
        show_runs(page.workspace, page.dataset)
with frame.sentences():
    show_history(page.workspace)
