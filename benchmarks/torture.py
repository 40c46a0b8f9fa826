"""Long work under torture: workers and dashboards killed at random moments, a disk that is full.

    python -m benchmarks.torture [--kills 25] [--seed 0]         (make torture)

A small run with tuning is started as a job, its worker killed (SIGKILL) at a random moment and the job resumed, so many
times over. Each time the run must be done in the end, with the submission and the trials of an undisturbed run, the
jobs database and the run store whole. Then the dashboard is killed (the job goes on), dashboard and worker are, and
the run is done on a disk that is too small (needs the right to mount a tmpfs), which must end in one sentence, leave
nothing half-written, and go on once there is room. Last, a run is cancelled inside a long fit of each learner.
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
_PATIENCE = 300.0
_SESSIONS_OF_LONG_FITS = 200_000
_SECONDS_TO_CANCEL = 3.0


def main() -> None:
    """Print one line a torture; an assertion ends it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=25)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    draws = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as scratch:
        files = Path(scratch) / "files"
        write_demo(files, sessions=_SESSIONS, seed=5)
        calm, seconds = undisturbed(files, Path(scratch) / "calm")
        print(f"undisturbed: {seconds:.1f} s")
        for number in range(options.kills):
            after = draws.uniform(0.0, seconds)
            told = killed(files, Path(scratch) / f"killed{number}", after, calm)
            print(f"killed after {after:4.1f} s, {told}: resumed, same bytes, same trials", flush=True)
        dashboard_killed(files, Path(scratch) / "dashboard", calm, worker_too=False)
        print("dashboard killed: the job went on, same bytes", flush=True)
        dashboard_killed(files, Path(scratch) / "both", calm, worker_too=True)
        print("dashboard and worker killed: resumed, same bytes", flush=True)
        for size in full_disks(files, calm):
            print(f"disk of {size} MB: one sentence, nothing half-written, went on with room, same bytes", flush=True)
        large = Path(scratch) / "large"
        write_demo(large, sessions=_SESSIONS_OF_LONG_FITS, seed=5)
        for learner in RunConfig().learners:
            took = seconds_to_cancel(large, Path(scratch) / learner, learner)
            print(f"cancelled inside a fit of {learner}: {took:.1f} s until nothing of it was left", flush=True)
            assert took <= _SECONDS_TO_CANCEL


def read(files: Path, home: Path) -> tuple[Workspace, Dataset]:
    """A workspace of its own with the files read."""
    workspace = Workspace(home)
    return workspace, ingest(InputFiles(files / "train.csv", files / "test.csv"), workspace)


def undisturbed(files: Path, home: Path) -> tuple[Run, float]:
    """What comes out when nobody disturbs, and how long it takes."""
    workspace, dataset = read(files, home)
    job, _ = start_run(workspace, dataset, CONFIG)
    began = time.monotonic()
    ended = until_ended(workspace, job)
    assert ended.state == "done", ended.error
    assert ended.run_id is not None
    return find_run(workspace, ended.run_id), time.monotonic() - began


def until_ended(workspace: Workspace, job: Job) -> Job:
    """The job when it neither waits nor works any more, and its process is gone."""
    jobs, deadline = Jobs(workspace), time.monotonic() + _PATIENCE
    while (found := jobs.get(job.id)).open or (found.pid is not None and psutil.pid_exists(found.pid)):
        assert time.monotonic() < deadline, found
        time.sleep(0.05)
    return found


def kill_worker(workspace: Workspace, job: Job) -> str:
    """Kill it, and tell where it was; it may have ended before."""
    found = Jobs(workspace).get(job.id)
    with contextlib.suppress(psutil.NoSuchProcess, ProcessLookupError):
        if found.pid is not None:
            os.kill(found.pid, signal.SIGKILL)
            psutil.wait_procs([psutil.Process(found.pid)], timeout=5)
    return "before it told anything" if found.progress is None else f"in step {found.progress.step}"


def killed(files: Path, home: Path, after: float, calm: Run) -> str:
    """One torture."""
    workspace, dataset = read(files, home)
    job, _ = start_run(workspace, dataset, CONFIG)
    time.sleep(after)
    told = kill_worker(workspace, job)
    finished = finished_trials(home)
    ended = until_ended(workspace, job)
    if ended.state != "done":
        assert ended.state == "lost", ended
        ended = until_ended(workspace, resume(workspace, job.id))
    same(workspace, ended, calm, finished)
    shutil.rmtree(home)
    return told


def finished_trials(home: Path) -> set[tuple[str, float]]:
    """Learner and loss of the trials that the journal has as finished; read from a copy, to leave no trace there."""
    found = set()
    for journal in (home / "studies").glob("*/search.journal"):
        content = journal.read_bytes()
        copy = home.with_suffix(".journal")
        copy.write_bytes(content[: content.rfind(b"\n") + 1])
        storage = optuna.storages.JournalStorage(JournalFileBackend(str(copy)))
        for name in optuna.get_all_study_names(storage):
            for trial in optuna.load_study(study_name=name, storage=storage).get_trials():
                if trial.state == optuna.trial.TrialState.COMPLETE:
                    found.add((name, trial.value))
        copy.unlink()
    return found


