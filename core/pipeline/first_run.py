"""The demo data, and the quick run on it that a new workspace starts with, so that every page has something to show."""

from __future__ import annotations

import os

from core.base.workspace import DEMO_FOLDER, Workspace
from core.config import RunConfig
from core.dataset import Dataset
from core.ingestion import InputFiles, ingest
from core.jobs import Job, Jobs, start_run
from core.runs import list_runs

FIRST_RUN_SWITCH = "SVS_FIRST_RUN"
"""Environment variable; the value 0 turns the first run off."""


def demo_files() -> InputFiles:
    """Return the synthetic event files that ship with the product."""
    return InputFiles(DEMO_FOLDER / "train.csv", DEMO_FOLDER / "test.csv", DEMO_FOLDER / "sample_submission.csv")


def demo_dataset(workspace: Workspace) -> Dataset:
    """Return the demo data as a dataset of the workspace. It is read only once."""
    return ingest(demo_files(), workspace)


def start_first_run(workspace: Workspace) -> Job | None:
    """Read the demo data, and start a quick run on it if the workspace has neither runs nor jobs.

    Returns:
        The new job; None if no run was started.
    """
    dataset = demo_dataset(workspace)
    if os.environ.get(FIRST_RUN_SWITCH) == "0" or list_runs(workspace) or Jobs(workspace).all():
        return None
    job, is_new = start_run(workspace, dataset, RunConfig())
    return job if is_new else None
