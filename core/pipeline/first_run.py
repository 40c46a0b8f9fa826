"""What a new workspace begins with: the demo data, and a quick run on it, so that every page has something to show."""

from __future__ import annotations

import os

from core.base.workspace import DEMO_FOLDER, Workspace
from core.config import RunConfig
from core.dataset import Dataset
from core.ingestion import InputFiles, ingest
from core.jobs import Job, Jobs, start_run
from core.runs import list_runs

FIRST_RUN_SWITCH = "SVS_FIRST_RUN"
"""Set to 0 in the environment, no run starts by itself."""


def demo_files() -> InputFiles:
    """The synthetic files that ship with the product."""
    return InputFiles(DEMO_FOLDER / "train.csv", DEMO_FOLDER / "test.csv", DEMO_FOLDER / "sample_submission.csv")


def demo_dataset(workspace: Workspace) -> Dataset:
    """The demo data, read (at once when it was read before)."""
    return ingest(demo_files(), workspace)


def begin(workspace: Workspace) -> Job | None:
    """Read the demo data; where there is neither run nor job yet, start a quick run on it.

    Returns the job that was started, None when there was no need.
    """
    dataset = demo_dataset(workspace)
    if os.environ.get(FIRST_RUN_SWITCH) == "0" or list_runs(workspace) or Jobs(workspace).all():
        return None
    job, fresh = start_run(workspace, dataset, RunConfig())
    return job if fresh else None
