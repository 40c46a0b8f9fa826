"""Verbs that tell of background jobs, do something about them, and do what waits."""

from __future__ import annotations

import argparse
import time
from dataclasses import asdict

from core import jobs as job_queue
from core.base.text import count
from core.base.workspace import Workspace
from core.cli.arguments import required
from core.cli.output import EXIT_DONE, Outcome
from core.cli.verbs.run import run_job
from core.config import RunConfig
from core.errors import Cancelled, RunError

_LOOK_SECONDS = 1.0
_PLACES = {"first": -1_000_000, "up": -1, "down": 1}
"""How many places a waiting job goes back in the queue."""


def jobs(options: argparse.Namespace) -> Outcome:
    """List the background jobs, show one, or do something about one."""
    workspace = Workspace.from_environment()
    job_queue.start_waiting(workspace)
    database = job_queue.Jobs(workspace)
    if options.action == "list":
        waiting = [job.id for job in database.queue()]
        found = database.all()
        # what waits in its order, the next one below, above what is at work and what ended, the latest first
        lines = [_job_line(job, waiting) for job in found if job.state != "queued"]
        lines = [_job_line(database.get(job), waiting) for job in reversed(waiting)] + lines
        return EXIT_DONE, {"jobs": [asdict(job) for job in found]}, "\n".join(lines) or "There is no job yet."
    required(options.job, "JOB", "the id of a job (see `jobs list`)")
    job = database.get(options.job)
    words = ""
    if options.action == "cancel" and not job.open:
        raise RunError.ended_already(job.id, job.state)
    if options.action == "stop" and job.state != "running":
        raise RunError.not_at_work(job.id, job.state)
    if options.action in _PLACES and job.state != "queued":
        raise RunError.not_waiting(job.id, job.state)
    if options.action == "cancel":
        job = job_queue.cancel(workspace, job.id)
    elif options.action == "stop":
        job = job_queue.finish_early(workspace, job.id)
        words = ", to finish with the best found so far" if job.state == "running" else ""  # it may end just now
    elif options.action == "resume":
        job = job_queue.resume(workspace, job.id)
    elif options.action in _PLACES:
        database.move(job.id, _PLACES[options.action])
        order = [each.id for each in database.queue()]
        job = database.get(job.id)
        words = f", {order.index(job.id) + 1} of {len(order)} in the queue" if job.id in order else ""
    else:
        log = job_queue.log_file(workspace, job.id)
        text = log.read_text(encoding="utf-8", errors="replace") if log.is_file() else ""
        return (
            EXIT_DONE,
            asdict(job) | {"news": database.news(job.id)},
            f"{_job_line(job, [])}\n{_settings_line(job)}\n{text}".rstrip(),
        )
    return EXIT_DONE, asdict(job), f"Job {job.id}: {job.state}{words}"


def _job_line(job: job_queue.Job, waiting: list[str]) -> str:
    """What it is, and last its place, why it ended without a run, or how far it is."""
    done = f"{job.moment.fraction:4.0%} {job.moment.label} {job.moment.detail}" if job.moment else ""
    place = f"{waiting.index(job.id) + 1} of {len(waiting)} in the queue" if job.id in waiting else ""
    told = f"{job.config.get('preset', '')}, seed {job.config.get('seed', '')}"
    return (
        f"{job.id}  {job.state:9}  {job.dataset_name:16}  {told:20}  {job.seconds():6.0f} s  "
        f"{place or job.error or done}"
    ).rstrip()


def _settings_line(job: job_queue.Job) -> str:
    """What it was asked for with, where that is not the usual."""
    usual = RunConfig().model_dump(mode="json")
    told = [f"{name} {value}" for name, value in job.config.items() if value != usual.get(name)]
    return f"Settings: {', '.join(told) or 'the usual ones'}."


def worker(options: argparse.Namespace) -> Outcome:
    """Start waiting jobs one after the other until interrupted, or with --once until the queue is empty."""
    workspace = Workspace.from_environment()
    if options.job:
        return run_job(workspace, options.job)
    database, started = job_queue.Jobs(workspace), 0
    try:
        while True:
            started += job_queue.start_waiting(workspace) is not None
            if options.once and not any(each.open for each in database.all()):
                return EXIT_DONE, {"started": started}, f"Nothing waits any more; {count(started, 'job')} started."
            time.sleep(_LOOK_SECONDS)
    except KeyboardInterrupt:
        raise Cancelled(
            "The worker starts nothing any more; a run that is at work goes on (see `python -m core jobs list`)."
        ) from None
