"""An interrupted run resumes from its checkpoints, repeats no finished work, and gives the same bytes.

The tests kill real processes.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from core.base.checkpoint import Checkpoints, work_name
from core.base.files import atomic_folder, is_full_disk
from core.config import RunConfig
from core.demo import write_demo
from core.runs import Run, load_run
from core.runs.store import SEARCH_FILE
from core.training import LEARNERS
from core.training.cross_fitting import FoldMatrices, cross_fit
from core.training.folds import make_folds
from core.training.learners import FitContext
from tests.test_training import NAMES, simulated

FLAGS = ("--trials", "4", "--folds", "3", "--learners", "lightgbm", "--learners", "xgboost")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("resuming") / "small"
    write_demo(folder, sessions=600, seed=5)
    return folder


def command(files: Path, *flags: str) -> list[str]:
    inputs = ("--train", str(files / "train.csv"), "--test", str(files / "test.csv"))
    return [sys.executable, "-m", "core", "run", "--json", "--progress", "json", *inputs, *FLAGS, *flags]


def start(files: Path, home: Path, *flags: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command(files, *flags),
        env=os.environ | {"SVS_HOME": str(home)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finished(files: Path, home: Path, *flags: str) -> tuple[Run, list[dict[str, object]]]:
    """Return the run and the progress that it printed."""
    process = start(files, home, *flags)
    output, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    lines = [json.loads(line) for line in output.splitlines()]
    return load_run(Path(lines[-1]["run_dir"])), [line["progress"] for line in lines[:-1]]


def kill_when(files: Path, home: Path, condition: Callable[[dict[str, object]], bool], *flags: str) -> None:
    """Start a run and kill it as soon as its progress meets the condition."""
    process = start(files, home, *flags)
    assert process.stdout is not None
    for line in process.stdout:
        if condition(json.loads(line).get("progress", {})):
            break
    else:
        raise AssertionError("the run ended before it could be killed")
    process.send_signal(signal.SIGKILL)
    process.communicate()


@pytest.fixture(scope="module")
def uninterrupted(files: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return finished(files, tmp_path_factory.mktemp("uninterrupted"))[0]


@pytest.fixture(scope="module")
def killed_late(files: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of a run that was killed when its models were fitted; copy it."""
    home = tmp_path_factory.mktemp("killed_late")
    kill_when(files, home, lambda progress: progress.get("step") == "importance")
    return home


def same_search(one: Run, other: Run) -> bool:
    """Whether both runs have the same trials with the same losses."""
    tables = [run.table(SEARCH_FILE).drop("seconds").sort("learner", "trial").collect() for run in (one, other)]
    return tables[0].equals(tables[1])


def test_a_run_killed_in_every_step_resumes_to_the_same_bytes(files: Path, uninterrupted: Run, tmp_path: Path) -> None:
    kills = [("prepare", 1), ("tune", 500), ("train", 5), ("importance", 0), ("certificate", 1)]
    for step, part in kills:
        kill_when(
            files,
            tmp_path,
            lambda progress, step=step, part=part: progress.get("step") == step and int(progress["part"]) >= part,
        )
    run, _ = finished(files, tmp_path)
    assert run.submission.read_bytes() == uninterrupted.submission.read_bytes()
    assert same_search(run, uninterrupted)
    assert run.manifest.scores == uninterrupted.manifest.scores
    assert list((tmp_path / "unfinished").iterdir()) == [], "the run is written, so its checkpoints must be deleted"
    assert list((tmp_path / "studies").iterdir()) == []


@pytest.mark.long
def test_a_run_killed_several_times_repeats_no_fit(files: Path, uninterrupted: Run, tmp_path: Path) -> None:
    for fits in (2, 5):  # of six, which are 70% of the step
        kill_when(
            files,
            tmp_path,
            lambda progress, fits=fits: (
                progress.get("step") == "train" and int(progress["part"]) >= 0.7 * fits / 6 * int(progress["parts"])
            ),
        )
        fitted = list(tmp_path.glob("unfinished/*/fits/[!.]*"))  # a name with a dot is the draft of an interrupted fit
        assert len(fitted) >= fits
        changed = {path: path.stat().st_mtime_ns for fit in fitted for path in fit.iterdir()}
    kill_when(files, tmp_path, lambda progress: progress.get("step") == "importance")
    after = {path: path.stat().st_mtime_ns for path in tmp_path.glob("unfinished/*/fits/*/*")}
    assert {path: after.get(path) for path in changed} == changed
    run, _ = finished(files, tmp_path)
    assert run.submission.read_bytes() == uninterrupted.submission.read_bytes()


