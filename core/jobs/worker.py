"""Starts a run as a process of its own, lets it tell how far it is, and ends it when a person says so."""

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
from pathlib import Path
from types import FrameType
from typing import Any

import psutil
from pydantic import ValidationError

from core.base.checkpoint import delete_checkpoints, work_prefix
from core.base.processes import find_process
from core.base.progress import InterimResult, ProgressUpdate
from core.base.workspace import Workspace
from core.config import RunConfig
from core.dataset import Dataset
from core.errors import Cancelled, StudioError
from core.jobs.job import Job
from core.jobs.queue import Jobs

_PROJECT = Path(__file__).resolve().parents[2]
_BEAT_SECONDS = 2.0
_LOOK_SECONDS = 1.0
_WRITE_SECONDS = 0.2  # progress is written at most this often; a page looks once a second
_ENDED_FROM_OUTSIDE = "Its process was ended from outside; resume it, and it goes on where it was."
_NICE = 10  # of 19: well behind the dashboard, still before what is left for idle times
_GRACE_SECONDS = 2.0  # between the request to stop and the end by force; a fit cannot always be interrupted


def start_run(workspace: Workspace, dataset: Dataset, config: RunConfig) -> tuple[Job, bool]:
    """Ask for a run of the dataset in the background. It starts at once, or waits until what was asked for before is
    done.

    Returns:
        The job, and whether it is new: the same work that waits or goes on already is not entered twice.
    """
    jobs = Jobs(workspace)
    job, fresh = jobs.enqueue(dataset.fingerprint, dataset.card().name, config.digest, config.model_dump(mode="json"))
    start_waiting(workspace)
    return jobs.get(job.id), fresh


def resume(workspace: Workspace, job_id: str) -> Job:
    """Let a job that ended without a run go on where it was; it waits for its turn like a new one.

    Raises:
        RunError: there is none of that name, or it is not over, or has its run.
    """
    jobs = Jobs(workspace)
    job = jobs.resume(job_id)
    start_waiting(workspace)
    return jobs.get(job.id)


def start_waiting(workspace: Workspace) -> Job | None:
    """Start what waits, if nothing is at work. Everybody who looks at jobs calls this, and every worker that ends.

    Returns:
        The job that was started, None when there was none to start.
    """
    jobs = Jobs(workspace)
    while (job := jobs.start_next()) is not None:
        try:
            _spawn(workspace, job)
        except (OSError, ValidationError) as error:  # too many processes, no room for the log, an older program's job
            why = "its settings are of another version" if isinstance(error, ValidationError) else error.strerror
            jobs.end(job.id, "failed", error=f"Its process could not be started ({why}): start a new run.")
            continue
        return jobs.get(job.id)
    return None


def _spawn(workspace: Workspace, job: Job) -> None:
    """Start the process of a job."""
    command = [sys.executable, "-m", "core", "run", "--dataset", job.dataset, "--job", job.id]
    for name, value in [*RunConfig.model_validate(job.config).model_dump().items(), ("out", job.out)]:
        command += _flag(name, value)
    environment = os.environ | {"SVS_HOME": str(workspace.root)}
    with log_file(workspace, job.id).open("ab") as log:
        # A session (on Windows: a process group) of its own: closing the dashboard must not end the work.
        detached: dict[str, Any] = (
            {"creationflags": getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)}
            if os.name == "nt"
            else {"start_new_session": True}
        )
        process = subprocess.Popen(
            command, cwd=_PROJECT, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, **detached
        )
    _let_others_go_first(process.pid)
    # Collects the exit status while we live, so that an ended worker is no zombie of ours.
    threading.Thread(target=process.wait, daemon=True).start()
    Jobs(workspace).adopt(job.id, process.pid)


def _let_others_go_first(pid: int) -> None:
    """The dashboard answers in between, and so does all else that its owner does on the machine: a run takes the time
    that is left over. Called before the process makes threads, which inherit it. Nice by itself weighs little between
    sessions where Linux groups them (sched(7), the autogroup feature), so the group is told too.
    """
    with suppress(psutil.Error, OSError):  # it ended already, or the system knows no such thing
        psutil.Process(pid).nice(getattr(psutil, "BELOW_NORMAL_PRIORITY_CLASS", _NICE))
    with suppress(OSError):
        Path(f"/proc/{pid}/autogroup").write_text(str(_NICE))


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
    """Take a job from the queue; or ask its worker to stop, and end it by force if it has not stopped after a moment.

    Nothing is kept of one at work but its line in the database, and what waits behind it starts. One that waited to go
    on with earlier work is as it was before it was resumed: leaving the queue costs nobody hours of work.
    """
    jobs = Jobs(workspace)
    job = jobs.get(job_id)
    if not job.open:
        return job
    if not job.active and jobs.take_from_queue(job_id):
        return jobs.get(job_id)
    job = jobs.get(job_id)  # what waited may have been started just now
    if not job.active:
        return job
    jobs.ask_to_stop(job_id)
    if job.pid is not None and job.pid_started is not None:
        process = find_process(job.pid, job.pid_started)
        if process is not None:
            with suppress(psutil.NoSuchProcess):
                _end(process)
    jobs.end(job_id, "cancelled")
    _forget(workspace, job)
    start_waiting(workspace)
    return jobs.get(job_id)


