"""The datasets of a workspace: those that can be read, and those that cannot."""

from __future__ import annotations

from pathlib import Path

from core.base.note import read_note
from core.base.number_format import NumberFormat
from core.base.workspace import Workspace
from core.dataset.stored_dataset import Dataset
from core.errors import RunError


def number_format_of(workspace: Workspace, fingerprint: str) -> NumberFormat:
    """Return how numbers are written in texts about a dataset; the plain format if it was deleted."""
    return read_note(workspace.datasets / fingerprint).number_format


def list_datasets(workspace: Workspace) -> list[Dataset]:
    """Return all datasets of the workspace with a readable card, newest first."""
    created, _ = _open_datasets(workspace)
    return sorted(created, key=lambda dataset: (created[dataset], dataset.fingerprint), reverse=True)


def unreadable_datasets(workspace: Workspace) -> list[tuple[Path, RunError]]:
    """Return the folders of datasets whose card cannot be read, ordered by name, and why."""
    _, unreadable = _open_datasets(workspace)
    return sorted(unreadable, key=lambda pair: pair[0].name)


def _open_datasets(workspace: Workspace) -> tuple[dict[Dataset, str], list[tuple[Path, RunError]]]:
    """Return dataset -> when it was created, and the folders that are no readable dataset, with the reason."""
    created, unreadable = {}, []
    for folder in workspace.datasets.glob("[!.]*"):
        if folder.is_file() and not folder.is_symlink():
            continue
        try:
            created[Dataset(folder)] = Dataset(folder).card().created
        except RunError as error:
            unreadable.append((folder, error))
    return created, unreadable
