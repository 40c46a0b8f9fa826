"""A run that was broken off goes on where it was: nothing that was finished is done again, and the same bytes come out.

Processes are really killed. What is done again is seen by what the run tells: progress lines and its search table.
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

FLAGS = ("--trials", "4", "--folds", "3")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("resuming") / "small"
    write_demo(folder, sessions=600, seed=5)
    return folder


def command(files: Path, *flags: str) -> list[str]:
    inputs = ("--train", str(files / "train.csv"), "--test", str(files / "test.csv"))
    return [sys.executable, "-m", "core", "run", "--json", "--progress", "json", *inputs, *FLAGS, *flags]


def begun(files: Path, home: Path, *flags: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command(files, *flags),
        env=os.environ | {"SVS_HOME": str(home)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finished(files: Path, home: Path, *flags: str) -> tuple[Run, list[dict[str, object]]]:
    """The run, and the progress that it told."""
    process = begun(files, home, *flags)
    said, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    lines = [json.loads(line) for line in said.splitlines()]
    return load_run(Path(lines[-1]["run_dir"])), [line["progress"] for line in lines[:-1]]


def killed_when(files: Path, home: Path, holds: Callable[[dict[str, object]], bool]) -> None:
    """Kill the run as soon as its progress is as wanted."""
    process = begun(files, home)
    assert process.stdout is not None
    for line in process.stdout:
        if holds(json.loads(line).get("progress", {})):
            break
    else:
        raise AssertionError("the run ended before it could be killed")
    process.send_signal(signal.SIGKILL)
    process.communicate()


@pytest.fixture(scope="module")
def undisturbed(files: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return finished(files, tmp_path_factory.mktemp("undisturbed"))[0]


def same_search(one: Run, other: Run) -> bool:
    """The same trials with the same losses, whatever time they took."""
    tables = [run.table(SEARCH_FILE).drop("seconds").sort("learner", "trial").collect() for run in (one, other)]
    return tables[0].equals(tables[1])


@pytest.mark.parametrize(
    ("step", "part"),
    [("prepare", 1), ("tune", 120), ("tune", 600), ("train", 5), ("importance", 0), ("certificate", 1)],
)
def test_killed_in_any_step_it_ends_with_the_same_bytes(
    files: Path, undisturbed: Run, tmp_path: Path, step: str, part: int
) -> None:
    killed_when(files, tmp_path, lambda told: told.get("step") == step and int(told["part"]) >= part)
    run, _ = finished(files, tmp_path)
    assert run.submission.read_bytes() == undisturbed.submission.read_bytes()
    assert same_search(run, undisturbed)
    assert run.manifest.scores == undisturbed.manifest.scores
    assert list((tmp_path / "unfinished").iterdir()) == [], "the run is written, its unfinished work must be gone"
    assert list((tmp_path / "studies").iterdir()) == []


def test_killed_again_and_again_it_repeats_no_fit(files: Path, undisturbed: Run, tmp_path: Path) -> None:
    for fits in (2, 9):
        killed_when(files, tmp_path, lambda told, fits=fits: told.get("step") == "train" and int(told["part"]) >= fits)
        fitted = sorted(path.name for path in tmp_path.glob("unfinished/*/fits/*"))
        assert len(fitted) >= fits
        changed = {path: path.stat().st_mtime_ns for path in tmp_path.glob("unfinished/*/fits/*/*")}
    killed_when(files, tmp_path, lambda told: told.get("step") == "importance")
    after = {path: path.stat().st_mtime_ns for path in tmp_path.glob("unfinished/*/fits/*/*")}
    assert {path: after.get(path) for path in changed} == changed
    run, _ = finished(files, tmp_path)
    assert run.submission.read_bytes() == undisturbed.submission.read_bytes()


def test_its_time_is_that_of_all_sittings_without_the_pauses(files: Path, tmp_path: Path) -> None:
    killed_when(files, tmp_path, lambda told: told.get("step") == "importance")
    (folder,) = (tmp_path / "unfinished").iterdir()
    before = (folder / "alive").stat().st_mtime - (folder / "owner").stat().st_mtime
    time.sleep(3)
    began = time.monotonic()
    run, told = finished(files, tmp_path)
    whole = time.monotonic() - began
    assert before < run.manifest.seconds < before + whole
    assert run.manifest.timings["tune"] > run.manifest.timings["ingest"]
    assert all(float(each["fraction"]) <= 1 for each in told)


def test_what_cannot_be_read_again_is_made_again(files: Path, undisturbed: Run, tmp_path: Path) -> None:
    killed_when(files, tmp_path, lambda told: told.get("step") == "importance")
    (folder,) = (tmp_path / "unfinished").iterdir()
    kept = sorted(path for path in folder.rglob("*") if path.is_file() and path.parent != folder)
    assert len(kept) > 20
    for number, path in enumerate(kept):
        content = bytearray(path.read_bytes())
        if number % 3 == 0:
            content[len(content) // 2] ^= 1
            path.write_bytes(content)
        elif number % 3 == 1:
            path.write_bytes(content[: len(content) // 2])
        else:
            path.unlink()
    run, _ = finished(files, tmp_path)
    assert run.submission.read_bytes() == undisturbed.submission.read_bytes()


def test_a_last_line_that_was_cut_short_does_not_spoil_the_search(
    files: Path, undisturbed: Run, tmp_path: Path
) -> None:
    killed_when(files, tmp_path, lambda told: told.get("step") == "tune" and int(told["part"]) >= 400)
    (journal,) = tmp_path.glob("studies/*/search.journal")
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(lines) + lines[-1][: len(lines[-1]) // 2])
    if not (lock := journal.with_name("search.journal.lock")).is_symlink():  # the kill may have left one
        lock.symlink_to(journal)
    run, _ = finished(files, tmp_path)
    assert run.submission.read_bytes() == undisturbed.submission.read_bytes()
    assert same_search(run, undisturbed)


def test_other_settings_do_not_go_on_with_it(files: Path, tmp_path: Path) -> None:
    killed_when(files, tmp_path, lambda told: told.get("step") == "train" and int(told["part"]) >= 3)
    (left,) = (tmp_path / "unfinished").iterdir()
    run, _ = finished(files, tmp_path, "--seed", "8")
    alone, _ = finished(files, tmp_path / "alone", "--seed", "8")
    assert run.submission.read_bytes() == alone.submission.read_bytes()
    assert list((tmp_path / "unfinished").iterdir()) == [left]


# --- checkpoints ------------------------------------------------------------------------------------


def made(unfinished: Checkpoints, value: int, calls: list[int]) -> int:
    def make() -> int:
        calls.append(value)
        return value

    return unfinished.load_or_compute(
        "a/part",
        make,
        lambda each, folder: (folder / "value").write_text(str(each)) and None,
        lambda folder: int((folder / "value").read_text()),
    )


def test_a_part_is_made_once(tmp_path: Path) -> None:
    calls: list[int] = []
    assert [made(Checkpoints.claim(tmp_path / "work"), value, calls) for value in (1, 2, 3)] == [1, 1, 1]
    assert calls == [1]


def test_a_changed_part_is_made_again(tmp_path: Path) -> None:
    calls: list[int] = []
    made(Checkpoints.claim(tmp_path / "work"), 1, calls)
    (tmp_path / "work" / "a" / "part" / "value").write_text("7")
    assert made(Checkpoints.claim(tmp_path / "work"), 2, calls) == 2
    assert calls == [1, 2]


def test_without_room_the_part_is_given_all_the_same(tmp_path: Path) -> None:
    unfinished = Checkpoints.claim(tmp_path / "work")

    def full(value: int, folder: Path) -> None:
        (folder / "half").write_text("ha")
        raise OSError(28, "No space left on device")

    assert unfinished.load_or_compute("part", lambda: 5, full, lambda folder: 0) == 5
    assert not list((tmp_path / "work").glob("**/half"))


def test_what_nobody_goes_on_with_is_deleted_after_a_month(tmp_path: Path) -> None:
    now = time.time()
    for name, days in (("old", 31), ("young", 29)):
        Checkpoints.claim(tmp_path / name)
        os.utime(tmp_path / name / "owner", (now - days * 86_400,) * 2)
    Checkpoints.claim(tmp_path / "new")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new", "young"]


def test_names_tell_dataset_settings_and_libraries_apart() -> None:
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
def test_a_saved_model_says_the_same(learner, tmp_path: Path) -> None:
    data = simulated(rows=300)
    folds = make_folds(data.users, 3, seed=7)
    context = FitContext(NAMES, threads=1, seed=7)
    (fit,) = cross_fit([learner], FoldMatrices(data.X, data.y, data.X_test, folds), context=context)
    model = fit.models[0].model
    model.save(tmp_path, "model")
    again = learner.load(tmp_path, "model", context)
    assert again.rounds == model.rounds
    assert np.array_equal(again.raw(data.X_test), model.raw(data.X_test))
    assert np.allclose(again.contributions(data.X_test), model.contributions(data.X_test), rtol=1e-12, atol=1e-12)
    assert np.allclose(again.gain(), model.gain(), rtol=1e-4)


def test_fits_that_were_kept_give_the_same_as_fits_that_were_made(tmp_path: Path) -> None:
    data = simulated(rows=300)
    matrices = FoldMatrices(data.X, data.y, data.X_test, make_folds(data.users, 3, seed=7))
    context = FitContext(NAMES, threads=2, seed=7)
    alone = cross_fit(LEARNERS, matrices, context=context)
    first = cross_fit(
        LEARNERS, matrices, context=context, load_or_compute=Checkpoints.claim(tmp_path / "w").load_or_compute
    )
    shutil.rmtree(next((tmp_path / "w" / "fits").iterdir()))
    again = cross_fit(
        LEARNERS, matrices, context=context, load_or_compute=Checkpoints.claim(tmp_path / "w").load_or_compute
    )
    for fits in (first, again):
        for one, other in zip(alone, fits, strict=True):
            assert np.array_equal(one.oof, other.oof)
            assert np.array_equal(one.test, other.test)
            assert [each.link for each in one.models] == [each.link for each in other.models]


def test_the_search_table_has_each_trial_once(undisturbed: Run) -> None:
    table = undisturbed.table(SEARCH_FILE).collect()
    assert table.group_by("learner").len().get_column("len").to_list() == [4, 4, 4]
    assert table.select(pl.struct("learner", "trial").is_duplicated().any()).item() is False


@pytest.mark.parametrize(("left", "told"), [(0, OSError), (2**30, ValueError)])
def test_a_writer_that_hides_that_the_disk_is_full_is_understood(
    left: int, told: type[Exception], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`make torture` fills real disks; this is the sentence that a library said there."""
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr("core.base.files.shutil.disk_usage", lambda _: usage._replace(free=left))
    with pytest.raises(told) as caught, atomic_folder(tmp_path / "run"):
        raise ValueError("parquet: File out of specification: Invalid thrift: transport error")
    assert is_full_disk(caught.value) == (told is OSError)
    assert list(tmp_path.iterdir()) == []