def same(workspace: Workspace, ended: Job, calm: Run, finished: set[tuple[str, float]]) -> None:
    """The run is that of a calm day, no finished trial is lost or repeated, and all that is stored is whole."""
    assert ended.state == "done", ended.error
    assert ended.run_id is not None
    run = find_run(workspace, ended.run_id)
    assert run.submission.read_bytes() == calm.submission.read_bytes()
    mine, theirs = (each.table(SEARCH_FILE).drop("seconds").sort("learner", "trial").collect() for each in (run, calm))
    assert mine.equals(theirs)
    assert finished <= set(mine.select("learner", "loss").iter_rows())
    assert not mine.select(pl.struct("learner", "trial").is_duplicated().any()).item()
    whole(workspace)


def whole(workspace: Workspace) -> None:
    """Nothing of the workspace is half there."""
    with contextlib.closing(sqlite3.connect(workspace.jobs_database)) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    for run in list_runs(workspace):
        found = find_damage(load_run(run.folder))
        assert (found.changed, found.missing, found.added) == ((), (), ())
    assert [path for path in workspace.runs.iterdir() if path.name.startswith(".")] == []
    assert [*workspace.unfinished.iterdir(), *workspace.searches.iterdir()] == []


def dashboard_killed(files: Path, home: Path, calm: Run, *, worker_too: bool) -> None:
    """The dashboard's process starts the job, as its button does, and is killed."""
    workspace, dataset = read(files, home)
    code = (
        "from core.runs import start_run; from core.dataset import Dataset; from core.base.workspace import Workspace;"
        "from core.config import RunConfig; from pathlib import Path; import sys, time;"
        "w = Workspace(Path(sys.argv[1])); config = RunConfig.model_validate_json(sys.argv[3]);"
        "print(start_run(w, Dataset(w.datasets / sys.argv[2]), config)[0].id, flush=True);"
        "time.sleep(600)"
    )
    with served(workspace) as dashboard:
        asker = subprocess.Popen(
            [sys.executable, "-c", code, str(home), dataset.fingerprint, CONFIG.model_dump_json()],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert asker.stdout is not None
        job = Jobs(workspace).get(asker.stdout.readline().strip())
        while Jobs(workspace).get(job.id).progress is None:
            time.sleep(0.05)
        for each in (dashboard.process, asker):
            each.kill()
            each.wait()
        if worker_too:
            kill_worker(workspace, job)
    ended = until_ended(workspace, job)
    if worker_too:
        assert ended.state == "lost", ended
        ended = until_ended(workspace, resume(workspace, job.id))
    same(workspace, ended, calm, set())


def full_disks(files: Path, calm: Run) -> Iterator[int]:
    """Disks on which the work runs out of room in different steps."""
    for size in (2, 4, 6, 8):
        with tempfile.TemporaryDirectory() as place:
            mount = ["mount", "-t", "tmpfs", "-o", f"size={size}m", "tmpfs", place]
            if subprocess.run(mount, check=False, capture_output=True).returncode:
                print("no right to mount a small disk: this torture was left out")
                return
            try:
                if on_a_disk(files, Path(place), calm):
                    yield size
                else:
                    print(f"disk of {size} MB: there was room enough")
            finally:
                subprocess.run(["umount", place], check=True)


def on_a_disk(files: Path, place: Path, calm: Run) -> bool:
    """Whether the room was too small; then the run must go on with more of it."""
    home = place / "home"
    inputs = ["--train", str(files / "train.csv"), "--test", str(files / "test.csv"), "--trials", "4", "--folds", "3"]
    command = [sys.executable, "-m", "core", "run", "--json", *inputs]
    environment = os.environ | {"SVS_HOME": str(home)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return False
    assert done.returncode == 2, done.stderr
    (sentence,) = done.stderr.strip().splitlines()
    assert "room" in sentence or "No space left" in sentence, sentence
    if home.is_dir():
        half = list((home / "runs").glob("*"))
        assert half == [], half
    subprocess.run(["mount", "-o", "remount,size=400m", str(place)], check=True)
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    run = load_run(Path(json.loads(done.stdout.splitlines()[-1])["run_dir"]))
    assert run.submission.read_bytes() == calm.submission.read_bytes()
    whole(Workspace(home))
    return True


def seconds_to_cancel(files: Path, home: Path, learner: str) -> float:
    """From the wish to cancel a run, whose learner is at work, until its process and all that it had done are gone."""
    workspace, dataset = read(files, home)
    job, _ = start_run(workspace, dataset, RunConfig(learners=(learner,)))
    jobs, deadline = Jobs(workspace), time.monotonic() + _PATIENCE
    while (found := jobs.get(job.id)).progress is None or found.progress.step != "train":
        assert time.monotonic() < deadline, found
        time.sleep(0.02)
    time.sleep(1.0)  # well inside the first fits
    began = time.monotonic()
    assert cancel(workspace, job.id).state == "cancelled"
    took = time.monotonic() - began
    assert found.pid is not None
    assert not psutil.pid_exists(found.pid) or psutil.Process(found.pid).status() == psutil.STATUS_ZOMBIE
    whole(workspace)
    return took


if __name__ == "__main__":
    main()
