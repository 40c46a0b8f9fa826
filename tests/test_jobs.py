"""Background jobs: real processes, real signals."""

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
from core.jobs import Job, Jobs, cancel, finish_early, log_file, resume, start_run, start_waiting
from core.pipeline.first_run import begin, demo_dataset
from core.runs import list_runs

PATIENCE = 120.0  # seconds; a run of the small set takes about five, on a machine that does much else at once more


@pytest.fixture
def small(workspace: Workspace, tmp_path: Path) -> Dataset:
    write_demo(tmp_path / "small", sessions=400, seed=1)
    return ingest(InputFiles(tmp_path / "small" / "train.csv", tmp_path / "small" / "test.csv"), workspace)


@pytest.fixture(autouse=True)
def _no_job_outlives_its_test(workspace: Workspace):
    yield
    for job in Jobs(workspace).all():
        if job.active:
            cancel(workspace, job.id)


def wait_for(jobs: Jobs, job_id: str, holds: Callable[[Job], bool]) -> Job:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        job = jobs.get(job_id)
        if holds(job):
            return job
        time.sleep(0.05)
    raise AssertionError(f"job {job_id} is still {job.state}: {job.moment}")


def claim(jobs: Jobs, config_digest: str = "digest") -> Job:
    """A job at work that no process does."""
    jobs.enqueue("dataset", "demo", config_digest, {})
    job = jobs.start_next()
    assert job is not None
    return job


def test_a_run_in_the_background_ends_with_a_run_in_the_store(workspace: Workspace, small: Dataset) -> None:
    job, fresh = start_run(workspace, small, RunConfig(folds=2, seed=3))
    assert fresh
    ended = wait_for(Jobs(workspace), job.id, lambda job: not job.active)
    assert (ended.state, ended.error) == ("done", None), log_file(workspace, job.id).read_text()
    (run,) = list_runs(workspace)
    assert run.manifest.run_id == ended.run_id
    assert run.manifest.config == RunConfig(folds=2, seed=3)
    assert ended.moment is not None
    assert ended.moment.fraction == 1.0


