"""Sweeping deletes incomplete folders of killed processes, and never those that a running process works in."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from core.base.files import atomic_folder, scratch_folder, write_text_atomically
from core.base.workspace import Workspace
from core.demo import write_demo
from core.ingestion import InputFiles, ingest
from tests.killing import ACTIVITIES as ACTIVITIES_TO_KILL

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no lock that a sweep could ask for")

PROJECT = Path(__file__).resolve().parent.parent
DAY = 86_400.0
ACTIVITIES = {
    "reading": "scratch_folder(home.datasets, READING_PREFIX)",
    "building a dataset": "atomic_folder(home.datasets / 'abc')",
    "building a run": "atomic_folder(home.runs / 'abc')",
    "building an upload": "atomic_folder(home.uploads / 'abc', shared=True)",
}
"""Activity of another process -> the context manager that it works in."""


@contextmanager
def working_process(workspace: Workspace, manager: str) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """Yield a process that works in a folder until it is killed, and the folder."""
    program = (
        "import sys, time; from pathlib import Path\n"
        "from core.base.files import READING_PREFIX, atomic_folder, scratch_folder\n"
        "from core.base.workspace import Workspace\n"
        "home = Workspace(Path(sys.argv[1]))\n"
        f"with {manager} as folder:\n"
        "    (folder / 'spill').write_text('rows')\n"
        "    print(folder, flush=True)\n"
        "    time.sleep(600)\n"
    )
    command = [sys.executable, "-c", program, str(workspace.root)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=PROJECT) as process:
        try:
            assert process.stdout is not None
            yield process, Path(process.stdout.readline().strip())
        finally:
            process.kill()


def hidden(workspace: Workspace) -> list[str]:
    return [path.name for folder in workspace.root.iterdir() if folder.is_dir() for path in folder.glob(".*")]


def age(folder: Path, seconds_ago: float) -> Path:
    """Set the modification times of a folder and its content, and return it."""
    for path in (*folder.rglob("*"), folder):
        os.utime(path, (time.time() - seconds_ago,) * 2)
    return folder


@pytest.mark.parametrize("manager", ACTIVITIES.values(), ids=ACTIVITIES)
def test_a_folder_is_swept_only_after_its_process_was_killed(workspace: Workspace, manager: str) -> None:
    with working_process(workspace, manager) as (process, folder):
        age(folder, 365 * DAY)  # as after the machine slept
        workspace.sweep()
        assert (folder / "spill").read_text() == "rows"
        process.kill()
        process.wait()
        workspace.sweep()
    assert hidden(workspace) == []


def test_the_next_ingest_sweeps(workspace: Workspace, demo_files: InputFiles) -> None:
    with working_process(workspace, ACTIVITIES["reading"]) as (process, folder):
        process.kill()
        process.wait()
        assert (folder / "spill").is_file()
        ingest(demo_files, workspace)
    assert hidden(workspace) == []


def test_folders_of_the_sweeping_process_are_not_swept(workspace: Workspace) -> None:
    with (
        scratch_folder(workspace.datasets, ".reading-") as reading,
        atomic_folder(workspace.runs / "abc") as building,
    ):
        for folder in (reading, building):
            age(folder, 365 * DAY)
        workspace.sweep()
        assert reading.is_dir()
        assert building.is_dir()
    assert hidden(workspace) == []
    assert (workspace.runs / "abc").is_dir()


def test_a_folder_without_a_lock_is_swept_a_week_after_its_last_change(workspace: Workspace) -> None:
    """Earlier versions left such folders."""
    for name in ("old", "new", "written"):
        folder = workspace.datasets / f".reading-{name}"
        (folder / "train").mkdir(parents=True)
        (folder / "train" / "spill").write_text("rows")
        age(folder, 8 * DAY if name != "new" else 6 * DAY)
    (workspace.datasets / ".reading-written" / "train" / "spill").write_text("more rows")
    workspace.sweep()
    assert sorted(hidden(workspace)) == [".reading-new", ".reading-written"]


def test_other_hidden_folders_are_not_swept(workspace: Workspace) -> None:
    for name in (".git", ".snapshot", ".20250101-000000-abc"):
        (workspace.runs / name).mkdir()
        age(workspace.runs / name, 365 * DAY)
    workspace.sweep()
    assert len(hidden(workspace)) == 3


def test_a_folder_in_use_whose_lock_file_is_gone_is_not_swept(workspace: Workspace) -> None:
    with atomic_folder(workspace.runs / "abc") as building:
        for mark in workspace.runs.glob(".*.at-work"):
            mark.unlink()
        workspace.sweep()
        assert building.is_dir()
    assert (workspace.runs / "abc").is_dir()


def test_a_folder_is_created_although_the_file_system_has_no_locks(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr("core.base.files.FileLock.acquire", refuse)
    with scratch_folder(workspace.datasets, ".reading-") as folder:
        workspace.sweep()
        assert hidden(workspace) == [folder.name]
    assert hidden(workspace) == []


def test_sweeping_does_not_follow_links(workspace: Workspace, tmp_path: Path) -> None:
    (tmp_path / "precious").mkdir()
    (workspace.datasets / ".reading-link").symlink_to(tmp_path / "precious")
    (workspace.datasets / ".reading-link.at-work").touch()
    age(tmp_path / "precious", 365 * DAY)
    workspace.sweep()
    assert (tmp_path / "precious").is_dir()
    shutil.rmtree(tmp_path / "precious")


def test_after_a_death_at_any_call_one_sweep_leaves_nothing_hidden(tmp_path: Path) -> None:
    write_demo(tmp_path / "files", sessions=200, seed=1)
    process = subprocess.run(
        [sys.executable, "-m", "tests.killing", str(tmp_path)], cwd=PROJECT, capture_output=True, text=True, check=False
    )
    results = [json.loads(line) for line in process.stdout.splitlines()]
    assert [name for name, _, _ in results] == list(ACTIVITIES_TO_KILL), process.stderr
    assert {name: left for name, _, left in results if left} == {}
    assert all(deaths > 4 for _, deaths, _ in results), results


def test_what_was_to_be_deleted_is_swept_and_so_are_old_drafts_without_a_lock(workspace: Workspace) -> None:
    run = workspace.runs / "abc"
    run.mkdir()
    (workspace.runs / ".20250101-000000-abc.deleted").mkdir()  # of a version that had no locks
    for name, days in ((".note.json.0a1b2c3d", 8), (".note.json.4a5b6c7d", 6), (".gitignore", 365)):
        (run / name).touch()
        age(run / name, days * DAY)
    workspace.sweep()
    assert hidden(workspace) == []
    assert sorted(path.name for path in run.iterdir()) == [".gitignore", ".note.json.4a5b6c7d"]


def test_the_next_write_sweeps_the_drafts_of_the_same_file(tmp_path: Path) -> None:
    (tmp_path / ".table.csv.0a1b2c3d").touch()
    (tmp_path / ".table.csv.0a1b2c3d.at-work").touch()
    (tmp_path / ".other.csv.0a1b2c3d.at-work").touch()
    write_text_atomically(tmp_path / "table.csv", "1")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".other.csv.0a1b2c3d.at-work", "table.csv"]
