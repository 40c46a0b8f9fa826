"""Stored datasets with their size and the runs and jobs that depend on them, and their deletion."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from core.base.checkpoint import delete_checkpoints
from core.base.files import remove_hidden_first
from core.base.ids import complete_id
from core.base.text import count, listed, verb
from core.base.workspace import Workspace
from core.dataset import Dataset
from core.errors import RunError
from core.jobs import Jobs
from core.jobs.job import RESUMABLE
from core.runs import list_runs

_ID_LENGTH = 12
"""Characters of a fingerprint that are shown. Checkpoints are named after as many."""


@dataclass(frozen=True)
class StoredDataset:
    """A dataset folder, whether or not its card can be read.

    Attributes:
        name: name of the dataset; empty if its card cannot be read.
        bytes: size of its files.
        runs: ids of the runs on it, newest first.
        open_jobs: ids of queued and running jobs on it.
        resumable_jobs: ids of jobs on it that ended without a run and could be resumed.
    """

    folder: Path
    name: str
    bytes: int
    runs: tuple[str, ...]
    open_jobs: tuple[str, ...]
    resumable_jobs: tuple[str, ...]

    @property
    def id(self) -> str:
        """The first characters of the fingerprint."""
        return self.folder.name[:_ID_LENGTH]

    def consequences(self) -> str:
        """Return sentences on how its deletion affects runs and jobs; empty if nothing depends on it."""
        sentences = []
        if self.runs:
            sentences.append(
                f"{count(len(self.runs), 'run')} on it {verb(len(self.runs), 'is', 'are')} kept "
                f"({listed(self.runs, 3)}): scores, models and submission can still be read with `runs show`, but not "
                "verified with new predictions. The pages show them again once the same files are read again."
            )
        if self.resumable_jobs:
            sentences.append(
                f"{count(len(self.resumable_jobs), 'job')} can no longer be resumed ({listed(self.resumable_jobs, 3)})."
            )
        return " ".join(sentences)


def list_stored_datasets(workspace: Workspace) -> list[StoredDataset]:
    """Return all dataset folders of the workspace, the largest first, including damaged ones.

    If the jobs database cannot be read, no jobs are named. `delete_dataset` then refuses.
    """
    runs = list_runs(workspace)
    jobs = []
    with suppress(RunError):
        jobs = Jobs(workspace).all()
    stored = []
    for folder in workspace.datasets.glob("[!.]*"):
        if folder.is_file() and not folder.is_symlink():
            continue
        on_dataset = [job for job in jobs if job.dataset == folder.name]
        stored.append(
            StoredDataset(
                folder=folder,
                name=_name(folder),
                bytes=_size(folder),
                runs=tuple(run.manifest.run_id for run in runs if run.manifest.dataset == folder.name),
                open_jobs=tuple(job.id for job in on_dataset if job.open),
                resumable_jobs=tuple(job.id for job in on_dataset if job.state in RESUMABLE),
            )
        )
    return sorted(stored, key=lambda dataset: (-dataset.bytes, dataset.folder.name))


def stored_dataset_named(workspace: Workspace, name: str) -> StoredDataset:
    """Return the dataset whose fingerprint starts with `name`, even if it is damaged.

    Raises:
        RunError: no dataset, or more than one, has such a fingerprint.
    """
    stored = {dataset.folder.name: dataset for dataset in list_stored_datasets(workspace)}
    return stored[complete_id("dataset", name, stored)]


def delete_dataset(workspace: Workspace, dataset: StoredDataset) -> None:
    """Delete a dataset and the checkpoints on it. Its runs are kept. Of a link, only the link is removed.

    Raises:
        RunError: a queued or running job uses it, or it cannot be deleted.
    """
    open_jobs = [job.id for job in Jobs(workspace).all() if job.open and job.dataset == dataset.folder.name]
    if open_jobs:
        raise RunError.dataset_in_use(dataset.id, open_jobs)
    try:
        remove_hidden_first(dataset.folder)
    except OSError as error:
        raise RunError.not_deletable(dataset.folder, error.strerror or str(error)) from error
    for parent in (workspace.unfinished, workspace.searches):
        delete_checkpoints(parent, f"{dataset.id}-")


def _name(folder: Path) -> str:
    try:
        return Dataset(folder).name
    except RunError:
        return ""


def _size(folder: Path) -> int:
    """Return the size of the files in a folder; of a link, that of the link. What is deleted meanwhile counts as 0."""
    paths = [folder] if folder.is_symlink() or not folder.is_dir() else folder.rglob("*")
    size = 0
    for path in paths:
        with suppress(FileNotFoundError):
            size += path.lstat().st_size
    return size
