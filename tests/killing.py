"""Kill a process at each call that creates, renames or deletes a name, sweep once, and print what is still hidden.

    python -m tests.killing FOLDER

Prints one JSON object per activity: its name, the number of deaths, and the hidden names that a sweep left. Each death
is one of a forked process. This module must not use Polars before it forks, because threads do not survive a fork.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from core.base.checkpoint import Checkpoints
from core.base.files import atomic_folder, sweep, write_text_atomically
from core.base.workspace import Workspace
from core.demo import write_demo
from core.ingestion import InputFiles, ingest
from core.ingestion.sources.uploads import delete_upload, keep_upload, list_uploads
from core.pipeline.preflight import check_output_folder
from core.pipeline.stored_data import StoredDataset, delete_dataset
from core.runs import Note, Run, delete_run

DEADLY = ((os, "rename"), (os, "replace"), (os, "mkdir"), (os, "rmdir"), (os, "unlink"), (shutil, "rmtree"))
DEADLY_TEMPORARY = ((tempfile, "mkstemp"), (tempfile, "mkdtemp"))
_KILLED = 77
_MAX_DEATHS = 300
_STRIDES = {"reading files": 5, "writing demo files": 3}
"""Activities that take longer die only at every n-th call."""


def _write_run(workspace: Workspace, out: Path) -> None:
    with atomic_folder(workspace.runs / "abc") as folder:
        (folder / "models").mkdir()
        (folder / "models" / "one.txt").write_text("tree")


def _write_out(workspace: Workspace, out: Path) -> None:
    check_output_folder(out / "run")
    write_text_atomically(out / "features.csv", "1,2")
    with atomic_folder(out / "run") as folder:
        (folder / "manifest.json").write_text("{}")


def _delete_run(workspace: Workspace, out: Path) -> None:
    folder = workspace.runs / "abc"
    (folder / "models").mkdir(parents=True, exist_ok=True)
    (folder / "models" / "one.txt").write_text("tree")
    delete_run(folder)


def _save_note(workspace: Workspace, out: Path) -> None:
    folder = workspace.runs / "abc"
    folder.mkdir(exist_ok=True)
    Run(folder, None).save_note(Note(name="x"))  # type: ignore[arg-type]  # a note needs no manifest


def _keep_and_delete_upload(workspace: Workspace, out: Path) -> None:
    with (out / "train.csv").open("rb") as file:
        keep_upload(workspace, {"train": file})  # type: ignore[dict-item]  # a file is an upload with a longer name
    for upload in list_uploads(workspace):
        delete_upload(workspace, upload)


def _delete_dataset(workspace: Workspace, out: Path) -> None:
    folder = workspace.datasets / ("0" * 64)
    folder.mkdir(exist_ok=True)
    (folder / "card.json").write_text("{}")
    (workspace.unfinished / "000000000000-x" / "features").mkdir(parents=True, exist_ok=True)
    delete_dataset(workspace, StoredDataset(folder, "", 0, (), (), ()))


def _store_checkpoint(workspace: Workspace, out: Path) -> None:
    checkpoints = Checkpoints.claim(workspace.unfinished / "work")
    checkpoints.load_or_compute("part", str, lambda text, folder: (folder / "text").write_text(text) and None, str)


def _write_demo(workspace: Workspace, out: Path) -> None:
    write_demo(out / "demo", sessions=200, seed=1)


def _ingest(workspace: Workspace, out: Path) -> None:
    ingest(InputFiles(out / "train.csv", out / "test.csv"), workspace)


ACTIVITIES: dict[str, Callable[[Workspace, Path], None]] = {
    "writing a run": _write_run,
    "writing next to --out": _write_out,
    "deleting a run": _delete_run,
    "saving a note": _save_note,
    "keeping and deleting an upload": _keep_and_delete_upload,
    "deleting a dataset": _delete_dataset,
    "storing a checkpoint": _store_checkpoint,
    "writing demo files": _write_demo,
    "reading files": _ingest,
}


def die_at(number: int) -> None:
    """Let this process die at the call with this number of a deadly function: before odd calls, after even ones."""
    calls = 0

    def deadly(function: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(*arguments: Any, **options: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls == number:
                os._exit(_KILLED)
            result = function(*arguments, **options)
            calls += 1
            if calls == number:
                os._exit(_KILLED)
            return result

        return wrapper

    for module, name in (*DEADLY, *DEADLY_TEMPORARY):
        setattr(module, name, deadly(getattr(module, name)))


def hidden(*folders: Path) -> list[str]:
    return sorted(path.name for folder in folders for path in folder.rglob(".*"))


def kill_at_calls(name: str, root: Path) -> tuple[int, list[str]]:
    """Return the number of deaths, and the hidden names that were left after a death and a sweep."""
    left, deaths = [], 0
    for number in range(1, _MAX_DEATHS, _STRIDES.get(name, 1)):
        workspace, out = Workspace(root / f"home{number}"), root / f"out{number}"
        shutil.copytree(root / "files", out)
        child = os.fork()
        if child == 0:
            die_at(number)
            ACTIVITIES[name](workspace, out)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        workspace.sweep()
        for folder in (out, out / "demo"):
            sweep(folder)
        left += [f"{number}: {path}" for path in hidden(workspace.root, out)]
        for folder in (workspace.root, out):
            shutil.rmtree(folder, ignore_errors=True)
        if os.waitstatus_to_exitcode(status) != _KILLED:
            break
        deaths += 1
    return deaths, left


if __name__ == "__main__":
    scratch = Path(sys.argv[1])
    for name in ACTIVITIES:
        sys.stdout.write(f"{json.dumps([name, *kill_at_calls(name, scratch)])}\n")
        sys.stdout.flush()
