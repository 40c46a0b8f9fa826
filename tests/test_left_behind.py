"""Sweeping deletes incomplete folders of killed processes, and never those that a running process works in."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from core.base.files import atomic_folder, scratch_folder
from core.base.workspace import Workspace
from core.ingestion import InputFiles, ingest

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
