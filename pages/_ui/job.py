"""A background job as people see it: how far it is, how long it takes still, a way to stop it."""

from __future__ import annotations

import streamlit as st

from core.runs import Job, Jobs, cancel, finish_early
from core.wording import duration
from core.workspace import Workspace

_LOOK_SECONDS = 1.0
CHOSEN_RUN = "chosen_run"
"""The key under which the frame keeps the run that the visitor looks at."""
ENDED = {
    "done": "The run is done.",
    "cancelled": "The run was cancelled; nothing of it was kept.",
    "failed": "The run failed.",
    "lost": "The run was lost.",
}


def show_progress(workspace: Workspace, job_id: str) -> None:
    """Show a job while it works, refreshed every second; when it ends, the whole page is drawn again."""
    active = Jobs(workspace).get(job_id).active
    st.fragment(_progress, run_every=_LOOK_SECONDS if active else None)(workspace, job_id)


def _progress(workspace: Workspace, job_id: str) -> None:
    job = Jobs(workspace).get(job_id)
    if not job.active:
        if job.run_id is not None:
            st.session_state[CHOSEN_RUN] = job.run_id  # who watched a run wants to see what came of it
        st.rerun(scope="app")
    with st.container(border=True):
        st.markdown(f"**{_headline(job)}**")
        st.progress(job.moment.fraction if job.moment else 0.0, text=_now(job))
        if job.moment is not None and job.moment.step == "tune":
            _offer_to_finish(workspace, job)
        if st.button("Cancel the run", icon=":material/stop_circle:", disabled=job.state == "stopping"):
            with st.spinner("Stopping"):
                cancel(workspace, job_id)
            st.rerun(scope="app")


def _offer_to_finish(workspace: Workspace, job: Job) -> None:
    """A way to say that what the search has found is good enough."""
    if Jobs(workspace).is_to_finish(job.id):
        st.caption("The search ends after the fits at work; then the best settings are fitted.")
    elif st.button("Finish with the best so far", icon=":material/flag:"):
        finish_early(workspace, job.id)
        st.rerun(scope="fragment")


def show_in_sidebar(workspace: Workspace, job: Job) -> None:
    """One line on the job at work, for pages that are about something else."""
    st.fragment(_line, run_every=_LOOK_SECONDS)(workspace, job.id)


def _line(workspace: Workspace, job_id: str) -> None:
    job = Jobs(workspace).get(job_id)
    if not job.active:
        st.rerun(scope="app")
    st.progress(job.moment.fraction if job.moment else 0.0, text="A run is at work")


def _headline(job: Job) -> str:
    if job.state == "stopping":
        return "The run is being stopped"
    return f"A run on {job.dataset_name} is at work"


def _now(job: Job) -> str:
    """Step, fold, percentage, time passed and left."""
    moment = job.moment
    if moment is None:
        return "Starting"
    doing = f"{moment.label}: {moment.detail}" if moment.detail else moment.label
    left = f"about {duration(moment.seconds_left)} left" if moment.seconds_left is not None else "estimating time left"
    return f"{doing} · {moment.fraction:.0%} · {duration(job.seconds())} so far, {left}"


def show_end(job: Job) -> None:
    """Say how a job ended, in the colour that fits."""
    if job.state == "done":
        st.success(f"{ENDED['done']} It took {duration(job.seconds())}.", icon=":material/check_circle:")
    elif job.state == "cancelled":
        st.info(ENDED["cancelled"], icon=":material/info:")
    else:
        st.error(f"{ENDED[job.state]} {job.error or ''}", icon=":material/error:")
