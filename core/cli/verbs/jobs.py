"""The verb jobs, on background jobs."""

from __future__ import annotations

import argparse

from core import jobs as job_queue
from core.base.stored_files import read_stored_end
from core.base.workspace import Workspace
from core.cli.output import Outcome
from core.cli.run_options import refuse_unused, require
from core.cli.stored_options import JOB_ACTIONS
from core.config import RunConfig
from core.errors import RunError

_MOVES = {"first": -1_000_000, "up": -1, "down": 1}
"""Action -> places by which it moves a queued job. `Jobs.move` stops at either end of the queue."""


def jobs(options: argparse.Namespace) -> Outcome:
    """List the background jobs, or show or control one."""
    refuse_unused(options, {name: () if name == "list" else ("JOB",) for name in JOB_ACTIONS})
    workspace = Workspace.from_environment()
    job_queue.start_next_job(workspace)
    queue = job_queue.Jobs(workspace)
    if options.action == "list":
        return _list(queue)
    require(options.job, "JOB", "the id of a job (see `jobs list`)")
    job = queue.get(options.job)
    if options.action == "show":
        return _show(queue, job, workspace)
    if options.action == "cancel":
        if not job.open:
            raise RunError.wrong_job_state(job.id, job.state, "cancel")
        return _state(job_queue.cancel(workspace, job.id))
    if options.action == "stop":
        return _stop(workspace, job)
    if options.action == "resume":
        return _state(job_queue.resume(workspace, job.id))
    return _move(queue, job, _MOVES[options.action])


def _stop(workspace: Workspace, job: job_queue.Job) -> Outcome:
    if job.state != "running":
        raise RunError.wrong_job_state(job.id, job.state, "stop")
    job = job_queue.finish_early(workspace, job.id)
    is_stopping = job.state == "running"  # it may just have ended
    return _state(job, "to finish with the best parameters so far" if is_stopping else "")


def _move(queue: job_queue.Jobs, job: job_queue.Job, places: int) -> Outcome:
    if job.state != "queued":
        raise RunError.wrong_job_state(job.id, job.state, "move")
    queue.move(job.id, places)
    job = queue.get(job.id)
    return _state(job, _place(job, queue.queue()))


def _state(job: job_queue.Job, note: str = "") -> Outcome:
    """Return the state of a job, with a note."""
    return Outcome(job.record(), f"Job {job.id}: {job.state}{f', {note}' if note else ''}")


def _list(queue: job_queue.Jobs) -> Outcome:
    """List all jobs, one line each.

    The order is: queued jobs (the next one last), the running job, ended jobs (the latest first), damaged rows.
    """
    queued, all_jobs, damaged = queue.queue(), queue.all(), queue.damaged()
    listed_jobs = [*reversed(queued), *(job for job in all_jobs if job.state != "queued")]
    lines = [*(_job_line(job, queued) for job in listed_jobs), *map(str, damaged)]
    content = {"jobs": [job.record() for job in all_jobs], "unreadable": [{"error": str(error)} for error in damaged]}
    return Outcome(content, "\n".join(lines) or "There is no job yet.")


def _show(queue: job_queue.Jobs, job: job_queue.Job, workspace: Workspace) -> Outcome:
    """Show a job with its settings that differ from the defaults, and its log."""
    defaults = RunConfig().model_dump(mode="json")
    changed = [f"{name} {value}" for name, value in job.config.items() if value != defaults.get(name)]
    log = read_stored_end(job_queue.log_file(workspace, job.id))
    text = f"{_job_line(job, [])}\nSettings: {', '.join(changed) or 'all default'}.\n{log}"
    return Outcome(job.record() | {"news": queue.results(job.id)}, text.rstrip())


def _job_line(job: job_queue.Job, queued: list[job_queue.Job]) -> str:
    """Return a line that ends with the job's place in the queue, its error or its progress."""
    progress = f"{job.progress.fraction:4.0%} {job.progress.label} {job.progress.detail}" if job.progress else ""
    settings = f"{job.config.get('preset', '')}, seed {job.config.get('seed', '')}"
    return (
        f"{job.id}  {job.state:9}  {job.dataset_name:16}  {settings:20}  {job.seconds():6.0f} s  "
        f"{_place(job, queued) or job.error or progress}"
    ).rstrip()


def _place(job: job_queue.Job, queued: list[job_queue.Job]) -> str:
    """Return a job's place in the queue as text, empty if it is not queued."""
    ids = [other.id for other in queued]
    return f"{ids.index(job.id) + 1} of {len(ids)} in the queue" if job.id in ids else ""
