"""What all tests share: a workspace of their own, real event files, a browser."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from filelock import FileLock
from playwright.sync_api import Browser, expect, sync_playwright

from core.audit import audit
from core.base.workspace import Workspace
from core.config import RunConfig
from core.demo import write_demo
from core.ingestion import InputFiles, ingest
from core.pipeline.run import run as run_pipeline
from core.runs import Run, list_runs
from tests.browser import Dashboard, dashboard, launch
from tests.quick_pages import quicken

DEMO = Path(__file__).resolve().parent.parent / "data" / "demo"
QUICK = RunConfig(folds=2, learners=("lightgbm",))
"""For tests that need any run: a fifth of the work of the default settings."""
LIVE = RunConfig.checked(purpose="live", learners=("lightgbm",), folds=2)
"""For tests that need a run for open sessions."""

LONGEST_FIRST = ("test_browser", "test_resuming", "test_jobs", "test_explore_looks", "test_engines", "test_features")
"""Files that take a minute or more. They start first, so that no worker is left with one while the others are done."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Order the files for parallel workers, which take them one after the other."""
    rank = {name: place for place, name in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: rank.get(item.path.stem, len(rank)))


@pytest.fixture(scope="session", autouse=True)
def _quick_pages() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        quicken(patch)
        yield


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
def small_files(tmp_path_factory: pytest.TempPathFactory) -> InputFiles:
    """Synthetic files on which a run takes a few seconds."""
    folder = tmp_path_factory.mktemp("small")
    write_demo(folder, sessions=800, seed=1)
    return InputFiles(folder / "train.csv", folder / "test.csv", folder / "sample_submission.csv")


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory, demo_files: InputFiles) -> tuple[Workspace, Run]:
    """A workspace with the demo data, their audit and one finished quick run; read it, do not change it."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent  # the workers share one run
    workspace = Workspace(folder / "finished")
    with FileLock(folder / "finished.lock"):
        if not list_runs(workspace):
            audit(ingest(demo_files, workspace))
            run_pipeline(demo_files, RunConfig(), workspace)
        return workspace, list_runs(workspace)[0]


@pytest.fixture
def finished_home(
    finished: tuple[Workspace, Run], workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> tuple[Workspace, Run]:
    """A copy of the finished workspace that a test may change."""
    source, run = finished
    shutil.copytree(source.root, workspace.root)
    return workspace, Run(workspace.runs / run.folder.name, run.manifest)


@pytest.fixture(scope="session")
def live_home(small_files: InputFiles, tmp_path_factory: pytest.TempPathFactory) -> tuple[Workspace, Run]:
    """A workspace with a finished run for open sessions; read it, do not change it."""
    workspace = Workspace(tmp_path_factory.mktemp("live"))
    return workspace, run_pipeline(small_files, LIVE, workspace)


@pytest.fixture
def demo_workspace(finished: tuple[Workspace, Run], workspace: Workspace) -> Workspace:
    """A workspace of the demo data and their audit, without a run."""
    shutil.copytree(finished[0].datasets, workspace.datasets, dirs_exist_ok=True)
    return workspace


@pytest.fixture(scope="session")
def _shared_dashboard(finished: tuple[Workspace, Run], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    source, run = finished
    workspace = Workspace(tmp_path_factory.mktemp("served") / "home")
    shutil.copytree(source.root, workspace.root)
    with dashboard(workspace, first_run=False) as address:
        yield Dashboard(address, workspace, Run(workspace.runs / run.folder.name, run.manifest))


@pytest.fixture
def finished_dashboard(
    finished: tuple[Workspace, Run], _shared_dashboard: Dashboard, monkeypatch: pytest.MonkeyPatch
) -> Dashboard:
    """A running dashboard with the finished workspace, which a test may change: each test finds it as it was."""
    _mirror(finished[0].root, _shared_dashboard.workspace.root)
    monkeypatch.setenv("SVS_HOME", str(_shared_dashboard.workspace.root))
    return _shared_dashboard


def _mirror(source: Path, target: Path) -> None:
    """Make a folder equal to another one, without touching the files that are equal already."""
    wanted = {path.relative_to(source): path for path in sorted(source.rglob("*"))}
    for path in sorted(target.rglob("*"), reverse=True):  # the content of a folder before the folder
        if path.relative_to(target) not in wanted:
            path.rmdir() if path.is_dir() else path.unlink()
    for name, path in wanted.items():
        copy = target / name
        if path.is_dir():
            copy.mkdir(exist_ok=True)
        elif not copy.exists() or _version(copy) != _version(path):
            shutil.copy2(path, copy)


def _version(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A real Chromium."""
    expect.set_options(timeout=30_000)  # a busy machine draws late; what must be soon says so where it is asked
    with sync_playwright() as playwright:
        started = launch(playwright)
        yield started
        started.close()
