"""One background job: its progress and its outcome, with buttons to cancel or resume it."""

from __future__ import annotations

import streamlit as st

from core.base.text import count, duration, number
from core.base.workspace import Workspace
from core.config import RunConfig
from core.errors import SettingError
from core.jobs import Job, Jobs, cancel, finish_early, resume, start_next_job
from core.jobs.interim_results import trial_frame
from core.jobs.job import RESUMABLE
from core.runs import Run, best_run, describe_settings, list_runs
from pages._ui.number_format import in_page_format
from pages._ui.state import page_state, set_param
from pages._ui.text import plain

_REFRESH_SECONDS = 1.0
_OUTCOMES = {
    "done": "The run is done.",
    "cancelled": "The run was cancelled. Its results were not kept.",
    "failed": "The run failed.",
    "lost": "The run was interrupted.",
}


def show_progress(workspace: Workspace, job_id: str) -> None:
    """Show a queued or running job, refreshed every second; the page is drawn again when the job starts or ends."""
    job = Jobs(workspace).get(job_id)
    st.fragment(in_page_format(_draw_progress), run_every=_REFRESH_SECONDS if job.open else None)(
        workspace, job_id, was_queued=not job.active
    )


def _draw_progress(workspace: Workspace, job_id: str, *, was_queued: bool) -> None:
    start_next_job(workspace)
    job = Jobs(workspace).get(job_id)
    if job.active and was_queued:
        st.rerun(scope="app")
    if not job.open:
        _show_result(workspace, job)
        st.rerun(scope="app")
    with st.container(border=True):
        st.markdown(f"**{plain(_headline(job))}**")
        st.progress(job.progress.fraction if job.progress else 0.0, text=plain(_status(job)))
        st.caption(plain(" · ".join(_facts(workspace, job))))
        with st.container(horizontal=True):
            if job.progress is not None and job.progress.step == "tune" and job.state == "running":
                _offer_to_finish(workspace, job)
            with st.popover("Cancel the run", icon=":material/stop_circle:", disabled=job.state == "stopping"):
                st.markdown("This deletes the results so far. The run stays in the history.")
                if st.button("Yes, cancel", key=f"cancel-{job_id}", type="primary"):
                    with st.spinner("Stopping"):
                        cancel(workspace, job_id)
                    st.rerun(scope="app")


def _show_result(workspace: Workspace, job: Job) -> None:
    """Show the result of a job that has just ended on Train, and select its run if it is the best on its dataset."""
    if job.state == "done":  # the result is what the visitor waited for
        page_state().last_views["Train"] = "Result"
        st.session_state.pop("view-Train", None)
        set_param("view", "")
    best = best_run([run for run in list_runs(workspace) if run.manifest.dataset == job.dataset])
    if best is not None and best.manifest.run_id == job.run_id:
        page_state().selected_ids["run"] = best.manifest.run_id


def _offer_to_finish(workspace: Workspace, job: Job) -> None:
    if Jobs(workspace).should_finish(job.id):
        st.caption("The search ends after the current fits. The best hyperparameters are then used.")
    elif st.button("Finish with the best so far", icon=":material/flag:"):
        finish_early(workspace, job.id)
        st.rerun(scope="fragment")


def watch_for_jobs(workspace: Workspace) -> None:
    """Draw the page again as soon as a job is running, even if it was started in another tab."""
    st.fragment(in_page_format(_rerun_if_active), run_every=2 * _REFRESH_SECONDS)(workspace)


def _rerun_if_active(workspace: Workspace) -> None:
    if Jobs(workspace).active() is not None:
        st.rerun(scope="app")


def show_in_sidebar(workspace: Workspace, job: Job) -> None:
    """Show a progress bar of the running job, for pages that are not about runs."""
    st.fragment(in_page_format(_draw_sidebar_progress), run_every=_REFRESH_SECONDS)(workspace, job.id)


def _draw_sidebar_progress(workspace: Workspace, job_id: str) -> None:
    start_next_job(workspace)
    job = Jobs(workspace).get(job_id)
    if not job.active:
        st.rerun(scope="app")
    st.progress(job.progress.fraction if job.progress else 0.0, text="A run is in progress")


def show_waiting(workspace: Workspace, job: Job) -> None:
    """Show the progress of the job that a page waits for; the page is drawn again when the job starts or ends."""
    st.fragment(in_page_format(_draw_waiting), run_every=_REFRESH_SECONDS)(workspace, job.id, was_queued=not job.active)


