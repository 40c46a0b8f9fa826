"""Stress test of background jobs: workers and dashboards that are killed at random times, and a full disk.

- A small run with tuning is started as a job, its worker is killed (SIGKILL) at a random time, and the job is resumed;
  this is repeated `--kills` times. Each run must finish with the submission and the trials of an undisturbed run, and
  leave the jobs database and the run store intact.
- The dashboard is killed while a job runs, which must continue. Then dashboard and worker are both killed.
- The run is started on a disk that is too small, which requires the right to mount a tmpfs. It must end with one
  sentence, leave no partial files, and resume once there is room.
- A run is cancelled during a long fit of each learner.
- Files that were made to fill the memory or to take forever are read: see `benchmarks.bombs`.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import optuna
import polars as pl
import psutil
from optuna.storages.journal import JournalFileBackend

from benchmarks.bombs import BOMBS, measure_bombs
from core.base.workspace import Workspace
from core.config import RunConfig
from core.dataset import Dataset
from core.demo import write_demo
from core.ingestion import InputFiles, ingest
from core.jobs import Job, Jobs, cancel, resume, start_run
from core.runs import Run, find_run, list_runs, load_run
from core.runs.store import SEARCH_FILE, find_damage
from tests.browser import served

CONFIG = RunConfig(preset="standard", trials=4, folds=3)
_SESSIONS = 1500
_TIMEOUT_SECONDS = 300.0
_SESSIONS_FOR_LONG_FITS = 200_000
_MAX_SECONDS_TO_CANCEL = 10.0
"""Bound for a busy machine, on which a cancelled run waits for a core."""


def run_part(options: argparse.Namespace) -> None:
    """Print one line per test; stop at the first failed assertion."""
    rng = random.Random(options.seed)
    measure_bombs(list(BOMBS))
    with tempfile.TemporaryDirectory() as scratch:
        files = Path(scratch) / "files"
        write_demo(files, sessions=_SESSIONS, seed=5)
        reference, seconds = run_undisturbed(files, Path(scratch) / "reference")
        print(f"undisturbed: {seconds:.1f} s")
        for index in range(options.kills):
            delay = rng.uniform(0.0, seconds)
            step = kill_and_resume(files, Path(scratch) / f"killed{index}", delay, reference)
            print(f"killed after {delay:4.1f} s, {step}: resumed, same bytes, same trials", flush=True)
        kill_dashboard(files, Path(scratch) / "dashboard", reference, worker_too=False)
        print("dashboard killed: the job continued, same bytes", flush=True)
        kill_dashboard(files, Path(scratch) / "both", reference, worker_too=True)
        print("dashboard and worker killed: resumed, same bytes", flush=True)
        for size in fill_disks(files, reference):
            print(f"disk of {size} MB: one sentence, no partial files, resumed with more room, same bytes", flush=True)
        large = Path(scratch) / "large"
        write_demo(large, sessions=_SESSIONS_FOR_LONG_FITS, seed=5)
        for learner in RunConfig().learners:
            cancel_seconds = seconds_to_cancel(large, Path(scratch) / learner, learner)
            print(
                f"cancelled inside a fit of {learner}: {cancel_seconds:.1f} s until its process and files were removed",
                flush=True,
            )
            assert cancel_seconds <= _MAX_SECONDS_TO_CANCEL


def ingest_into(files: Path, home: Path) -> tuple[Workspace, Dataset]:
    """Ingest the files into a new workspace."""
    workspace = Workspace(home)
    return workspace, ingest(InputFiles(files / "train.csv", files / "test.csv"), workspace)


def run_undisturbed(files: Path, home: Path) -> tuple[Run, float]:
    """Run without interruption, and return the run and its seconds."""
    workspace, dataset = ingest_into(files, home)
    job, _ = start_run(workspace, dataset, CONFIG)
    started = time.monotonic()
    job = wait_until_ended(workspace, job)
    assert job.state == "done", job.error
    assert job.run_id is not None
    return find_run(workspace, job.run_id), time.monotonic() - started


def wait_until_ended(workspace: Workspace, job: Job) -> Job:
    """Wait until the job is neither queued nor running and its process has ended."""
    jobs, deadline = Jobs(workspace), time.monotonic() + _TIMEOUT_SECONDS
    while (current := jobs.get(job.id)).open or (current.pid is not None and psutil.pid_exists(current.pid)):
        assert time.monotonic() < deadline, current
        time.sleep(0.05)
    return current


def kill_worker(workspace: Workspace, job: Job) -> str:
    """Kill the worker, if it still runs, and return which step it was in."""
    current = Jobs(workspace).get(job.id)
    with contextlib.suppress(psutil.NoSuchProcess, ProcessLookupError):
        if current.pid is not None:
            os.kill(current.pid, signal.SIGKILL)
            psutil.wait_procs([psutil.Process(current.pid)], timeout=5)
    return "before its first progress" if current.progress is None else f"in step {current.progress.step}"


def kill_and_resume(files: Path, home: Path, delay: float, reference: Run) -> str:
    """Kill the worker after some seconds, resume the job, and return the step that was interrupted."""
    workspace, dataset = ingest_into(files, home)
    job, _ = start_run(workspace, dataset, CONFIG)
    time.sleep(delay)
    step = kill_worker(workspace, job)
    finished_before = finished_trials(home)
    job = wait_until_ended(workspace, job)
    if job.state != "done":
        assert job.state == "lost", job
        job = wait_until_ended(workspace, resume(workspace, job.id))
    check_same_run(workspace, job, reference, finished_before)
    shutil.rmtree(home)
    return step


def finished_trials(home: Path) -> set[tuple[str, float]]:
    """Return (learner, loss) of the completed trials in the journal, read from a copy so that it stays unchanged."""
    trials = set()
    for journal in (home / "studies").glob("*/search.journal"):
        content = journal.read_bytes()
        copy = home.with_suffix(".journal")
        copy.write_bytes(content[: content.rfind(b"\n") + 1])
        storage = optuna.storages.JournalStorage(JournalFileBackend(str(copy)))
        for name in optuna.get_all_study_names(storage):
            for trial in optuna.load_study(study_name=name, storage=storage).get_trials():
                if trial.state == optuna.trial.TrialState.COMPLETE:
                    trials.add((name, trial.value))
        copy.unlink()
    return trials


def check_same_run(workspace: Workspace, job: Job, reference: Run, finished_before: set[tuple[str, float]]) -> None:
    """Check that the run equals the reference, and that no finished trial is lost or repeated."""
    assert job.state == "done", job.error
    assert job.run_id is not None
    run = find_run(workspace, job.run_id)
    assert run.submission.read_bytes() == reference.submission.read_bytes()
    trials, reference_trials = (
        compared.table(SEARCH_FILE).drop("seconds").sort("learner", "trial").collect() for compared in (run, reference)
    )
    assert trials.equals(reference_trials)
    assert finished_before <= set(trials.select("learner", "loss").iter_rows())
    assert not trials.select(pl.struct("learner", "trial").is_duplicated().any()).item()
    check_intact(workspace)


def check_intact(workspace: Workspace) -> None:
    """Check the jobs database and the run store, and that no partial files remain after a sweep."""
    workspace.sweep()
    with contextlib.closing(sqlite3.connect(workspace.jobs_database)) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    for run in list_runs(workspace):
        damage = find_damage(load_run(run.folder))
        assert (damage.changed, damage.missing, damage.added) == ((), (), ())
    hidden = [path for path in workspace.runs.iterdir() if path.name.startswith(".")]
    assert hidden == [], hidden
    assert [*workspace.unfinished.iterdir(), *workspace.searches.iterdir()] == []


def kill_dashboard(files: Path, home: Path, reference: Run, *, worker_too: bool) -> None:
    """Start a job from a dashboard process, as its button does, and kill the dashboard, and the worker if asked."""
    workspace, dataset = ingest_into(files, home)
    code = (
        "from core.jobs import start_run; from core.dataset import Dataset; from core.base.workspace import Workspace;"
        "from core.config import RunConfig; from pathlib import Path; import sys, time;"
        "w = Workspace(Path(sys.argv[1])); config = RunConfig.model_validate_json(sys.argv[3]);"
        "print(start_run(w, Dataset(w.datasets / sys.argv[2]), config)[0].id, flush=True);"
        "time.sleep(600)"
    )
    with served(workspace) as dashboard:
        starter = subprocess.Popen(
            [sys.executable, "-c", code, str(home), dataset.fingerprint, CONFIG.model_dump_json()],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert starter.stdout is not None
        job = Jobs(workspace).get(starter.stdout.readline().strip())
        while Jobs(workspace).get(job.id).progress is None:
            time.sleep(0.05)
        for process in (dashboard.process, starter):
            process.kill()
            process.wait()
        if worker_too:
            kill_worker(workspace, job)
    job = wait_until_ended(workspace, job)
    if worker_too:
        assert job.state == "lost", job
        job = wait_until_ended(workspace, resume(workspace, job.id))
    check_same_run(workspace, job, reference, set())


def fill_disks(files: Path, reference: Run) -> Iterator[int]:
    """Yield the sizes in MB of disks that are too small; each fails in a different step."""
    for size in (2, 4, 6, 8):
        with tempfile.TemporaryDirectory() as mount_point:
            mount = ["mount", "-t", "tmpfs", "-o", f"size={size}m", "tmpfs", mount_point]
            if subprocess.run(mount, check=False, capture_output=True).returncode:
                print("no right to mount a small disk: this test was skipped")
                return
            try:
                if resumes_with_more_room(files, Path(mount_point), reference):
                    yield size
                else:
                    print(f"disk of {size} MB: large enough")
            finally:
                subprocess.run(["umount", mount_point], check=True)


def resumes_with_more_room(files: Path, disk: Path, reference: Run) -> bool:
    """Return whether the disk was too small; if so, check that the run resumes on a larger one."""
    home = disk / "home"
    inputs = ["--train", str(files / "train.csv"), "--test", str(files / "test.csv"), "--trials", "4", "--folds", "3"]
    command = [sys.executable, "-m", "core", "run", "--json", *inputs]
    environment = os.environ | {"SVS_HOME": str(home)}
    process = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if process.returncode == 0:
        return False
    assert process.returncode == 2, process.stderr
    (sentence,) = process.stderr.strip().splitlines()
    assert "is full" in sentence, sentence
    if home.is_dir():
        partial_runs = list((home / "runs").glob("*"))
        assert partial_runs == [], partial_runs
    subprocess.run(["mount", "-o", "remount,size=400m", str(disk)], check=True)
    process = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert process.returncode == 0, process.stderr
    run = load_run(Path(json.loads(process.stdout.splitlines()[-1])["run_dir"]))
    assert run.submission.read_bytes() == reference.submission.read_bytes()
    check_intact(Workspace(home))
    return True


def seconds_to_cancel(files: Path, home: Path, learner: str) -> float:
    """Return the seconds from cancelling a run during a fit until its process and files are removed."""
    workspace, dataset = ingest_into(files, home)
    job, _ = start_run(workspace, dataset, RunConfig(learners=(learner,)))
    jobs, deadline = Jobs(workspace), time.monotonic() + _TIMEOUT_SECONDS
    while (current := jobs.get(job.id)).progress is None or current.progress.step != "train":
        assert time.monotonic() < deadline, current
        time.sleep(0.02)
    time.sleep(1.0)  # during the first fits
    started = time.monotonic()
    assert cancel(workspace, job.id).state == "cancelled"
    cancel_seconds = time.monotonic() - started
    assert current.pid is not None
    assert not psutil.pid_exists(current.pid) or psutil.Process(current.pid).status() == psutil.STATUS_ZOMBIE
    check_intact(workspace)
    return cancel_seconds
