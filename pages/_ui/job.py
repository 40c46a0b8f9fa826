"""A background job as people see it: how far it is, how long it takes still, ways to end it or to go on with it."""

from __future__ import annotations

import datetime

import streamlit as st

from core.base.text import count, duration, number
from core.base.workspace import Workspace
from core.jobs import Job, Jobs, cancel, finish_early, resume, start_waiting
from core.jobs.interim_results import trial_frame
from core.jobs.job import RESUMABLE

_LOOK_SECONDS = 1.0
_MOST_IN_HISTORY = 50
CHOSEN_RUN = "chosen_run"
"""The key under which the frame keeps the run that the visitor looks at."""
ENDED = {
    "done": "The run is done.",
    "cancelled": "The run was cancelled; nothing of it was kept.",
    "failed": "The run failed.",
    "lost": "The run was lost.",
}


def show_progress(workspace: Workspace, job_id: str) -> None:
    """Show a job while it waits or works, refreshed every second; when it ends, the whole page is drawn again."""
    job = Jobs(workspace).get(job_id)
    st.fragment(_progress, run_every=_LOOK_SECONDS if job.open else None)(workspace, job_id, waited=not job.active)


def _progress(workspace: Workspace, job_id: str, *, waited: bool) -> None:
    start_waiting(workspace)
    job = Jobs(workspace).get(job_id)
    if job.active and waited:  # now there is more to show
        st.rerun(scope="app")
    if not job.open:
        if job.run_id is not None:
            st.session_state[CHOSEN_RUN] = job.run_id  # who watched a run wants to see what came of it
        st.rerun(scope="app")
    with st.container(border=True):
        st.markdown(f"**{_headline(job)}**")
        st.progress(job.progress.fraction if job.progress else 0.0, text=_now(job))
        if facts := _facts(workspace, job):
            st.caption(" · ".join(facts))
        with st.container(horizontal=True):
            if job.progress is not None and job.progress.step == "tune" and job.state == "running":
                _offer_to_finish(workspace, job)
            with st.popover("Cancel the run", icon=":material/stop_circle:", disabled=job.state == "stopping"):
                st.markdown("What it has done is thrown away; only a line in the history stays.")
                if st.button("Cancel it", key=f"cancel-{job_id}", type="primary"):
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


def look_for_jobs(workspace: Workspace) -> None:
    """Where nothing is at work: draw the page again once something is, whoever asked for it, in whatever tab."""
    st.fragment(_look, run_every=2 * _LOOK_SECONDS)(workspace)


def _look(workspace: Workspace) -> None:
    if Jobs(workspace).active() is not None:
        st.rerun(scope="app")


def show_in_sidebar(workspace: Workspace, job: Job) -> None:
    """One line on the job at work, for pages that are about something else."""
    st.fragment(_line, run_every=_LOOK_SECONDS)(workspace, job.id)


def _line(workspace: Workspace, job_id: str) -> None:
    start_waiting(workspace)
    job = Jobs(workspace).get(job_id)
    if not job.active:
        st.rerun(scope="app")
    st.progress(job.progress.fraction if job.progress else 0.0, text="A run is at work")


def _headline(job: Job) -> str:
    if job.state == "stopping":
        return "The run is being stopped"
    if job.state == "queued":
        return f"A run on {job.dataset_name} waits for its turn"
    return f"A run on {job.dataset_name} is at work"


def _now(job: Job) -> str:
    """Step, fold, percentage, time passed and left."""
    moment = job.progress
    if job.state == "queued":
        return "It starts when what was asked for before is done"
    if moment is None:
        return "Starting"
    doing = f"{moment.label}: {moment.detail}" if moment.detail else moment.label
    left = f"about {duration(moment.seconds_left)} left" if moment.seconds_left is not None else "estimating time left"
    return f"{doing} · {moment.fraction:.0%} · {duration(job.seconds())} so far, {left}"


