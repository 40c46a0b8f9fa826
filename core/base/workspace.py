"""The one folder that holds what the product keeps, and how a thing gets into it: whole or not at all."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from core.base.files import sweep
from core.errors import SettingError

_PROJECT = Path(__file__).resolve().parents[2]
DEMO_FOLDER = _PROJECT / "data" / "demo"
"""The small synthetic files that ship with the product."""


@dataclass(frozen=True)
class Workspace:
    """Where datasets, runs, jobs and uploads live. Folders are made when first needed."""

    root: Path

    @classmethod
    def from_environment(cls) -> Workspace:
        """`SVS_HOME`, or data/workspace in the project."""
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
        """Searches of settings whose run is not written yet."""
        return self._folder("studies")

    @property
    def unfinished(self) -> Path:
        """What runs have done that are not written yet."""
        return self._folder("unfinished")

    @property
    def jobs_database(self) -> Path:
        return self._folder(".") / "jobs.sqlite"

    def sweep(self) -> None:
        """Delete what killed processes left half made, some of it gigabytes; never what a living one works in."""
        for name in ("datasets", "runs", "uploads"):
            sweep(self.root / name)
