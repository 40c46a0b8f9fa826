"""Starts a run as a process of its own, lets it tell how far it is, and ends it when a person says so."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import psutil

from core.config import RunConfig
from core.dataset import Dataset
from core.errors import Cancelled, StudioError
from core.progress import Moment
from core.runs.jobs import Job, Jobs
from core.workspace import Workspace

_PROJECT = Path(__file__).resolve().parents[2]
_BEAT_SECONDS = 2.0
_LOOK_SECONDS = 1.0
_WRITE_SECONDS = 0.2  # progress is written at most this often; a page looks once a second
_GRACE_SECONDS = 2.0  # between the request to stop and the end by force; a fit cannot always be interrupted


def start_run(workspace: Workspace, dataset: Dataset, config: RunConfig) -> tuple[Job, bool]:
    """Start a run of the dataset in the background, unless some job is active.

    Returns:
        The job that is active now, and whether this call started it.
    """
    jobs = Jobs(workspace)
    job, fresh = jobs.claim(dataset.fingerprint, dataset.card().name, config.digest, config.model_dump())
    if not fresh:
        return job, False
    command = [sys.executable, "-m", "core", "run", "--dataset", dataset.fingerprint, "--job", job.id]
    for name, value in config.model_dump().items():
        command += _flag(name, value)
    environment = os.environ | {"SVS_HOME": str(workspace.root)}
    with log_file(workspace, job.id).open("wb") as log:
        # A session (on Windows: a process group) of its own: closing the dashboard must not end the work.
        detached: dict[str, Any] = (
            {"creationflags": getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)}
            if os.name == "nt"
            else {"start_new_session": True}
        )
        process = subprocess.Popen(
            command, cwd=_PROJECT, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, **detached
        )
    # Collects the exit status while we live, so that an ended worker is no zombie of ours.
    threading.Thread(target=process.wait, daemon=True).start()
    jobs.adopt(job.id, process.pid)
    return jobs.get(job.id), True


def _flag(name: str, value: object) -> list[str]:
    flag = f"--{name.replace('_', '-')}"
    if value is None:
        return []
    if isinstance(value, bool):
        return [flag if value else f"--no-{flag.removeprefix('--')}"]
    if isinstance(value, tuple):
        return [part for each in value for part in (flag, str(each))]
    return [flag, str(value)]


def log_file(workspace: Workspace, job_id: str) -> Path:
    """Where the worker's output goes."""
    return workspace.logs / f"{job_id}.log"


def cancel(workspace: Workspace, job_id: str) -> Job:
    """Ask the worker to stop, and end it by force if it has not stopped after a moment. Nothing of it is kept."""
    jobs = Jobs(workspace)
    job = jobs.get(job_id)
    if not job.active:
        return job
    jobs.ask_to_stop(job_id)
    if job.pid is not None:
        try:
            process = psutil.Process(job.pid)
            if process.create_time() == job.pid_started:
                _end(process)
        except psutil.NoSuchProcess:
            pass
    jobs.end(job_id, "cancelled")
    return jobs.get(job_id)


def _end(process: psutil.Process) -> None:
    everyone = [process, *process.children(recursive=True)]
    process.terminate()
    _, alive = psutil.wait_procs(everyone, timeout=_GRACE_SECONDS)
    for each in alive:
        each.kill()
    psutil.wait_procs(alive, timeout=_GRACE_SECONDS)


def finish_early(workspace: Workspace, job_id: str) -> Job:
    """Ask a job that tunes to go on with the best it has found so far; everything else of the run is still made."""
    jobs = Jobs(workspace)
    if jobs.get(job_id).active:
        jobs.ask_to_finish(job_id)
    return jobs.get(job_id)


def finish_wish(workspace: Workspace, job_id: str) -> Callable[[], bool]:
    """Inside the worker: a question that is asked often and looked up at most once a second."""
    jobs, looked, wished = Jobs(workspace), 0.0, False

    def is_to_finish() -> bool:
        nonlocal looked, wished
        now = time.monotonic()
        if not wished and now - looked >= _LOOK_SECONDS:
            looked, wished = now, jobs.is_to_finish(job_id)
        return wished

    return is_to_finish


@contextmanager
def working_on(workspace: Workspace, job_id: str) -> Iterator[Callable[[Moment], None]]:
    """Inside the worker: adopt the job, keep it alive, and close it by how the block ends.

    Gives the function that takes the progress. The block must call `Jobs.end(job_id, "done", run_id=...)` itself.
    """
    jobs = Jobs(workspace)
    if not jobs.adopt(job_id, os.getpid()):
        raise Cancelled("The run was cancelled before it began; nothing of it is kept.")
    signal.signal(signal.SIGTERM, _raise_cancelled)
    ended = threading.Event()
    threading.Thread(target=_beat, args=(jobs, job_id, ended), daemon=True).start()
    last = 0.0

    def watch(moment: Moment) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= _WRITE_SECONDS or moment.fraction >= 1:
            last = now
            if not jobs.beat(job_id, moment):
                raise Cancelled("The run was given up meanwhile; nothing of it is kept.")

    try:
        yield watch
    except (Cancelled, KeyboardInterrupt):
        jobs.end(job_id, "cancelled")
        raise
    except StudioError as error:
        jobs.end(job_id, "failed", error=str(error))
        raise
    except BaseException as error:  # a defect of ours: the job must not look alive; the traceback is in its log
        log = log_file(workspace, job_id)
        jobs.end(job_id, "failed", error=f"An error of the program ended the run ({type(error).__name__}): see {log}.")
        raise
    finally:
        ended.set()


def _beat(jobs: Jobs, job_id: str, ended: threading.Event) -> None:
    while not ended.wait(_BEAT_SECONDS):
        jobs.beat(job_id)


def _raise_cancelled(signum: int, frame: FrameType | None) -> None:
    raise Cancelled("The run was cancelled; nothing of it is kept.")