def _forget(workspace: Workspace, job: Job) -> None:
    """Delete what a run has done that is not written yet."""
    with suppress(ValidationError):  # settings of another version, whose work this one would not go on with
        config = RunConfig.model_validate(job.config)
        delete_checkpoints(workspace.unfinished, work_prefix(job.dataset, config.digest))
        delete_checkpoints(workspace.searches, work_prefix(job.dataset, config.search_digest))


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


@dataclass(frozen=True)
class Watcher:
    """What the worker tells of its job: `moment` takes the progress, `news` what it came by."""

    moment: Callable[[ProgressUpdate], None]
    news: Callable[[InterimResult], None]


@contextmanager
def working_here(
    workspace: Workspace, dataset: Dataset, config: RunConfig, out: Path | None = None
) -> Iterator[tuple[Job, Watcher]]:
    """Do a run in this process as the job at work, known to everybody like one in the background; see `working_on`.
    `out` is noted for whoever resumes it.

    Raises:
        RunError: another run is at work, or this very one.
    """
    job = Jobs(workspace).begin(
        dataset.fingerprint,
        dataset.card().name,
        config.digest,
        config.model_dump(mode="json"),
        None if out is None else str(out.resolve()),
    )
    with working_on(workspace, job.id) as watcher:
        yield job, watcher


@contextmanager
def working_on(workspace: Workspace, job_id: str) -> Iterator[Watcher]:
    """Inside the worker: adopt the job, keep it alive, close it by how the block ends, and start what waits.

    The block must call `Jobs.end(job_id, "done", run_id=...)` itself.
    """
    jobs = Jobs(workspace)
    if not jobs.adopt(job_id, os.getpid()):
        raise Cancelled("The run was cancelled before it began; nothing of it is kept.")

    def stop(signum: int, frame: FrameType | None) -> None:
        if jobs.is_to_stop(job_id):
            raise Cancelled("The run was cancelled; nothing of it is kept.")
        raise KeyboardInterrupt  # the machine shuts down, or somebody ended the process: what is done is kept

    before = signal.signal(signal.SIGTERM, stop)
    ended = threading.Event()
    threading.Thread(target=_beat, args=(jobs, job_id, ended), daemon=True).start()
    last = 0.0

    def watch(moment: ProgressUpdate) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= _WRITE_SECONDS or moment.fraction >= 1:
            last = now
            if not jobs.beat(job_id, moment):
                raise KeyboardInterrupt  # it was given up as lost meanwhile: somebody may go on with it

    interrupted = False
    try:
        yield Watcher(watch, lambda news: jobs.tell(job_id, news))
    except Cancelled:
        jobs.end(job_id, "cancelled")
        raise
    except KeyboardInterrupt:
        interrupted = True  # the machine may be shutting down: nothing is started
        jobs.end(job_id, "lost", error=_ENDED_FROM_OUTSIDE)
        raise
    except StudioError as error:
        jobs.end(job_id, "failed", error=str(error))
        raise
    except BaseException as error:  # a defect of ours: the job must not look alive; the traceback is in its log
        log = log_file(workspace, job_id)
        jobs.end(job_id, "failed", error=f"An error of the program ended the run ({type(error).__name__}): see {log}.")
        raise
    finally:
        signal.signal(signal.SIGTERM, before)
        ended.set()
        if not interrupted:
            start_waiting(workspace)


def _beat(jobs: Jobs, job_id: str, ended: threading.Event) -> None:
    """Signs of life, with what the process uses."""
    process = psutil.Process()
    process.cpu_percent()  # the first call only sets the beginning
    while not ended.wait(_BEAT_SECONDS):
        with suppress(StudioError):  # a database that is busy for long, or a full disk, ends no run
            jobs.beat(job_id, memory=float(process.memory_info().rss), cores=process.cpu_percent() / 100)