def _facts(workspace: Workspace, job: Job) -> list[str]:
    """Return short facts: trials so far, memory, cores and attempts."""
    trials = trial_frame(Jobs(workspace).results(job.id, "trial"))
    facts = []
    if trials.height:
        complete = trials.filter("complete")
        facts.append(f"{count(trials.height, 'trial')}, {trials.height - complete.height} given up early")
        if complete.height:
            facts.append(f"best loss {number(float(complete.get_column('loss').min()))}")
    if job.memory is not None:
        facts.append(f"{number(job.memory / 2**30)} GB of memory")
    if job.cores is not None:
        facts.append(f"{job.cores:.1f} cores busy")
    if job.attempts > 1:
        facts.append(f"started {job.attempts} times")
    return facts


def show_end(workspace: Workspace, job: Job) -> None:
    """Say how a job ended, in the colour that fits, and offer to go on with one that has no run."""
    if job.state == "done":
        st.success(f"{ENDED['done']} It took {duration(job.seconds())}.", icon=":material/check_circle:")
    elif job.state == "cancelled":
        st.info(ENDED["cancelled"], icon=":material/info:")
    else:
        st.error(f"{ENDED[job.state]} {job.error or ''}", icon=":material/error:")
    if job.state in RESUMABLE and st.button(
        "Start it again" if job.state == "cancelled" else "Resume the run", icon=":material/replay:"
    ):
        st.query_params["job"] = resume(workspace, job.id).id
        st.rerun()


def show_queue(workspace: Workspace) -> None:
    """What waits, the next first, with ways to change the order; nothing where nothing waits."""
    st.fragment(_queue, run_every=_LOOK_SECONDS * 2 if Jobs(workspace).queue() else None)(workspace)


def _queue(workspace: Workspace) -> None:
    jobs = Jobs(workspace)
    waiting = jobs.queue()
    if not waiting:
        return
    st.markdown(f"**{count(len(waiting), 'run')} in the queue**")
    for place, job in enumerate(waiting):
        with st.container(horizontal=True, vertical_alignment="center", border=True):
            st.markdown(f"{place + 1}. {job.dataset_name}, {told(job)}", width="stretch")
            for icon, steps, words in (("arrow_upward", -1, "Earlier"), ("arrow_downward", 1, "Later")):
                at_end = place + steps not in range(len(waiting))
                if st.button(
                    "", icon=f":material/{icon}:", help=words, key=f"{words}-{job.id}", disabled=at_end, type="tertiary"
                ):
                    jobs.move(job.id, steps)
                    st.rerun(scope="fragment")
            if st.button(
                "", icon=":material/close:", help="Take it from the queue", key=f"drop-{job.id}", type="tertiary"
            ):
                cancel(workspace, job.id)
                st.rerun(scope="app")


def show_history(workspace: Workspace) -> None:
    """All jobs that ended, the newest first."""
    ended = [job for job in Jobs(workspace).all() if not job.open]
    if not ended:
        return
    with st.expander(f"History: {count(len(ended), 'job')}", icon=":material/history:"):
        st.dataframe(
            [
                {
                    "Asked for": f"{datetime.datetime.fromtimestamp(job.created, datetime.UTC):%d %b %Y %H:%M} UTC",
                    "Dataset": job.dataset_name,
                    "Settings": told(job),
                    "Ended": job.state,
                    "Took": duration(job.seconds()),
                    "Why": job.error or "",
                }
                for job in ended[:_MOST_IN_HISTORY]
            ],
            hide_index=True,
            height="content",
            column_config={"Took": st.column_config.TextColumn(alignment="right")},
            alt="Jobs that ended, with their settings, state and time",
        )


def told(job: Job) -> str:
    """A job's settings in a few words."""
    config = job.config
    preset = config.get("preset", "quick")
    minutes = f", {number(config['minutes'])} minutes" if config.get("minutes") else ""
    trials = f", {count(config['trials'], 'trial')} a learner" if config.get("trials") else ""
    return f"{preset}{minutes}{trials}, seed {config.get('seed', 7)}"