def _draw_waiting(workspace: Workspace, job_id: str, *, was_queued: bool) -> None:
    start_next_job(workspace)
    job = Jobs(workspace).get(job_id)
    if not job.open or (job.active and was_queued):
        st.rerun(scope="app")
    st.markdown(f"{plain(_headline(job))}. {_ready(job)}".strip())
    st.progress(job.progress.fraction if job.progress else 0.0, text=_status(job))


def _ready(job: Job) -> str:
    """Say when what a page waits for will be there; empty before there is an estimate."""
    left = None if job.progress is None else job.progress.seconds_left
    return "" if left is None or not job.active else f"**Ready in about {duration(max(left, 1.0))}.**"


def _headline(job: Job) -> str:
    if job.state == "stopping":
        return "The run is being stopped"
    return f"A run on {job.dataset_name} is {'queued' if job.state == 'queued' else 'in progress'}"


def _status(job: Job) -> str:
    """Return the step, the percentage, the time so far and the time left."""
    update = job.progress
    if job.state == "queued":
        return "Waiting for the runs before it"
    if update is None:
        return "Starting"
    step = f"{update.label}: {update.detail}" if update.detail else update.label
    left = f"about {duration(update.seconds_left)} left" if update.seconds_left is not None else "estimating time left"
    return f"{step} · {update.fraction:.0%} · {duration(job.seconds())} so far, {left}"


def _facts(workspace: Workspace, job: Job) -> list[str]:
    """Return the settings, the trials, the best loss, the memory, the busy cores, and how often the job was started."""
    trials = trial_frame(Jobs(workspace).results(job.id, "trial"))
    complete = trials.filter("complete")
    facts = [settings_text(job), *_default_metric(job)]
    if trials.height:
        facts.append(f"{count(trials.height, 'trial')}, {trials.height - complete.height} pruned")
    if complete.height:
        facts.append(f"best loss {number(min(complete.get_column('loss').to_list()))}")
    if job.memory is not None:
        facts.append(f"{number(job.memory / 1e9)} GB of memory")
    if job.cores is not None:
        facts.append(f"{job.cores:.1f} cores busy")
    if job.gives_way:
        facts.append("low priority")
    if job.attempts > 1:
        facts.append(f"started {job.attempts} times")
    return facts


def _default_metric(job: Job) -> list[str]:
    """Return the metric of a job if its settings do not name it, because it is the default."""
    metric = RunConfig.setting("metric")
    name = str(job.config.get("metric", metric.default))
    return [metric.choices[name].lower()] if name == metric.default else []


def show_outcome(workspace: Workspace, job: Job, selected: Run | None = None) -> None:
    """Say how a job ended, until a person dismisses it; offer its run, or to resume it if it ended without one.

    Args:
        selected: the run that the page shows; another run is offered with a button.
    """
    outcome, run = _OUTCOMES[job.state], None
    if job.state == "done":
        run = next((run for run in list_runs(workspace) if run.manifest.run_id == job.run_id), None)
        st.success(f"{plain(outcome)} It took {duration(job.seconds())}.", icon=":material/check_circle:")
    elif job.state == "cancelled":
        st.info(plain(outcome), icon=":material/info:")
    else:
        st.error(plain(f"{outcome} {job.error or ''}"), icon=":material/error:")
    with st.container(horizontal=True):
        if (
            run is not None
            and selected is not None
            and run.folder != selected.folder
            and st.button("Show this run", icon=":material/visibility:", help="This page shows a better run.")
        ):
            page_state().selected_ids["run"] = run.manifest.run_id
            st.rerun()
        label = "Restart the run" if job.state == "cancelled" else "Resume the run"
        if job.state in RESUMABLE and st.button(label, icon=":material/replay:"):
            set_param("job", resume(workspace, job.id).id)
            st.rerun()
        if st.button("Dismiss", icon=":material/close:", type="tertiary", key=f"dismiss-{job.id}"):
            Jobs(workspace).acknowledge_end(job.id)
            set_param("job", "")
            st.rerun()


def settings_text(job: Job) -> str:
    """Return the settings of a job: its preset and seed, and those that differ from the defaults."""
    try:
        return describe_settings(job.run_config())
    except SettingError:  # another version of the program stored them
        return str(job.config.get("preset", ""))
