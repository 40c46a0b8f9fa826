"""The runs of a workspace: list, find and delete them."""

from __future__ import annotations

import os
from pathlib import Path

from core.base.files import is_file, remove_hidden_first
from core.base.ids import complete_id
from core.base.stored_files import read_stored_json
from core.base.workspace import Workspace
from core.errors import RunError
from core.runs.store import MANIFEST_FILE, MAX_MANIFEST_BYTES, Run, load_run


def list_runs(workspace: Workspace) -> list[Run]:
    """Return all readable runs of the workspace, newest first."""
    runs, _ = open_runs(workspace)
    return runs


def unreadable_runs(workspace: Workspace) -> list[tuple[Path, RunError]]:
    """Return the run folders that cannot be opened, ordered by name, and why."""
    _, unreadable = open_runs(workspace)
    return unreadable


def open_runs(workspace: Workspace) -> tuple[list[Run], list[tuple[Path, RunError]]]:
    """Return what `list_runs` and `unreadable_runs` return, and open each run only once."""
    runs, unreadable = [], []
    for folder in workspace.runs.iterdir():
        if folder.name.startswith(".") or (folder.is_file() and not folder.is_symlink()):
            continue
        try:
            runs.append(load_run(folder))
        except RunError as error:
            unreadable.append((folder, error))
    runs.sort(key=lambda run: (run.manifest.created, run.manifest.run_id), reverse=True)
    unreadable.sort(key=lambda pair: pair[0].name)
    return runs, unreadable


def find_run(workspace: Workspace, name: str) -> Run:
    """Open a run by its id, the first characters of its id, or the path of its folder.

    Raises:
        RunError: there is no such run, several runs match, or it cannot be opened.
    """
    return load_run(run_folder(workspace, name))


def run_folder(workspace: Workspace, name: str) -> Path:
    """Return the folder of a run, whether or not the run can be opened.

    Args:
        name: id of a run in the workspace or its first characters, or path of a run folder anywhere.

    Raises:
        RunError: there is no such run, more than one id begins with the characters, or the workspace has copies of
            the run.
    """
    foreign_folder = None
    for path in (Path(name), workspace.runs / name):
        folder = _unlinked(path)
        if folder is None:
            continue
        if _is_in_workspace(folder, workspace) or _is_run_manifest(folder / MANIFEST_FILE):
            return folder
        if is_file(folder / MANIFEST_FILE):
            foreign_folder = folder
    if foreign_folder is not None:
        raise RunError.not_a_run(foreign_folder)
    return _folder_by_id(workspace, name)


def _folder_by_id(workspace: Workspace, name: str) -> Path:
    """Return the folder of the only run of the workspace whose id begins with `name`; else raise RunError."""
    runs, unreadable = open_runs(workspace)
    ids = {run.folder: run.manifest.run_id for run in runs} | {folder: folder.name for folder, _ in unreadable}
    run_id = complete_id("run", name, sorted(ids.values(), reverse=True))
    folder, *copies = sorted(folder for folder, folder_id in ids.items() if folder_id == run_id)
    if copies:
        raise RunError.copied_run(run_id, [folder, *copies])
    return folder


def _unlinked(path: Path) -> Path | None:
    """Return the absolute path; None if it is not a valid path on this system.

    A link to a run keeps its own path, so that deleting it does not delete the run.
    """
    try:
        return path.parent.resolve() / path.name if path.is_symlink() else path.resolve()
    except (OSError, ValueError):
        return None


def delete_run(folder: Path) -> None:
    """Delete a run folder, whether or not the run can be opened. Of a link to a folder, only the link is removed.

    Raises:
        RunError: the folder cannot be renamed.
    """
    folder = folder.absolute() if folder.is_symlink() else folder.resolve()  # "." has no name
    try:
        remove_hidden_first(folder)
    except OSError as error:
        raise RunError.not_deletable(folder, error.strerror or str(error)) from error


def _is_in_workspace(folder: Path, workspace: Workspace) -> bool:
    """Return whether the path is an entry for a run in the workspace. A damaged one counts, so it can be deleted."""
    is_entry = folder.parent == workspace.runs.resolve() and not folder.name.startswith(".")
    return is_entry and os.path.lexists(folder) and not folder.is_file()


def _is_run_manifest(path: Path) -> bool:
    """Return whether the file is the manifest of a run, of any version. Other programs also have files of this name."""
    try:
        content = read_stored_json(path, MAX_MANIFEST_BYTES)
        return isinstance(content["run_id"], str) and isinstance(content["sha256"], dict)
    except (OSError, TypeError, KeyError):
        return False
