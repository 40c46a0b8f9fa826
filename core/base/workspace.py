"""The workspace: the folder that holds datasets, runs, jobs and uploads."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from core.base.files import sweep
from core.errors import SettingError

_PROJECT = Path(__file__).resolve().parents[2]
DEMO_FOLDER = _PROJECT / "data" / "demo"
"""Small synthetic event files that ship with the product."""


@dataclass(frozen=True)
class Workspace:
    """The workspace folder. Its subfolders are created on first use.

    Every property of a folder raises SettingError if the folder cannot be created.
    """

    root: Path

    @classmethod
    def from_environment(cls) -> Workspace:
        """Return the workspace in the environment variable `SVS_HOME`, by default data/workspace in the project."""
        return cls(Path(os.environ.get("SVS_HOME") or _PROJECT / "data" / "workspace").resolve())

    def _folder(self, name: str) -> Path:
        folder = self.root / name
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SettingError.no_workspace(self.root, error.strerror or str(error)) from error
        return folder

    @property
    def datasets(self) -> Path:
        return self._folder("datasets")

    @property
    def runs(self) -> Path:
        return self._folder("runs")

    @property
    def uploads(self) -> Path:
        return self._folder("uploads")

    @property
    def mappings(self) -> Path:
        return self._folder("mappings")

    @property
    def logs(self) -> Path:
        return self._folder("logs")

    @property
    def searches(self) -> Path:
        """Studies of runs that are not finished."""
        return self._folder("studies")

    @property
    def unfinished(self) -> Path:
        """Checkpoints of runs that are not finished."""
        return self._folder("unfinished")

    @property
    def jobs_database(self) -> Path:
        return self._folder(".") / "jobs.sqlite"

    def sweep(self) -> None:
        """Delete unfinished folders of processes that have ended; they can hold gigabytes."""
        for name in ("datasets", "runs", "uploads"):
            sweep(self.root / name)
