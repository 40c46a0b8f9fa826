"""The worker of a job, inside its process: progress, heartbeats, requests and the end."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import FrameType

import psutil

from core.base.progress import InterimResult, ProgressUpdate
from core.base.workspace import Workspace
from core.config import RunConfig
from core.dataset import Dataset
from core.errors import Cancelled, StudioError
from core.jobs.control import log_file, start_next_job
from core.jobs.job import Job
from core.jobs.queue import Jobs

_HEARTBEAT_SECONDS = 2.0
"""Seconds between two heartbeats."""
_REQUEST_SECONDS = 1.0
"""Shortest time in seconds between two queries whether the job should finish early."""
_PROGRESS_SECONDS = 0.2
"""Shortest time in seconds between two progress updates in the database. A page reads them once a second."""
_TERMINATED = "Its process was terminated, for example by a shutdown. Resume the run to continue from its checkpoints."


def should_finish_callback(workspace: Workspace, job_id: str) -> Callable[[], bool]:
    """Return a function that returns whether the job was asked to finish early.

    It may be called often, because it reads the database at most once a second.
    """
    jobs = Jobs(workspace)
    last_read = 0.0
    is_requested = False

    def should_finish() -> bool:
        nonlocal last_read, is_requested
        now = time.monotonic()
        if not is_requested and now - last_read >= _REQUEST_SECONDS:
            last_read = now
            with suppress(StudioError):  # a busy database must not end the run; it is asked again later
                is_requested = jobs.should_finish(job_id)
        return is_requested

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

    previous = signal.signal(signal.SIGTERM, _stop_handler(jobs, job_id))
    ended = threading.Event()
    threading.Thread(target=_send_heartbeats, args=(jobs, job_id, ended), daemon=True).start()
    interrupted = False
    try:
        yield JobCallbacks(_progress_writer(jobs, job_id), partial(jobs.add_result, job_id))
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


def _stop_handler(jobs: Jobs, job_id: str) -> Callable[[int, FrameType | None], None]:
    """Return a signal handler that raises `Cancelled` if a person asked for the end of the job, or `KeyboardInterrupt`.

    The checkpoints are kept if the system or another program terminates the process.
    """

    def stop(signum: int, frame: FrameType | None) -> None:
        if jobs.should_stop(job_id):
            raise Cancelled("The run was cancelled, and its checkpoints were deleted.")
        raise KeyboardInterrupt

    return stop


def _progress_writer(jobs: Jobs, job_id: str) -> Callable[[ProgressUpdate], None]:
    """Return a function that records progress; it may be called often.

    It raises `KeyboardInterrupt` if the job was marked as lost, because another worker may then resume it.
    Progress that cannot be stored is left out, because a busy database must not end the run.
    """
    last_written = 0.0

    def write_progress(progress: ProgressUpdate) -> None:
        nonlocal last_written
        now = time.monotonic()
        if now - last_written < _PROGRESS_SECONDS and progress.fraction < 1:
            return
        last_written = now
        try:
            is_running = jobs.record_heartbeat(job_id, progress)
        except StudioError:
            return
        if not is_running:
            raise KeyboardInterrupt

    return write_progress


def _send_heartbeats(jobs: Jobs, job_id: str, ended: threading.Event) -> None:
    """Send heartbeats with memory and CPU use until the job has ended."""
    process = psutil.Process()
    process.cpu_percent()  # the first call only starts the measurement
    while not ended.wait(_HEARTBEAT_SECONDS):
        with suppress(StudioError):  # a busy database or a full disk must not end the run
            jobs.record_usage(job_id, memory=float(process.memory_info().rss), cores=process.cpu_percent() / 100)
