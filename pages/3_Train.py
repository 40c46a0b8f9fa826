"""Train: start a run and follow it, see how well it predicts, and compare runs."""

from __future__ import annotations

import streamlit as st

from core.jobs import Job, Jobs
from core.runs import expected_error
from pages._ui import frame
from pages._ui.job import show_outcome, show_progress, watch_for_jobs
from pages._ui.job_lists import show_history, show_queue
from pages._ui.live import show_live
from pages._ui.run_board import show_board
from pages._ui.run_form import show_run_form
from pages._ui.run_result import show_result
from pages._ui.selectors import runs_of
from pages._ui.state import get_param, page_state, set_param
from pages._ui.text import plain
from pages._ui.view_selector import select_view

QUESTION = "How well can we predict?"
NOW, RESULT, RUNS = frame.TRAIN_VIEWS

page = frame.open_page(frame.TRAIN)


def watched_job() -> Job | None:
    """Return the open job in the URL, else the running job, else the latest job if its end must still be reported."""
    job_in_url = next((job for job in Jobs(page.workspace).open() if job.id == get_param("job")), None)
    if (job := job_in_url or page.job) is not None:
        return job
    ended = Jobs(page.workspace).unacknowledged_end()
    return ended if ended is not None and ended.id == get_param("job") else frame.ended_without_run(page)


def show_now(job: Job | None) -> None:
    """Show the running job with its search, the queue, and the form for another run."""
    if job is not None and job.open:
        shown = job if job.active or page.job is None else page.job  # a queued job is in the queue below
        show_progress(page.workspace, shown.id)
        show_queue(page.workspace)
        if page.dataset is not None:
            with st.expander("Start another run", icon=":material/add:", key="another-run"):
                show_run_form(page.workspace, page.dataset)
        if shown.active:
            show_live(page.workspace, shown)
    elif page.dataset is None:
        frame.show_empty_state("A run's progress and scores will be shown here.", "dataset")
    else:
        show_run_form(page.workspace, page.dataset)
    show_history(page.workspace)


job = watched_job()
is_open = job is not None and job.open
if page.run is None:
    frame.show_title(QUESTION, page.no_run)
else:
    frame.show_title(QUESTION, f"{expected_error(page.run.manifest, page.run_name)}.")
frame.show_better_run(page)
with st.container():  # always drawn, so that nothing below moves when the message disappears
    if message := page_state().take_message():
        st.info(plain(message), icon=":material/info:")
with frame.showing_errors():
    if job is not None and is_open:
        set_param("job", job.id)
    elif job is not None:
        show_outcome(page.workspace, job, page.run)
view = NOW
if page.run is not None:
    view = select_view(frame.TRAIN.label, frame.TRAIN_VIEWS, default=NOW if is_open else RESULT)
with frame.showing_errors():
    if view == NOW:
        show_now(job)
    elif page.run is not None and view == RESULT:
        show_result(page.run, page.dataset)
    elif page.dataset is not None:
        show_board(runs_of(page.workspace, page.dataset), page.run, page.dataset)
with frame.showing_errors():
    if not is_open:
        watch_for_jobs(page.workspace)
