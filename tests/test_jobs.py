"""Background jobs, tested with real processes and signals."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

import core.jobs.job
from core.base.checkpoint import work_prefix
from core.base.processes import start_time
from core.base.progress import ProgressUpdate
from core.base.workspace import Workspace
from core.cli import main
from core.config import RunConfig
from core.dataset import Dataset
from core.demo import write_demo
from core.errors import RunError
from core.ingestion import InputFiles, ingest
from core.jobs import (
    Job,
    Jobs,
    cancel,
    finish_early,
    job_worker,
    log_file,
    resume,
    should_finish_callback,
    start_next_job,
    start_run,
)
from core.jobs.control import _terminate
from core.jobs.database import JobsDatabase
from core.pipeline.first_run import demo_dataset, start_first_run
from core.runs import list_runs
from tests.conftest import QUICK

TIMEOUT = 120.0
"""Seconds to wait for a run on the small dataset. It takes about five on an idle machine."""
TUNED = ("--trials", "8", "--folds", "2", "--learners", "lightgbm")
"""Options of a short run that tunes."""


@pytest.fixture(scope="module")
def small_demo(tmp_path_factory: pytest.TempPathFactory) -> InputFiles:
    folder = tmp_path_factory.mktemp("small")
    write_demo(folder, sessions=400, seed=1)
    return InputFiles(folder / "train.csv", folder / "test.csv")


@pytest.fixture
def small(workspace: Workspace, small_demo: InputFiles) -> Dataset:
    return ingest(small_demo, workspace)


@pytest.fixture(autouse=True)
def _cancel_open_jobs(workspace: Workspace):
    """Queued jobs are cancelled first, because the end of a running job would start them."""
    yield
    jobs = Jobs(workspace)
    for job in [*jobs.queue(), *jobs.all()]:
        cancel(workspace, job.id)


def wait_for(jobs: Jobs, job_id: str, holds: Callable[[Job], bool]) -> Job:
    deadline = time.monotonic() + TIMEOUT
    while time.monotonic() < deadline:
        job = jobs.get(job_id)
        if holds(job):
            return job
        time.sleep(0.05)
    raise AssertionError(f"job {job_id} is still {job.state}: {job.progress}")


def claim(jobs: Jobs, config_digest: str = "digest") -> Job:
    """Return a running job that has no process."""
    jobs.enqueue("dataset", "demo", config_digest, {})
    job = jobs.start_next()
    assert job is not None
    return job


def test_a_run_in_the_background_ends_with_a_run_in_the_store(workspace: Workspace, small: Dataset) -> None:
    job, is_new = start_run(workspace, small, QUICK.model_copy(update={"seed": 3}))
    assert is_new
    ended = wait_for(Jobs(workspace), job.id, lambda job: not job.active)
    assert (ended.state, ended.error) == ("done", None), log_file(workspace, job.id).read_text()
    (run,) = list_runs(workspace)
    assert run.manifest.run_id == ended.run_id
    assert run.manifest.config == QUICK.model_copy(update={"seed": 3})
    assert ended.progress is not None
    assert ended.progress.fraction == 1.0


def test_every_setting_reaches_the_worker(workspace: Workspace, small: Dataset) -> None:
    config = RunConfig(
        preset="standard",
        minutes=60.0,
        trials=1,
        metric="mae",
        learners=("lightgbm", "linear"),
        folds=3,
        fold_kind="user_and_value",
        seed=5,
        history="all_rows",
        half_life=30.0,
        rising=("n_buy", "n_events"),
        non_negative_weights=False,
        split_composite_sessions=False,
        use_known_values=False,
    )
    job, _ = start_run(workspace, small, config)
    wait_for(Jobs(workspace), job.id, lambda job: not job.active)
    (run,) = list_runs(workspace)
    assert run.manifest.config == config


def test_a_run_that_is_asked_to_finish_uses_the_best_parameters_so_far(workspace: Workspace, small: Dataset) -> None:
    jobs = Jobs(workspace)
    job, _ = start_run(
        workspace, small, RunConfig(preset="standard", minutes=600.0, folds=2, learners=("lightgbm", "linear"))
    )
    wait_for(
        jobs, job.id, lambda job: job.progress is not None and job.progress.step == "tune" and job.progress.part > 0
    )
    assert finish_early(workspace, job.id).active
    ended = wait_for(jobs, job.id, lambda job: not job.active)
    assert (ended.state, ended.error) == ("done", None), log_file(workspace, job.id).read_text()
    (run,) = list_runs(workspace)
    assert run.manifest.tuning is not None
    assert all(learner.complete >= 1 for learner in run.manifest.tuning.learners.values())
    assert run.manifest.tuning.seeds == 2  # the fewest of the preset
    assert run.manifest.checks.failed == 0


def test_a_job_with_settings_of_another_version_fails_and_says_so(workspace: Workspace, small: Dataset) -> None:
    jobs = Jobs(workspace)
    job, _ = jobs.enqueue(small.fingerprint, "small", "digest", {"no_longer_a_setting": 1})
    start_next_job(workspace)
    failed = wait_for(jobs, job.id, lambda job: not job.open)
    assert failed.state == "failed"
    assert failed.error == (f"The settings of job {job.id} are from another version of the program. Start a new run.")


def test_starting_the_same_run_twice_returns_the_running_job(workspace: Workspace, small: Dataset) -> None:
    first, _ = start_run(workspace, small, QUICK)
    second, is_new = start_run(workspace, small, QUICK)
    assert (second.id, is_new) == (first.id, False)


def test_the_same_run_requested_concurrently_is_one_job_and_starts_once(workspace: Workspace) -> None:
    jobs = Jobs(workspace)
    requested: list[tuple[Job, bool]] = []
    started: list[Job | None] = []

    def request_run() -> None:
        requested.append(jobs.enqueue("d", "demo", "c", {}))
        started.append(jobs.start_next())

    threads = [threading.Thread(target=request_run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({job.id for job, _ in requested}) == 1
    assert sum(is_new for _, is_new in requested) == 1
    assert sum(job is not None for job in started) == 1


# --- the queue --------------------------------------------------------------------------------------------------------


def test_a_second_run_is_queued_and_started_by_the_first_workers_end(workspace: Workspace, small: Dataset) -> None:
    jobs = Jobs(workspace)
    first, _ = start_run(workspace, small, QUICK)
    second, is_new = start_run(workspace, small, QUICK.model_copy(update={"seed": 8}))
    assert (second.state, is_new) == ("queued", True)
    assert second.seconds() == 0.0
    done = wait_for(jobs, second.id, lambda job: not job.open)  # only the first worker can start it
    assert done.state == "done"
    assert done.started is not None
    ended = jobs.get(first.id).ended
    assert ended is not None
    assert done.started >= ended
    assert len(list_runs(workspace)) == 2


def test_a_foreground_run_is_the_running_job(
    workspace: Workspace, small: Dataset, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two runs would compete for the cores, and two equal ones for the files of their study."""
    jobs = Jobs(workspace)
    arguments = ["run", "--dataset", small.fingerprint, *TUNED]
    with subprocess.Popen([sys.executable, "-m", "core", *arguments], stdout=subprocess.DEVNULL) as first:
        while (job := jobs.active()) is None or job.progress is None:
            assert first.poll() is None
            time.sleep(0.05)
        assert job.pid == first.pid
        assert main(arguments) == 2
        assert "The same run is already in progress as job" in capsys.readouterr().err
        assert main([*arguments, "--seed", "8"]) == 2
        assert f"Another run is in progress (job {job.id})" in capsys.readouterr().err
        assert [each.id for each in jobs.all()] == [job.id]
        assert first.wait(timeout=TIMEOUT) == 0
    ended = jobs.get(job.id)
    assert ended.state == "done"
    assert [run.manifest.run_id for run in list_runs(workspace)] == [ended.run_id]