def test_every_setting_reaches_the_worker(workspace: Workspace, small: Dataset) -> None:
    config = RunConfig(
        preset="standard",
        minutes=60.0,
        trials=1,
        metric="mae",
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


def test_a_search_that_is_told_to_finish_goes_on_with_the_best_it_has(workspace: Workspace, small: Dataset) -> None:
    jobs = Jobs(workspace)
    job, _ = start_run(workspace, small, RunConfig(preset="standard", minutes=600.0, folds=2))
    wait_for(jobs, job.id, lambda job: job.moment is not None and job.moment.step == "tune" and job.moment.part > 0)
    assert finish_early(workspace, job.id).active
    ended = wait_for(jobs, job.id, lambda job: not job.active)
    assert (ended.state, ended.error) == ("done", None), log_file(workspace, job.id).read_text()
    (run,) = list_runs(workspace)
    assert run.manifest.tuning is not None
    assert all(tried.complete >= 1 for tried in run.manifest.tuning.learners.values())
    assert run.manifest.tuning.seeds == 2  # the least that the preset promises, and no more
    assert run.manifest.checks.failed == 0


def test_a_job_with_settings_of_another_version_fails_and_says_so(workspace: Workspace, small: Dataset) -> None:
    jobs = Jobs(workspace)
    job, _ = jobs.enqueue(small.fingerprint, "small", "digest", {"no_longer_a_setting": 1})
    start_waiting(workspace)
    failed = wait_for(jobs, job.id, lambda job: not job.open)
    assert failed.state == "failed"
    assert failed.error == (f"The settings of job {job.id} are from another version of the program. Start a new run.")


def test_a_second_click_finds_the_running_job(workspace: Workspace, small: Dataset) -> None:
    first, _ = start_run(workspace, small, RunConfig(folds=2))
    second, fresh = start_run(workspace, small, RunConfig(folds=2))
    assert (second.id, fresh) == (first.id, False)


def test_the_same_work_asked_for_by_many_at_once_is_one_job_at_work(workspace: Workspace) -> None:
    jobs = Jobs(workspace)
    found: list[tuple[Job, bool]] = []
    started: list[Job | None] = []

    def ask() -> None:
        found.append(jobs.enqueue("d", "demo", "c", {}))
        started.append(jobs.start_next())

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({job.id for job, _ in found}) == 1
    assert sum(fresh for _, fresh in found) == 1
    assert sum(job is not None for job in started) == 1


# --- the queue --------------------------------------------------------------------------------------------------------


def test_other_work_waits_and_starts_when_the_first_is_done(workspace: Workspace, small: Dataset) -> None:
    jobs = Jobs(workspace)
    first, _ = start_run(workspace, small, RunConfig(folds=2))
    second, fresh = start_run(workspace, small, RunConfig(folds=2, seed=8))
    assert (second.state, fresh) == ("queued", True)
    assert second.seconds() == 0.0
    done = wait_for(jobs, second.id, lambda job: not job.open)  # nobody but the first worker starts it
    assert done.state == "done"
    assert done.started is not None
    ended = jobs.get(first.id).ended
    assert ended is not None
    assert done.started >= ended
    assert len(list_runs(workspace)) == 2


def test_a_run_in_the_foreground_is_the_job_at_work(
    workspace: Workspace, small: Dataset, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two at once would fight for the cores, and two of the same for the files of their search."""
    jobs = Jobs(workspace)
    asked = ["run", "--dataset", small.fingerprint, "--trials", "3"]
    with subprocess.Popen([sys.executable, "-m", "core", *asked], stdout=subprocess.DEVNULL) as first:
        while (job := jobs.active()) is None or job.moment is None:
            assert first.poll() is None
            time.sleep(0.05)
        assert job.pid == first.pid
        assert main(asked) == 2
        assert "The same run is already in progress as job" in capsys.readouterr().err
        assert main([*asked, "--seed", "8"]) == 2
        assert f"Another run is in progress (job {job.id})" in capsys.readouterr().err
        assert [each.id for each in jobs.all()] == [job.id]
        assert first.wait(timeout=PATIENCE) == 0
    ended = jobs.get(job.id)
    assert ended.state == "done"
    assert [run.manifest.run_id for run in list_runs(workspace)] == [ended.run_id]


def test_a_run_in_the_foreground_that_is_interrupted_can_be_resumed(workspace: Workspace, small: Dataset) -> None:
    jobs = Jobs(workspace)
    command = [sys.executable, "-m", "core", "run", "--dataset", small.fingerprint, "--trials", "3"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        while (job := jobs.active()) is None or job.moment is None or job.moment.step != "tune":
            assert process.poll() is None
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert told == "Cancelled. If you start the same run again, it resumes.\n"
    assert jobs.get(job.id).state == "lost"
    assert wait_for(jobs, resume(workspace, job.id).id, lambda each: not each.open).state == "done"


def test_what_cannot_be_done_about_a_job_is_said(workspace: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    jobs = Jobs(workspace)
    job = claim(jobs)
    jobs.end(job.id, "done", run_id="r")
    for action, why in (
        ("cancel", "Only a queued or running job can be cancelled"),
        ("stop", "Only a running job can finish early"),
        ("up", "Only a queued job has a place"),
    ):
        assert main(["jobs", action, job.id]) == 2
        assert f"Job {job.id} is {'already ' * (action == 'cancel')}done" in (said := capsys.readouterr().err)
        assert why in said


def test_a_job_that_waits_cannot_be_told_to_finish(workspace: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    jobs = Jobs(workspace)
    at_work = claim(jobs)
    waiting, _ = jobs.enqueue("dataset", "demo", "other", {})
    assert main(["jobs", "stop", waiting.id]) == 2
    assert capsys.readouterr().err.startswith(f"Job {waiting.id} is queued. Only a running job can finish early")
    assert main(["jobs", "stop", at_work.id]) == 0
    assert capsys.readouterr().out == f"Job {at_work.id}: running, to finish with the best found so far\n"
    assert [jobs.is_to_finish(job.id) for job in (waiting, at_work)] == [False, True]


def test_of_a_job_that_failed_the_reason_is_told_not_how_far_it_was(
    workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    jobs = Jobs(workspace)
    job = claim(jobs)
    jobs.beat(job.id, ProgressUpdate("train", "Training", "XGBoost, 2 of 5 folds", 7, 15, 0.62, 12.5, 18.0))
    for action in (["list"], ["show", job.id]):
        assert main(["jobs", *action]) == 0
        assert "62% Training XGBoost, 2 of 5 folds" in capsys.readouterr().out
    jobs.end(job.id, "failed", error="The reason in a sentence.")
    for action in (["list"], ["show", job.id]):
        assert main(["jobs", *action]) == 0
        assert capsys.readouterr().out.splitlines()[0].endswith(" s  The reason in a sentence.")


def test_the_list_has_the_queue_in_its_order(workspace: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    jobs = Jobs(workspace)
    at_work = claim(jobs)
    first, second = (jobs.enqueue("dataset", "demo", digest, {"preset": "quick", "seed": 3})[0] for digest in "ab")
    jobs.move(second.id, -1)
    assert main(["jobs", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == [first.id, second.id, at_work.id]
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
    jobs.move("somebody else's", -1)
    late = jobs.enqueue("d", "demo", "e", {})[0].id
    assert [job.id for job in jobs.queue()] == [ids[3], ids[1], ids[0], ids[2], late]
    assert jobs.start_next() is None, "one is at work"
    jobs.end(jobs.active().id, "done")
    assert jobs.start_next().id == ids[3]


def test_a_waiting_job_that_is_cancelled_never_starts(workspace: Workspace) -> None:
    jobs = Jobs(workspace)
    claim(jobs)
    waiting, _ = jobs.enqueue("d", "demo", "other", {})
    assert cancel(workspace, waiting.id).state == "cancelled"
    assert jobs.queue() == []


def test_what_waits_to_go_on_with_earlier_work_is_not_lost_by_leaving_the_queue(workspace: Workspace) -> None:
    jobs, config = Jobs(workspace), RunConfig(preset="standard", trials=30)
    job, _ = jobs.enqueue("dataset", "demo", config.digest, config.model_dump(mode="json"))
    jobs.start_next()
    done = workspace.searches / f"{work_prefix('dataset', config.search_digest)}program"
    done.mkdir(parents=True)
    jobs.end(job.id, "lost", error="Why it was lost.")
    claim(jobs)
    assert resume(workspace, job.id).state == "queued"
    left = cancel(workspace, job.id)
    assert (left.state, left.error) == ("lost", "Why it was lost.")
    assert left.seconds() == 0
    assert done.is_dir()
    assert resume(workspace, job.id).state == "queued"


def test_a_run_for_a_folder_of_its_own_is_resumed_for_that_folder(
    workspace: Workspace, small: Dataset, tmp_path: Path
) -> None:
    jobs, out = Jobs(workspace), tmp_path / "mine"
    asked = ["run", "--dataset", small.fingerprint, "--trials", "3", "--out", str(out)]
    with subprocess.Popen([sys.executable, "-m", "core", *asked], stderr=subprocess.DEVNULL) as first:
        while (job := jobs.active()) is None or job.moment is None:
            assert first.poll() is None
            time.sleep(0.05)
        first.send_signal(signal.SIGINT)
        first.wait(timeout=PATIENCE)
    assert jobs.get(job.id).state == "lost"
    assert resume(workspace, job.id).out == str(out)
    done = wait_for(jobs, job.id, lambda job: not job.open)
    assert done.state == "done", done.error
    assert (out / "submission.csv").is_file()


def test_a_job_whose_dataset_is_gone_says_so(workspace: Workspace, small: Dataset) -> None:
    jobs = Jobs(workspace)
    other = claim(jobs)
    job, _ = start_run(workspace, small, RunConfig(folds=2))
    shutil.rmtree(small.folder)
    jobs.end(other.id, "done")
    start_waiting(workspace)
    ended = wait_for(jobs, job.id, lambda job: not job.open)
    assert ended.state == "failed"
    assert ended.error.startswith(f"There is no dataset named {small.fingerprint}")


def test_cancelling_what_waits_leaves_the_work_of_others_alone(workspace: Workspace, small: Dataset) -> None:
    """Both search with the same settings, so what the searches find stands in one place."""
    jobs = Jobs(workspace)
    first, _ = start_run(workspace, small, RunConfig(preset="standard", minutes=60.0, folds=2))
    wait_for(jobs, first.id, lambda job: job.moment is not None and job.moment.step == "tune" and job.moment.part > 0)
    waiting, _ = start_run(workspace, small, RunConfig(preset="standard", minutes=30.0, folds=2))
    cancel(workspace, waiting.id)
    assert len(list(workspace.searches.glob("*/search.journal"))) == 1
    cancel(workspace, first.id)
    assert list(workspace.searches.iterdir()) == []
    assert list(workspace.unfinished.iterdir()) == []


def test_a_cancelled_job_that_is_started_again_starts_from_nothing(workspace: Workspace, small: Dataset) -> None:
    jobs = Jobs(workspace)
    job, _ = start_run(workspace, small, RunConfig(preset="standard", trials=2, folds=2))
    wait_for(jobs, job.id, lambda job: bool(jobs.news(job.id, "trial")))
    cancel(workspace, job.id)
    assert jobs.news(job.id, "trial"), "the history stays"
    again = resume(workspace, job.id)
    assert again.id == job.id
    assert again.moment is None
    ended = wait_for(jobs, job.id, lambda job: not job.open)
    assert (ended.state, ended.sittings) == ("done", 2)
    trials = [(each["learner"], each["trial"]) for each in jobs.news(job.id, "trial")]
    assert len(trials) == len(set(trials)) == 6


def test_a_job_that_waits_or_is_done_is_not_resumed(workspace: Workspace) -> None:
    jobs = Jobs(workspace)
    job = claim(jobs)
    with pytest.raises(RunError, match=r"is running. Only a job that failed, was cancelled or was lost can be resumed"):
        resume(workspace, job.id)


def test_two_processes_take_one_job_each_never_the_same(workspace: Workspace) -> None:
    jobs = Jobs(workspace)
    for digest in "abc":
        jobs.enqueue("d", "demo", digest, {})
    code = (
        "from core.jobs import Jobs; from core.base.workspace import Workspace; import sys, pathlib;"
        "j = Jobs(Workspace(pathlib.Path(sys.argv[1]))).start_next(); print(j.id if j else '-')"
    )
    command = [sys.executable, "-c", code, str(workspace.root)]
    asked = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    told = sorted(process.communicate()[0].strip() for process in asked)
    assert told.count("-") == 3
    assert len(set(told)) == 2


def test_a_database_of_the_first_version_is_taken_over(workspace: Workspace) -> None:
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
    assert jobs.get("old").run_id == "r"
    assert jobs.enqueue("d", "demo", "c", {})[1], "the same work that is done may be done again"


# --- ends -------------------------------------------------------------------------------------------------------------


def test_cancel_ends_the_process_and_keeps_nothing(workspace: Workspace) -> None:
    job, _ = start_run(workspace, demo_dataset(workspace), RunConfig(folds=10))
    jobs = Jobs(workspace)
    working = wait_for(jobs, job.id, lambda job: job.moment is not None and job.moment.step == "train")
    began = time.monotonic()
    assert cancel(workspace, job.id).state == "cancelled"
    assert time.monotonic() - began < 30
    assert working.pid is not None
    assert not psutil.pid_exists(working.pid) or psutil.Process(working.pid).status() == psutil.STATUS_ZOMBIE
    assert list(workspace.runs.iterdir()) == []
    assert jobs.active() is None


def test_a_job_that_ended_is_not_cancelled_any_more(workspace: Workspace) -> None:
    jobs = Jobs(workspace)
    job = claim(jobs)
    jobs.end(job.id, "done", run_id="r")
    assert cancel(workspace, job.id).state == "done"


def test_a_killed_worker_is_lost_and_the_next_run_can_start(workspace: Workspace, small: Dataset) -> None:
    job, _ = start_run(workspace, small, RunConfig(folds=2))
    jobs = Jobs(workspace)
    working = wait_for(jobs, job.id, lambda job: job.moment is not None)
    assert working.pid is not None
    os.kill(working.pid, signal.SIGKILL)
    lost = wait_for(jobs, job.id, lambda job: not job.active)
    assert lost.state == "lost"
    assert lost.error == "Its process ended without a word; resume it, and it goes on where it was."
    _, fresh = start_run(workspace, small, RunConfig(folds=2))
    assert fresh


def test_a_failed_run_says_why_in_a_sentence(workspace: Workspace, small: Dataset, tmp_path: Path) -> None:
    few = tmp_path / "few.csv"
    few.write_text("\n".join((tmp_path / "small" / "train.csv").read_text().splitlines()[:9]) + "\n")
    dataset = ingest(InputFiles(few, tmp_path / "small" / "test.csv"), workspace)
    job, _ = start_run(workspace, dataset, RunConfig())
    failed = wait_for(Jobs(workspace), job.id, lambda job: not job.active)
    assert failed.state == "failed"
    assert failed.error is not None
    assert failed.error.endswith("Training and scoring by user need at least 20. Use a longer log.")


def test_a_job_outlives_the_process_that_started_it(workspace: Workspace, small: Dataset) -> None:
    code = (
        "from core.jobs import start_run; from core.dataset import Dataset; from core.base.workspace import Workspace;"
        "from core.config import RunConfig; from pathlib import Path; import sys;"
        "w = Workspace(Path(sys.argv[1]));"
        "print(start_run(w, Dataset(w.datasets / sys.argv[2]), RunConfig(folds=2))[0].id)"
    )
    command = [sys.executable, "-c", code, str(workspace.root), small.fingerprint]
    job_id = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    assert wait_for(Jobs(workspace), job_id, lambda job: not job.active).state == "done"


def test_a_worker_of_another_process_with_our_number_is_not_ours(workspace: Workspace) -> None:
    jobs = Jobs(workspace)
    job = claim(jobs)
    jobs.adopt(job.id, os.getpid())
    assert jobs.get(job.id).active
    jobs._update(job.id, pid_started=start_time(psutil.Process()) - 100)
    assert jobs.get(job.id).state == "lost"


def test_a_clock_that_is_put_right_makes_no_worker_another_one(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = Jobs(workspace)
    job = claim(jobs)
    jobs.adopt(job.id, os.getpid())
    started, booted = psutil.Process().create_time(), psutil.boot_time()
    monkeypatch.setattr(psutil, "boot_time", lambda: booted + 3600)
    monkeypatch.setattr(psutil.Process, "create_time", lambda _: started + 3600)
    assert jobs.get(job.id).active
    jobs.end(job.id, "done")


def test_a_worker_that_gives_no_sign_of_life_is_lost(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    jobs = Jobs(workspace)
    job = claim(jobs)
    jobs.adopt(job.id, os.getpid())
    silent_since = time.time() - 1000
    jobs._update(job.id, heartbeat=silent_since)
    assert jobs.get(job.id).active, "the machine may have slept: it has not had the time to say anything"
    monkeypatch.setattr(core.jobs.job, "_SECOND_LOOK", 0.0)
    lost = jobs.get(job.id)
    assert lost.state == "lost"
    assert lost.ended == silent_since, "nobody may have looked for days"


def test_a_worker_that_is_heard_of_again_was_only_asleep(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    jobs = Jobs(workspace)
    job = claim(jobs)
    jobs.adopt(job.id, os.getpid())
    monkeypatch.setattr(core.jobs.job, "_SECOND_LOOK", 0.2)
    for slept in (1_000, 2_000, 3_000):
        jobs._update(job.id, heartbeat=time.time() - slept)
        assert jobs.get(job.id).active
    jobs.beat(job.id)
    time.sleep(0.3)
    assert jobs.get(job.id).active
    jobs.end(job.id, "done")


def test_a_job_cancelled_before_its_worker_began_does_no_work(workspace: Workspace, small: Dataset) -> None:
    jobs = Jobs(workspace)
    job, _ = jobs.enqueue(small.fingerprint, "small", "digest", {})
    jobs.end(job.id, "cancelled")
    command = [sys.executable, "-m", "core", "worker", "--job", job.id]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (130, "The run was cancelled before it began; nothing of it is kept.\n")
    assert list_runs(workspace) == []


def test_a_worker_whose_job_was_given_up_stops(workspace: Workspace, small: Dataset) -> None:
    job, _ = start_run(workspace, small, RunConfig(folds=20))
    jobs = Jobs(workspace)
    working = wait_for(jobs, job.id, lambda job: job.moment is not None)
    jobs.end(job.id, "lost")
    assert working.pid is not None
    deadline = time.monotonic() + PATIENCE
    while psutil.pid_exists(working.pid) and psutil.Process(working.pid).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert list_runs(workspace) == []
    assert jobs.get(job.id).state == "lost"


def test_an_end_is_final(workspace: Workspace) -> None:
    jobs = Jobs(workspace)
    job = claim(jobs)
    jobs.end(job.id, "done", run_id="r")
    jobs.end(job.id, "failed", error="too late")
    assert (jobs.get(job.id).state, jobs.get(job.id).run_id) == ("done", "r")


def test_progress_is_read_back_as_it_was_written(workspace: Workspace) -> None:
    jobs = Jobs(workspace)
    job = claim(jobs)
    moment = ProgressUpdate("train", "Training", "XGBoost, 2 of 5 folds", 7, 15, 0.4, 12.5, 18.0)
    jobs.beat(job.id, moment)
    assert jobs.get(job.id).moment == moment


def test_an_unknown_job_is_named_in_a_sentence(workspace: Workspace) -> None:
    with pytest.raises(
        RunError, match=r"There is no job named x\. There is no job yet\. To see all, run `python -m core jobs list`\."
    ):
        Jobs(workspace).get("x")


def test_an_empty_workspace_begins_with_a_run_on_the_demo(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SVS_FIRST_RUN", "1")
    job = begin(workspace)
    assert job is not None
    assert job.dataset == demo_dataset(workspace).fingerprint
    assert begin(workspace) is None
    cancel(workspace, job.id)
    assert begin(workspace) is None, "a workspace where somebody cancelled the first run is not empty any more"
