"""What all tests share: a workspace of their own, real event files, and the rule for absent parts."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from core.config import RunConfig
from core.ingestion import InputFiles
from core.pipeline import run as run_pipeline
from core.runs import Run
from core.workspace import Workspace

DEMO = Path(__file__).resolve().parent.parent / "data" / "demo"


@pytest.fixture(autouse=True)
def _own_workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test may touch the workspace of the person who runs it, nor start a run by opening a page."""
    monkeypatch.setenv("SVS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("SVS_FIRST_RUN", "0")


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """The workspace that the code under test finds through its environment."""
    return Workspace(tmp_path / "home")


@pytest.fixture(scope="session")
def demo_files() -> InputFiles:
    """The small synthetic files that ship with the product."""
    return InputFiles(DEMO / "train.csv", DEMO / "test.csv", DEMO / "sample_submission.csv")


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory, demo_files: InputFiles) -> tuple[Workspace, Run]:
    """A workspace with the demo data and one finished quick run on it; read it, do not change it."""
    workspace = Workspace(tmp_path_factory.mktemp("finished"))
    return workspace, run_pipeline(demo_files, RunConfig(), workspace)


@pytest.fixture
def finished_home(
    finished: tuple[Workspace, Run], workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> tuple[Workspace, Run]:
    """A copy of the finished workspace that a test may change."""
    source, run = finished
    shutil.copytree(source.root, workspace.root)
    return workspace, Run(workspace.runs / run.folder.name, run.manifest)


def absent_part(what: str, how: str) -> None:
    """Skip with one line saying how to get the part; in CI an absent part is a failure."""
    if os.environ.get("CI"):
        pytest.fail(f"{what} is not on this machine: {how}")
    pytest.skip(f"{what} is not on this machine: {how}")