def test_the_duration_is_that_of_all_attempts_without_the_pauses(
    files: Path, killed_late: Path, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    shutil.copytree(killed_late, home)
    (folder,) = (home / "unfinished").iterdir()
    began, ended = ((folder / name).stat().st_mtime for name in ("owner", "alive"))
    before, pause = ended - began, 3_600.0
    for name, moment in (("owner", began), ("alive", ended)):
        os.utime(folder / name, (moment - pause, moment - pause))
    started = time.monotonic()
    run, updates = finished(files, home)
    elapsed = time.monotonic() - started
    assert before < run.manifest.seconds < before + elapsed
    assert run.manifest.timings["tune"] > run.manifest.timings["ingest"]
    assert all(float(update["fraction"]) <= 1 for update in updates)


def test_damaged_checkpoints_are_computed_again(
    files: Path, uninterrupted: Run, killed_late: Path, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    shutil.copytree(killed_late, home)
    (folder,) = (home / "unfinished").iterdir()
    stored = sorted(path for path in folder.rglob("*") if path.is_file() and path.parent != folder)
    assert len(stored) > 20
    for number, path in enumerate(stored):
        content = bytearray(path.read_bytes())
        if number % 3 == 0:
            content[len(content) // 2] ^= 1
            path.write_bytes(content)
        elif number % 3 == 1:
            path.write_bytes(content[: len(content) // 2])
        else:
            path.unlink()
    run, _ = finished(files, home)
    assert run.submission.read_bytes() == uninterrupted.submission.read_bytes()


def test_a_study_resumes_after_an_incomplete_last_line(files: Path, uninterrupted: Run, tmp_path: Path) -> None:
    kill_when(files, tmp_path, lambda progress: progress.get("step") == "tune" and int(progress["part"]) >= 400)
    (journal,) = tmp_path.glob("studies/*/search.journal")
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(lines) + lines[-1][: len(lines[-1]) // 2])
    if not (lock := journal.with_name("search.journal.lock")).is_symlink():  # the killed process may have left one
        lock.symlink_to(journal)
    run, _ = finished(files, tmp_path)
    assert run.submission.read_bytes() == uninterrupted.submission.read_bytes()
    assert same_search(run, uninterrupted)


def test_a_run_with_other_settings_does_not_use_the_checkpoints(
    files: Path, uninterrupted: Run, tmp_path: Path
) -> None:
    kill_when(
        files,
        tmp_path,
        lambda progress: progress.get("step") == "train" and int(progress["part"]) >= 3,
        "--seed",
        "8",
    )
    (left,) = (tmp_path / "unfinished").iterdir()
    run, _ = finished(files, tmp_path)
    assert run.submission.read_bytes() == uninterrupted.submission.read_bytes()
    assert list((tmp_path / "unfinished").iterdir()) == [left]


# --- checkpoints ------------------------------------------------------------------------------------


def load_or_compute(checkpoints: Checkpoints, value: int, calls: list[int]) -> int:
    def compute() -> int:
        calls.append(value)
        return value

    return checkpoints.load_or_compute(
        "a/part",
        compute,
        lambda number, folder: (folder / "value").write_text(str(number)) and None,
        lambda folder: int((folder / "value").read_text()),
    )


def test_a_result_is_computed_once(tmp_path: Path) -> None:
    calls: list[int] = []
    assert [load_or_compute(Checkpoints.claim(tmp_path / "work"), value, calls) for value in (1, 2, 3)] == [1, 1, 1]
    assert calls == [1]


def test_a_changed_checkpoint_is_computed_again(tmp_path: Path) -> None:
    calls: list[int] = []
    load_or_compute(Checkpoints.claim(tmp_path / "work"), 1, calls)
    (tmp_path / "work" / "a" / "part" / "value").write_text("7")
    assert load_or_compute(Checkpoints.claim(tmp_path / "work"), 2, calls) == 2
    assert calls == [1, 2]


def test_a_result_is_returned_although_the_disk_is_full(tmp_path: Path) -> None:
    checkpoints = Checkpoints.claim(tmp_path / "work")

    def full(value: int, folder: Path) -> None:
        (folder / "half").write_text("ha")
        raise OSError(28, "No space left on device")

    assert checkpoints.load_or_compute("part", lambda: 5, full, lambda folder: 0) == 5
    assert not list((tmp_path / "work").glob("**/half"))


def test_checkpoints_that_are_not_resumed_are_deleted_after_a_month(tmp_path: Path) -> None:
    now = time.time()
    for name, days in (("old", 31), ("young", 29)):
        Checkpoints.claim(tmp_path / name)
        os.utime(tmp_path / name / "owner", (now - days * 86_400,) * 2)
    Checkpoints.claim(tmp_path / "new")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new", "young"]


def test_the_name_of_work_depends_on_dataset_settings_and_libraries() -> None:
    digest = RunConfig().digest
    names = {
        work_name("d" * 64, digest, ["numpy 1"]),
        work_name("e" * 64, digest, ["numpy 1"]),
        work_name("d" * 64, RunConfig(seed=8).digest, ["numpy 1"]),
        work_name("d" * 64, digest, ["numpy 2"]),
    }
    assert len(names) == 4


# --- models -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("learner", LEARNERS, ids=lambda learner: learner.name)
def test_a_saved_model_predicts_the_same(learner, tmp_path: Path) -> None:
    data = simulated(rows=300)
    folds = make_folds(data.users, 3, seed=7)
    context = FitContext(NAMES, threads=1, seed=7)
    (fit,) = cross_fit([learner], FoldMatrices(data.X, data.y, data.X_test, folds), context=context)
    model = fit.models[0].model
    model.save(tmp_path, "model")
    loaded = learner.load(tmp_path, "model", context)
    assert loaded.rounds == model.rounds
    assert np.array_equal(loaded.raw(data.X_test), model.raw(data.X_test))
    assert np.allclose(loaded.contributions(data.X_test), model.contributions(data.X_test), rtol=1e-12, atol=1e-12)
    assert np.allclose(loaded.gain(), model.gain(), rtol=1e-4)


def test_stored_fits_equal_computed_fits(tmp_path: Path) -> None:
    data = simulated(rows=300)
    matrices = FoldMatrices(data.X, data.y, data.X_test, make_folds(data.users, 3, seed=7))
    context = FitContext(NAMES, threads=2, seed=7)
    computed = cross_fit(LEARNERS, matrices, context=context)
    first = cross_fit(
        LEARNERS, matrices, context=context, load_or_compute=Checkpoints.claim(tmp_path / "w").load_or_compute
    )
    shutil.rmtree(next((tmp_path / "w" / "fits").iterdir()))
    second = cross_fit(
        LEARNERS, matrices, context=context, load_or_compute=Checkpoints.claim(tmp_path / "w").load_or_compute
    )
    for fits in (first, second):
        for one, other in zip(computed, fits, strict=True):
            assert np.array_equal(one.oof, other.oof)
            assert np.array_equal(one.test, other.test)
            assert [model.link for model in one.models] == [model.link for model in other.models]


def test_the_search_table_has_one_row_per_trial(uninterrupted: Run) -> None:
    table = uninterrupted.table(SEARCH_FILE).collect()
    assert table.group_by("learner").len().get_column("len").to_list() == [4, 4]
    assert table.select(pl.struct("learner", "trial").is_duplicated().any()).item() is False


@pytest.mark.parametrize(("n_free", "error"), [(0, OSError), (2**30, ValueError)])
def test_a_full_disk_is_recognized_behind_the_error_of_a_library(
    n_free: int, error: type[Exception], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message is the one that Polars gave on a real full disk, see `make torture`."""
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr("core.base.files.shutil.disk_usage", lambda _: usage._replace(free=n_free))
    with pytest.raises(error) as caught, atomic_folder(tmp_path / "run"):
        raise ValueError("parquet: File out of specification: Invalid thrift: transport error")
    assert is_full_disk(caught.value) == (error is OSError)
    assert list(tmp_path.iterdir()) == []
