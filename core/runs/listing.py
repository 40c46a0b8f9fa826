"""The runs of a workspace: list, find and delete them."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from core.base.files import remove_hidden_first
from core.base.ids import complete_id
from core.base.stored_files import read_stored_json
from core.base.workspace import Workspace
from core.errors import RunError
from core.runs.store import MANIFEST_FILE, MAX_MANIFEST_BYTES, Run, load_run


def list_runs(workspace: Workspace) -> list[Run]:
    """Return all readable runs of the workspace, newest first."""
    runs, _ = _open_runs(workspace)
    return sorted(runs, key=lambda run: (run.manifest.created, run.manifest.run_id), reverse=True)


def unreadable_runs(workspace: Workspace) -> list[tuple[Path, RunError]]:
    """Return the run folders that cannot be opened, ordered by name, and why."""
    _, unreadable = _open_runs(workspace)
    return sorted(unreadable, key=lambda pair: pair[0].name)


def _open_runs(workspace: Workspace) -> tuple[list[Run], list[tuple[Path, RunError]]]:
    runs, unreadable = [], []
    for folder in workspace.runs.iterdir():
        if folder.name.startswith(".") or (folder.is_file() and not folder.is_symlink()):
            continue
        try:
            runs.append(load_run(folder))
        except RunError as error:
            unreadable.append((folder, error))
    return runs, unreadable


def find_run(workspace: Workspace, name: str) -> Run:
    """Open a run by its id, the first characters of its id, or the path of its folder.

    Raises:
        RunError: there is no such run, several ids begin with the characters, or it cannot be opened.
    """
    return load_run(run_folder(workspace, name))


def run_folder(workspace: Workspace, name: str) -> Path:
    """Return the folder of a run, whether or not the run can be opened.

    Args:
        name: id of a run in the workspace or its first characters, or path of a run folder anywhere.

    Raises:
        RunError: there is no such run, or more than one id begins with the characters.
    """
    folder_of_other_program = None
    for path in (Path(name), workspace.runs / name):
        with contextlib.suppress(OSError, ValueError):  # the name may not be a valid path
            # a link to a run keeps its own path, so that deleting it does not delete the run
            folder = path.parent.resolve() / path.name if path.is_symlink() else path.resolve()
            if _is_in_workspace(folder, workspace) or (folder.is_dir() and _is_run_manifest(folder / MANIFEST_FILE)):
                return folder
            if (folder / MANIFEST_FILE).is_file():
                folder_of_other_program = folder
    if folder_of_other_program is not None:
        raise RunError.not_a_run(folder_of_other_program)
    runs, unreadable = _open_runs(workspace)
    folders = {run.manifest.run_id: run.folder for run in runs} | {folder.name: folder for folder, _ in unreadable}
    return folders[complete_id("run", name, sorted(folders, reverse=True))]


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
