"""Start, resume and cancel background jobs, from any process."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from core.base.checkpoint import delete_checkpoints, work_prefix
from core.base.processes import LOW_PRIORITY, find_process
from core.base.stored_files import open_for_append
from core.base.workspace import Workspace
from core.config import RunConfig
from core.dataset import Dataset
from core.errors import SettingError
from core.jobs.job import Job
from core.jobs.queue import Jobs

_PROJECT = Path(__file__).resolve().parents[2]
_GRACE_SECONDS = 2.0
"""Between the request to stop and the end by force; a fit cannot always be interrupted."""


def start_run(
    workspace: Workspace, dataset: Dataset, config: RunConfig, *, nice: int = LOW_PRIORITY
) -> tuple[Job, bool]:
    """Queue a run of the dataset as a background job, and start it if no job is running.

    Return the job, and whether it is new. If the same work is already queued or running, return its job.

    Args:
        nice: priority of its process, see `Job.nice`.
    """
    jobs = Jobs(workspace)
    job, is_new = jobs.enqueue(
        dataset.fingerprint, dataset.name, config.digest, config.model_dump(mode="json"), nice=nice
    )
    start_next_job(workspace)
    return jobs.get(job.id), is_new


def resume(workspace: Workspace, job_id: str) -> Job:
    """Queue a failed, cancelled or lost job again. It continues from its checkpoints, if it has any.

    Raises:
        RunError: there is no such job, or it is queued, running or done.
    """
    jobs = Jobs(workspace)
    job = jobs.resume(job_id)
    start_next_job(workspace)
    return jobs.get(job.id)


def start_next_job(workspace: Workspace) -> Job | None:
    """Start the next queued job if no job is running, and return it; None if no job was started.

    A job whose worker cannot be started has failed, and the one after it is tried. Ending workers call this, and so
    does everything that shows jobs.
    """
    jobs = Jobs(workspace)
    while (job := jobs.start_next()) is not None:
        try:
            _spawn(workspace, job)
        except OSError as error:  # too many processes, or no room for the log
            jobs.end(job.id, "failed", error=f"The worker could not be started ({error.strerror}). Start a new run.")
            continue
        return jobs.get(job.id)
    return None


def _spawn(workspace: Workspace, job: Job) -> None:
    """Start the worker process of a job. The process reads dataset and settings from the jobs database."""
    command = [sys.executable, "-m", "core", "worker", "--job", job.id]
    environment = os.environ | {"SVS_HOME": str(workspace.root)}
    with open_for_append(log_file(workspace, job.id)) as log:
        # A session (on Windows: a process group) of its own: closing the dashboard must not end the work.
        detached: dict[str, Any] = (
            {"creationflags": getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)}
            if os.name == "nt"
            else {"start_new_session": True}
        )
        process = subprocess.Popen(
            command, cwd=_PROJECT, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, **detached
        )
    if job.gives_way:
        _lower_priority(process.pid, job.nice)
    try:
        Jobs(workspace).set_worker(job.id, process.pid)
    finally:
        # Wait for the worker, so that it does not stay a zombie of this process when it has ended. Not before: the
        # start time of a worker that ends at once can be read only while it is a zombie.
        threading.Thread(target=process.wait, daemon=True).start()


def _lower_priority(pid: int, nice: int) -> None:
    """Lower the priority of a worker, so that the dashboard and other programs stay responsive.

    Threads inherit the priority, so it is set before the worker creates any. Linux may schedule sessions as groups
    (autogroup, see sched(7)). The priority of a process then has little effect, so the group's is lowered too.
    """
    with suppress(psutil.Error, OSError):  # the worker has ended, or the system has no priorities
        psutil.Process(pid).nice(getattr(psutil, "BELOW_NORMAL_PRIORITY_CLASS", nice))
    with suppress(OSError):
        Path(f"/proc/{pid}/autogroup").write_text(str(nice))


def log_file(workspace: Workspace, job_id: str) -> Path:
    """Return the path of the worker's output."""
    return workspace.logs / f"{job_id}.log"


def cancel(workspace: Workspace, job_id: str) -> Job:
    """Cancel a job: remove it from the queue, or stop its worker, by force after two seconds.

    The checkpoints of a running job are deleted, and the next job starts. A queued job keeps the checkpoints of its
    earlier attempts and can be resumed again. A job that has ended is not changed.

    Raises:
        RunError: there is no such job.
    """
    jobs = Jobs(workspace)
    jobs.dequeue(job_id)
    job = jobs.get(job_id)
    if not job.active:  # it was only queued, or it had already ended
        return job
    jobs.request_stop(job_id)
    if job.pid is not None and job.pid_started is not None:
        process = find_process(job.pid, job.pid_started)
        if process is not None:
            with suppress(psutil.NoSuchProcess):
                _terminate(process)
    jobs.end(job_id, "cancelled")
    _delete_unfinished(workspace, job)
    start_next_job(workspace)
    return jobs.get(job_id)


def _delete_unfinished(workspace: Workspace, job: Job) -> None:
    """Delete the checkpoints and the study of an unfinished run."""
    try:
        config = job.run_config()
    except SettingError:  # another version of the program stored the settings, so it alone can resume the work
        return
    delete_checkpoints(workspace.unfinished, work_prefix(job.dataset, config.digest))
    delete_checkpoints(workspace.searches, work_prefix(job.dataset, config.search_digest))


def _terminate(process: psutil.Process) -> None:
    processes = [process, *process.children(recursive=True)]
    process.terminate()
    _, alive = psutil.wait_procs(processes, timeout=_GRACE_SECONDS)
    for survivor in alive:
        with suppress(psutil.NoSuchProcess):  # it has ended since; the next ones must still be killed
            survivor.kill()
    psutil.wait_procs(alive, timeout=_GRACE_SECONDS)


def finish_early(workspace: Workspace, job_id: str) -> Job:
    """Request that a running job ends its tuning and finishes with the best parameters so far. Others are unchanged.

    Raises:
        RunError: there is no such job.
    """
    jobs = Jobs(workspace)
    if jobs.get(job_id).active:
        jobs.request_finish(job_id)
    return jobs.get(job_id)
