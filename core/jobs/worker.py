"""Worker processes of background jobs: start, progress, heartbeat, cancellation and end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import psutil

from core.base.checkpoint import delete_checkpoints, work_prefix
from core.base.processes import find_process
from core.base.progress import InterimResult, ProgressUpdate
from core.base.stored_files import open_for_append
from core.base.workspace import Workspace
from core.config import RunConfig
from core.dataset import Dataset
from core.errors import Cancelled, SettingError, StudioError
from core.jobs.job import LOW_PRIORITY, Job
from core.jobs.queue import Jobs

_PROJECT = Path(__file__).resolve().parents[2]
_HEARTBEAT_SECONDS = 2.0
_REQUEST_SECONDS = 1.0
"""Shortest time between two queries whether the job should finish early."""
_PROGRESS_SECONDS = 0.2
"""Shortest time between two progress updates in the database. A page reads them once a second."""
_TERMINATED = "Its process was terminated, for example by a shutdown. Resume the job to continue from its checkpoints."
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

    Ending workers call this, and so does everything that shows jobs.
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
    """Start the worker process of a job. It reads the rest from the jobs database."""
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
    # Wait for the worker, so that it does not stay a zombie of this process when it has ended.
    threading.Thread(target=process.wait, daemon=True).start()
    Jobs(workspace).set_worker(job.id, process.pid)


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
    earlier attempts and can be resumed again.
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
    with suppress(SettingError):  # another version of the program stored the settings, so it alone can resume the work
        config = job.run_config()
        delete_checkpoints(workspace.unfinished, work_prefix(job.dataset, config.digest))
        delete_checkpoints(workspace.searches, work_prefix(job.dataset, config.search_digest))


def _terminate(process: psutil.Process) -> None:
    processes = [process, *process.children(recursive=True)]
    process.terminate()
    _, alive = psutil.wait_procs(processes, timeout=_GRACE_SECONDS)
    for survivor in alive:
        survivor.kill()
    psutil.wait_procs(alive, timeout=_GRACE_SECONDS)


def finish_early(workspace: Workspace, job_id: str) -> Job:
    """Request that a running job ends its tuning and finishes with the best parameters so far."""
    jobs = Jobs(workspace)
    if jobs.get(job_id).active:
        jobs.request_finish(job_id)
    return jobs.get(job_id)


def should_finish_callback(workspace: Workspace, job_id: str) -> Callable[[], bool]:
    """Return a function that returns whether the job was asked to finish early.

    It may be called often, because it reads the database at most once a second.
    """
    jobs, last_read, requested = Jobs(workspace), 0.0, False

    def should_finish() -> bool:
        nonlocal last_read, requested
        now = time.monotonic()
        if not requested and now - last_read >= _REQUEST_SECONDS:
            last_read, requested = now, jobs.should_finish(job_id)
        return requested

    return should_finish


@dataclass(frozen=True)
class JobCallbacks:
    """Callbacks that a run calls with its progress, and with interim results such as trials and fits."""

    on_progress: Callable[[ProgressUpdate], None]
    on_result: Callable[[InterimResult], None]


@contextmanager
def foreground_job(
    workspace: Workspace, dataset: Dataset, config: RunConfig, out: Path | None = None
) -> Iterator[tuple[Job, JobCallbacks]]:
    """Run the block as a job in this process; other processes see it like a background job. See `job_worker`.

    `out` is stored with the job, so that a resumed run is written to the same folder.

    Raises:
        RunError: a job is already running.
    """
    job = Jobs(workspace).start_now(
        dataset.fingerprint,
        dataset.name,
        config.digest,
        config.model_dump(mode="json"),
        None if out is None else str(out.resolve()),
    )
    with job_worker(workspace, job.id) as callbacks:
        yield job, callbacks


@contextmanager
def job_worker(workspace: Workspace, job_id: str) -> Iterator[JobCallbacks]:
    """Run the block as the worker of a job: send heartbeats, record how the block ends, and start the next job.

    If the block succeeds, it must call `Jobs.end(job_id, "done", run_id=...)` itself.

    Raises:
        Cancelled: the job was cancelled.
    """
    jobs = Jobs(workspace)
    if not jobs.set_worker(job_id, os.getpid()):
        raise Cancelled("The run was cancelled before it started.")

    def stop(signum: int, frame: FrameType | None) -> None:
        if jobs.should_stop(job_id):
            raise Cancelled("The run was cancelled, and its checkpoints were deleted.")
        raise KeyboardInterrupt  # terminated by the system or another program: keep the checkpoints

    previous = signal.signal(signal.SIGTERM, stop)
    ended = threading.Event()
    threading.Thread(target=_send_heartbeats, args=(jobs, job_id, ended), daemon=True).start()
    last_written = 0.0

    def write_progress(progress: ProgressUpdate) -> None:
        nonlocal last_written
        now = time.monotonic()
        if now - last_written >= _PROGRESS_SECONDS or progress.fraction >= 1:
            last_written = now
            if not jobs.record_heartbeat(job_id, progress):
                raise KeyboardInterrupt  # the job was marked as lost, so another worker may resume it

    interrupted = False
    try:
        yield JobCallbacks(write_progress, partial(jobs.add_result, job_id))
    except Cancelled:
        jobs.end(job_id, "cancelled")
        raise
    except KeyboardInterrupt:
        interrupted = True  # the machine may be shutting down, so start no other job
        jobs.end(job_id, "lost", error=_TERMINATED)
        raise
    except StudioError as error:
        jobs.end(job_id, "failed", error=str(error))
        raise
    except BaseException as error:  # a bug: end the job; the traceback is in its log
        problem = f"Unexpected error ({type(error).__name__}). This is a bug: please report it"
        jobs.end(job_id, "failed", error=f"{problem} and attach {log_file(workspace, job_id)}.")
        raise
    finally:
        signal.signal(signal.SIGTERM, previous)
        ended.set()
        if not interrupted:
            start_next_job(workspace)


def _send_heartbeats(jobs: Jobs, job_id: str, ended: threading.Event) -> None:
    """Send heartbeats with memory and CPU use until the job has ended."""
    process = psutil.Process()
    process.cpu_percent()  # the first call only starts the measurement
    while not ended.wait(_HEARTBEAT_SECONDS):
        with suppress(StudioError):  # a busy database or a full disk must not end the run
            jobs.record_usage(job_id, memory=float(process.memory_info().rss), cores=process.cpu_percent() / 100)
