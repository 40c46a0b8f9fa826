"""The demo data and the first run: a quick run on them, so that every page of a new workspace has something to show."""

from __future__ import annotations

import os

from core.base.workspace import DEMO_FOLDER, Workspace
from core.config import RunConfig
from core.dataset import Dataset
from core.ingestion import InputFiles, ingest
from core.jobs import Job, Jobs, start_run
from core.runs import list_runs

FIRST_RUN_SWITCH = "SVS_FIRST_RUN"
"""Name of an environment variable; the value 0 turns the first run off."""


def demo_files() -> InputFiles:
    """Return the simulated event files that the product includes."""
    return InputFiles(DEMO_FOLDER / "train.csv", DEMO_FOLDER / "test.csv", DEMO_FOLDER / "sample_submission.csv")


def demo_dataset(workspace: Workspace) -> Dataset:
    """Return the demo data as a dataset of the workspace. The files are read only once."""
    return ingest(demo_files(), workspace)


def start_first_run(workspace: Workspace) -> Job | None:
    """Read the demo data. If the workspace has neither runs nor jobs, start a quick run on it and return the job."""
    dataset = demo_dataset(workspace)
    if os.environ.get(FIRST_RUN_SWITCH) == "0" or list_runs(workspace) or Jobs(workspace).all():
        return None
    job, is_new = start_run(workspace, dataset, RunConfig())
    return job if is_new else None
