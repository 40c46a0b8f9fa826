"""Stored datasets and runs that the options of a verb name."""

from __future__ import annotations

from core.base.ids import complete_id
from core.base.number_format import use_format
from core.base.workspace import Workspace
from core.dataset import Dataset, list_datasets, number_format_of
from core.runs import Run, find_run


def dataset_named(workspace: Workspace, name: str) -> Dataset:
    """Return the stored dataset whose fingerprint starts with `name`. The verb then writes in its number format.

    Raises:
        RunError: no dataset, or more than one, has such a fingerprint.
    """
    datasets = {dataset.fingerprint: dataset for dataset in list_datasets(workspace)}
    dataset = datasets[complete_id("dataset", name, datasets)]
    use_format(dataset.note.number_format)
    return dataset


def run_named(workspace: Workspace, name: str) -> Run:
    """Open a run by its id or folder. The verb then writes in the number format of its dataset.

    Raises:
        RunError: there is no such run, or it cannot be opened.
    """
    run = find_run(workspace, name)
    use_format(number_format_of(workspace, run.manifest.dataset))
    return run
