"""The workspace: the folder that holds datasets, runs, jobs and uploads."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from core.base.files import sweep_all
from core.errors import SettingError

_PROJECT = Path(__file__).resolve().parents[2]
DEMO_FOLDER = _PROJECT / "data" / "demo"
"""Small synthetic event files that ship with the product."""


class _Subfolder:
    """Attribute with the path of a subfolder of the workspace. The folder is created when the attribute is read."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, workspace: Workspace, owner: type[Workspace]) -> Path:
        folder = workspace.root / self._name
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SettingError.workspace_unusable(workspace.root, error.strerror or str(error)) from error
        return folder


@dataclass(frozen=True)
class Workspace:
    """The workspace folder. Reading the path of a subfolder raises SettingError if it cannot be created."""

    root: Path

    datasets = _Subfolder("datasets")
    runs = _Subfolder("runs")
    uploads = _Subfolder("uploads")
    blends = _Subfolder("blends")
    mappings = _Subfolder("mappings")
    logs = _Subfolder("logs")
    searches = _Subfolder("studies")
    """Optuna studies of runs that are not finished."""
    unfinished = _Subfolder("unfinished")
    """Checkpoints of runs that are not finished."""
    _created_root = _Subfolder(".")

    @classmethod
    def from_environment(cls) -> Workspace:
        """Return the workspace in the environment variable `SVS_HOME`, by default data/workspace in the project."""
        return cls(Path(os.environ.get("SVS_HOME") or _PROJECT / "data" / "workspace").resolve())

    @property
    def jobs_database(self) -> Path:
        return self._created_root / "jobs.sqlite"

    def sweep(self) -> None:
        """Delete what killed processes left under temporary names; it can take gigabytes."""
        for name in ("datasets", "runs", "blends", "uploads", "mappings", "studies", "unfinished"):
            sweep_all(self.root / name)