def test_an_interrupted_foreground_run_is_resumed_into_the_folder_it_was_started_for(
    workspace: Workspace, small: Dataset, tmp_path: Path
) -> None:
    jobs, out = Jobs(workspace), tmp_path / "mine"
    command = [sys.executable, "-m", "core", "run", "--dataset", small.fingerprint, *TUNED, "--out", str(out)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        while (job := jobs.active()) is None or job.progress is None or job.progress.step != "tune":
            assert process.poll() is None
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 130
    assert errors == "Cancelled. If you start the same run again, it resumes.\n"
    assert jobs.get(job.id).state == "lost"
    again = resume(workspace, job.id)
    assert again.out == str(out)
    done = wait_for(jobs, again.id, lambda job: not job.open)
    assert done.state == "done", done.error
    assert (out / "submission.csv").is_file()


def test_an_action_that_the_state_of_a_job_does_not_allow_is_refused(
    workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    jobs = Jobs(workspace)
    job = claim(jobs)
    jobs.end(job.id, "done", run_id="r")
    for action, why in (
        ("cancel", "Only a queued or running job can be cancelled"),
        ("stop", "Only a running job can finish early"),
        ("up", "Only a queued job has a place"),
    ):
        assert main(["jobs", action, job.id]) == 2
        message = capsys.readouterr().err
        assert f"Job {job.id} is done" in message
        assert why in message


def test_a_queued_job_cannot_be_asked_to_finish(workspace: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    jobs = Jobs(workspace)
    running = claim(jobs)
    waiting, _ = jobs.enqueue("dataset", "demo", "other", {})
    assert main(["jobs", "stop", waiting.id]) == 2
    assert capsys.readouterr().err.startswith(f"Job {waiting.id} is queued. Only a running job can finish early")
    assert main(["jobs", "stop", running.id]) == 0
    assert capsys.readouterr().out == f"Job {running.id}: running, to finish with the best parameters so far\n"
    assert [jobs.should_finish(job.id) for job in (waiting, running)] == [False, True]


def test_a_failed_job_is_listed_with_its_error_instead_of_its_progress(
    workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    jobs = Jobs(workspace)
    job = claim(jobs)
    jobs.record_heartbeat(job.id, ProgressUpdate("train", "Training", "XGBoost, 2 of 5 folds", 7, 15, 0.62, 12.5, 18.0))
    for action in (["list"], ["show", job.id]):
        assert main(["jobs", *action]) == 0
        assert "62% Training XGBoost, 2 of 5 folds" in capsys.readouterr().out
    jobs.end(job.id, "failed", error="The reason in a sentence.")
    for action in (["list"], ["show", job.id]):
        assert main(["jobs", *action]) == 0
        assert capsys.readouterr().out.splitlines()[0].endswith(" s  The reason in a sentence.")


def test_the_list_shows_the_queue_in_order(workspace: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    jobs = Jobs(workspace)
    running = claim(jobs)
    first, second = (jobs.enqueue("dataset", "demo", digest, {"preset": "quick", "seed": 3})[0] for digest in "ab")
    jobs.move(second.id, -1)
    assert main(["jobs", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == [first.id, second.id, running.id]
    assert "quick, seed 3" in lines[0]
    assert lines[0].endswith("2 of 2 in the queue")
    assert lines[1].endswith("1 of 2 in the queue")


def test_the_order_of_the_queue_can_be_changed(workspace: Workspace) -> None:
    jobs = Jobs(workspace)
    claim(jobs)
    ids = [jobs.enqueue("d", "demo", digest, {})[0].id for digest in "abcd"]
    assert [job.id for job in jobs.queue()] == ids
    jobs.move(ids[3], -1_000)
    assert [job.id for job in jobs.queue()] == [ids[3], ids[0], ids[1], ids[2]]
    jobs.move(ids[0], 1)
    assert [job.id for job in jobs.queue()] == [ids[3], ids[1], ids[0], ids[2]]
    jobs.move("unknown", -1)
    late = jobs.enqueue("d", "demo", "e", {})[0].id
    assert [job.id for job in jobs.queue()] == [ids[3], ids[1], ids[0], ids[2], late]
    assert jobs.start_next() is None, "a job is running"
    jobs.end(jobs.active().id, "done")
    assert jobs.start_next().id == ids[3]


def test_a_cancelled_queued_job_never_starts(workspace: Workspace) -> None:
    jobs = Jobs(workspace)
    claim(jobs)
    waiting, _ = jobs.enqueue("d", "demo", "other", {})
    assert cancel(workspace, waiting.id).state == "cancelled"
    assert jobs.queue() == []


def test_a_resumed_job_that_leaves_the_queue_keeps_its_checkpoints(workspace: Workspace) -> None:
    jobs, config = Jobs(workspace), RunConfig(preset="standard", trials=30)
    job, _ = jobs.enqueue("dataset", "demo", config.digest, config.model_dump(mode="json"))
    jobs.start_next()
    study = workspace.searches / f"{work_prefix('dataset', config.search_digest)}program"
    study.mkdir(parents=True)
    jobs.end(job.id, "lost", error="Why it was lost.")
    claim(jobs)
    assert resume(workspace, job.id).state == "queued"
    left = cancel(workspace, job.id)
    assert (left.state, left.error) == ("lost", "Why it was lost.")
    assert left.seconds() == 0
    assert study.is_dir()
    assert resume(workspace, job.id).state == "queued"


def test_a_job_whose_dataset_was_deleted_fails_with_its_name(workspace: Workspace, small: Dataset) -> None:
    jobs = Jobs(workspace)
    other = claim(jobs)
    job, _ = start_run(workspace, small, QUICK)
    shutil.rmtree(small.folder)
    jobs.end(other.id, "done")
    start_next_job(workspace)
    ended = wait_for(jobs, job.id, lambda job: not job.open)
    assert ended.state == "failed"
    assert ended.error.startswith(f"There is no dataset named {small.fingerprint}")


def test_cancelling_a_queued_job_keeps_the_study_of_the_running_one(workspace: Workspace, small: Dataset) -> None:
    """Both jobs have the same search settings, so they share a study."""
    jobs = Jobs(workspace)
    first, _ = start_run(workspace, small, RunConfig(preset="standard", minutes=60.0, folds=2, learners=("lightgbm",)))
    wait_for(
        jobs, first.id, lambda job: job.progress is not None and job.progress.step == "tune" and job.progress.part > 0
    )
    waiting, _ = start_run(
        workspace, small, RunConfig(preset="standard", minutes=30.0, folds=2, learners=("lightgbm",))
    )
    cancel(workspace, waiting.id)
    assert len(list(workspace.searches.glob("*/search.journal"))) == 1
    cancel(workspace, first.id)
    assert list(workspace.searches.iterdir()) == []
    assert list(workspace.unfinished.iterdir()) == []


def test_a_resumed_cancelled_job_starts_over(workspace: Workspace, small: Dataset) -> None:
    jobs = Jobs(workspace)
    config = RunConfig(preset="standard", trials=6, folds=2, learners=("lightgbm",))
    job, _ = start_run(workspace, small, config)
    wait_for(jobs, job.id, lambda job: bool(jobs.results(job.id, "trial")))
    cancel(workspace, job.id)
    assert jobs.results(job.id, "trial"), "the results are kept until the job is resumed"
    again = resume(workspace, job.id)
    assert again.id == job.id
    assert again.progress is None
    ended = wait_for(jobs, job.id, lambda job: not job.open)
    assert (ended.state, ended.attempts) == ("done", 2)
    trials = [(each["learner"], each["trial"]) for each in jobs.results(job.id, "trial")]
    assert len(trials) == len(set(trials)) == 6


def test_a_running_job_cannot_be_resumed(workspace: Workspace) -> None:
    jobs = Jobs(workspace)
    job = claim(jobs)
    with pytest.raises(RunError, match=r"is running. Only a failed, cancelled or lost job can be resumed"):
        resume(workspace, job.id)


def test_of_several_processes_only_one_starts_a_job(workspace: Workspace) -> None:
    jobs = Jobs(workspace)
    for digest in "abc":
        jobs.enqueue("d", "demo", digest, {})
    code = (
        "from core.jobs import Jobs; from core.base.workspace import Workspace; import sys, pathlib;"
        "j = Jobs(Workspace(pathlib.Path(sys.argv[1]))).start_next(); print(j.id if j else '-')"
    )
    command = [sys.executable, "-c", code, str(workspace.root)]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    outputs = sorted(process.communicate()[0].strip() for process in processes)
    assert outputs.count("-") == 3
    assert len(set(outputs)) == 2


def test_a_database_of_the_first_version_is_upgraded(workspace: Workspace) -> None:
    with contextlib.closing(sqlite3.connect(workspace.jobs_database)) as database:
        database.execute(
            "CREATE TABLE jobs (id TEXT PRIMARY KEY, state TEXT NOT NULL, dataset TEXT NOT NULL,"
            " dataset_name TEXT NOT NULL, config_digest TEXT NOT NULL, config TEXT NOT NULL, created REAL NOT NULL,"
            " ended REAL, heartbeat REAL NOT NULL, pid INTEGER, pid_started REAL, moment TEXT, run_id TEXT, error TEXT)"
        )
        database.execute(
            "INSERT INTO jobs VALUES"
            " ('old', 'done', 'd', 'demo', 'c', '{}', 100.0, 130.0, 130.0, 1, 1.0, NULL, 'r', NULL)"
        )
        database.commit()
    jobs = Jobs(workspace)
    assert jobs.get("old").seconds() == 30.0
    assert (jobs.get("old").run_id, jobs.get("old").attempts) == ("r", 1)
    assert jobs.enqueue("d", "demo", "c", {})[1], "work that is done may be repeated"


def test_an_upgrade_that_the_database_refuses_is_an_error(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    Jobs(workspace)
    monkeypatch.setattr("core.jobs.database._prepared", set())
    monkeypatch.setattr("core.jobs.database._BUSY_TIMEOUT", 0.1)
    with contextlib.closing(sqlite3.connect(workspace.jobs_database, isolation_level=None)) as other:
        other.execute("ALTER TABLE jobs DROP COLUMN nice")
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(RunError, match="locked"):
            Jobs(workspace)
        other.execute("ROLLBACK")
    assert claim(Jobs(workspace)).nice == 10


def test_an_error_after_which_sqlite_has_rolled_back_is_reported(workspace: Workspace) -> None:
    database = JobsDatabase(workspace.jobs_database)
    with pytest.raises(ValueError, match="the reason"), database.transaction() as connection:
        connection.execute("ROLLBACK")
        raise ValueError("the reason")


def test_a_process_that_ends_by_itself_does_not_save_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    processes = [subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) for _ in range(2)]
    gone, alive = (psutil.Process(process.pid) for process in processes)
    monkeypatch.setattr(gone, "terminate", lambda: None)
    monkeypatch.setattr(gone, "children", lambda recursive: [alive])
    monkeypatch.setattr(psutil, "wait_procs", lambda listed, timeout: ([], [gone, alive]))
    processes[0].kill()
    processes[0].wait()
    _terminate(gone)
    assert [process.wait(TIMEOUT) for process in processes] == [-signal.SIGKILL] * 2


def test_a_busy_database_does_not_end_a_run(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    jobs = Jobs(workspace)
    job = claim(jobs)
    update = ProgressUpdate("train", "Training", "", 1, 2, 1.0, 1.0, None)
    with job_worker(workspace, job.id) as callbacks:
        should_finish = should_finish_callback(workspace, job.id)
        monkeypatch.setattr("core.jobs.database._BUSY_TIMEOUT", 0.1)
        with contextlib.closing(sqlite3.connect(workspace.jobs_database, isolation_level=None)) as other:
            other.execute("PRAGMA locking_mode = EXCLUSIVE")
            other.execute("BEGIN EXCLUSIVE")
            callbacks.on_progress(update)
            assert not should_finish()
        jobs.end(job.id, "done")
    assert jobs.get(job.id).state == "done"


# --- ends -------------------------------------------------------------------------------------------------------------


def test_cancelling_ends_the_process_and_leaves_no_run(workspace: Workspace, small: Dataset) -> None:
    job, _ = start_run(workspace, small, RunConfig(folds=20))
    jobs = Jobs(workspace)
    working = wait_for(jobs, job.id, lambda job: job.progress is not None and job.progress.step == "train")
    began = time.monotonic()
    assert cancel(workspace, job.id).state == "cancelled"
    assert time.monotonic() - began < 30
    assert working.pid is not None
    assert not psutil.pid_exists(working.pid) or psutil.Process(working.pid).status() == psutil.STATUS_ZOMBIE
    assert list(workspace.runs.iterdir()) == []
    assert jobs.active() is None


def test_cancelling_a_done_job_changes_nothing(workspace: Workspace) -> None:
    jobs = Jobs(workspace)
    job = claim(jobs)
    jobs.end(job.id, "done", run_id="r")
    assert cancel(workspace, job.id).state == "done"


def test_a_killed_worker_is_lost_and_the_next_run_can_start(workspace: Workspace, small: Dataset) -> None:
    job, _ = start_run(workspace, small, QUICK)
    jobs = Jobs(workspace)
    working = wait_for(jobs, job.id, lambda job: job.progress is not None)
    assert working.pid is not None
    os.kill(working.pid, signal.SIGKILL)
    lost = wait_for(jobs, job.id, lambda job: not job.active)
    assert lost.state == "lost"
    assert lost.error == "Its process ended unexpectedly. Resume the run to continue from its checkpoints."
    _, is_new = start_run(workspace, small, QUICK)
    assert is_new


def test_a_failed_job_has_the_message_of_its_error(
    workspace: Workspace, small_demo: InputFiles, tmp_path: Path
) -> None:
    few = tmp_path / "few.csv"
    few.write_text("\n".join(small_demo.train.read_text().splitlines()[:9]) + "\n")
    dataset = ingest(InputFiles(few, small_demo.test), workspace)
    job, _ = start_run(workspace, dataset, RunConfig())
    failed = wait_for(Jobs(workspace), job.id, lambda job: not job.active)
    assert failed.state == "failed"
    assert failed.error is not None
    assert failed.error.endswith("Training and scoring by user need at least 20 users. Use a longer log.")


def test_a_job_outlives_the_process_that_started_it(workspace: Workspace, small: Dataset) -> None:
    code = (
        "from core.jobs import start_run; from core.dataset import Dataset; from core.base.workspace import Workspace;"
        "from core.config import RunConfig; from pathlib import Path; import sys;"
        "w = Workspace(Path(sys.argv[1]));"
        "print(start_run(w, Dataset(w.datasets / sys.argv[2]), RunConfig(folds=2, learners=('lightgbm',)))[0].id)"
    )
    command = [sys.executable, "-c", code, str(workspace.root), small.fingerprint]
    job_id = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    assert wait_for(Jobs(workspace), job_id, lambda job: not job.active).state == "done"


def test_another_process_with_the_pid_of_the_worker_is_not_the_worker(workspace: Workspace) -> None:
    jobs = Jobs(workspace)
    job = claim(jobs)
    jobs.set_worker(job.id, os.getpid())
    assert jobs.get(job.id).active
    jobs._update(job.id, pid_started=start_time(psutil.Process()) - 100)
    assert jobs.get(job.id).state == "lost"


def test_a_worker_is_recognized_after_a_change_of_the_clock(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = Jobs(workspace)
    job = claim(jobs)
    jobs.set_worker(job.id, os.getpid())
    started, booted = psutil.Process().create_time(), psutil.boot_time()
    monkeypatch.setattr(psutil, "boot_time", lambda: booted + 3600)
    monkeypatch.setattr(psutil.Process, "create_time", lambda _: started + 3600)
    assert jobs.get(job.id).active
    jobs.end(job.id, "done")


def test_a_worker_without_heartbeats_is_lost_at_the_second_look(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = Jobs(workspace)
    job = claim(jobs)
    jobs.set_worker(job.id, os.getpid())
    silent_since = time.time() - 1000
    jobs._update(job.id, heartbeat=silent_since)
    assert jobs.get(job.id).active, "the machine may have slept"
    monkeypatch.setattr(core.jobs.job, "_SECOND_LOOK", 0.0)
    lost = jobs.get(job.id)
    assert lost.state == "lost"
    assert lost.ended == silent_since, "the last heartbeat is when it ended"


def test_a_new_heartbeat_resets_the_second_look(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    jobs = Jobs(workspace)
    job = claim(jobs)
    jobs.set_worker(job.id, os.getpid())
    monkeypatch.setattr(core.jobs.job, "_SECOND_LOOK", 0.2)
    for slept in (1_000, 2_000, 3_000):
        jobs._update(job.id, heartbeat=time.time() - slept)
        assert jobs.get(job.id).active
    jobs.record_heartbeat(job.id)
    time.sleep(0.3)
    assert jobs.get(job.id).active
    jobs.end(job.id, "done")


def test_a_worker_of_a_cancelled_job_ends_at_once(workspace: Workspace, small: Dataset) -> None:
    jobs = Jobs(workspace)
    job, _ = jobs.enqueue(small.fingerprint, "small", "digest", {})
    jobs.end(job.id, "cancelled")
    command = [sys.executable, "-m", "core", "worker", "--job", job.id]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (130, "The run was cancelled before it started.\n")
    assert list_runs(workspace) == []


def test_a_worker_whose_job_was_marked_as_lost_stops(workspace: Workspace, small: Dataset) -> None:
    job, _ = start_run(workspace, small, RunConfig(folds=20))
    jobs = Jobs(workspace)
    working = wait_for(jobs, job.id, lambda job: job.progress is not None)
    jobs.end(job.id, "lost")
    assert working.pid is not None
    deadline = time.monotonic() + TIMEOUT
    while psutil.pid_exists(working.pid) and psutil.Process(working.pid).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert list_runs(workspace) == []
    assert jobs.get(job.id).state == "lost"


def test_a_job_ends_only_once(workspace: Workspace) -> None:
    jobs = Jobs(workspace)
    job = claim(jobs)
    jobs.end(job.id, "done", run_id="r")
    jobs.end(job.id, "failed", error="too late")
    assert (jobs.get(job.id).state, jobs.get(job.id).run_id) == ("done", "r")


def test_progress_is_read_back_as_it_was_written(workspace: Workspace) -> None:
    jobs = Jobs(workspace)
    job = claim(jobs)
    progress = ProgressUpdate("train", "Training", "XGBoost, 2 of 5 folds", 7, 15, 0.4, 12.5, 18.0)
    jobs.record_heartbeat(job.id, progress)
    assert jobs.get(job.id).progress == progress


def test_a_job_as_json_has_the_names_of_the_database(workspace: Workspace) -> None:
    record = claim(Jobs(workspace)).record()
    assert (record["sittings"], record["moment"]) == (1, None)
    assert not record.keys() & {"attempts", "progress"}


def test_an_unknown_job_is_refused_with_its_name(workspace: Workspace) -> None:
    with pytest.raises(
        RunError, match=r"There is no job named x\. There is no job yet\. To see all, run `python -m core jobs list`\."
    ):
        Jobs(workspace).get("x")


def test_an_empty_workspace_gets_a_first_run_on_the_demo_data(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SVS_FIRST_RUN", "1")
    job = start_first_run(workspace)
    assert job is not None
    assert job.dataset == demo_dataset(workspace).fingerprint
    assert start_first_run(workspace) is None
    cancel(workspace, job.id)
    assert start_first_run(workspace) is None, "the first run was cancelled, so the workspace is not empty"
