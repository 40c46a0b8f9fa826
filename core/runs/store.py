"""The run store: run folders on disk, written whole or not at all, and read back by everybody who shows them."""

from __future__ import annotations

import contextlib
import hashlib
import json
import platform
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import polars as pl
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core.base.files import atomic_file
from core.base.workspace import Workspace
from core.errors import RunError
from core.runs.manifest import VERSION, Manifest

MANIFEST_FILE = "manifest.json"
FEATURES_FILE = "features.json"
FOLDS_FILE = "folds.parquet"
OOF_FILE = "oof.parquet"
PREDICTIONS_FILE = "predictions.parquet"
MODELS_FOLDER = "models"
IMPORTANCE_FILE = "importance/importance.parquet"
COVERAGE_FILE = "coverage.parquet"
SEARCH_FILE = "search.parquet"
LINKS_FILE = "models/links.json"
PRICES_FILE = "importance/prices.parquet"
CERTIFICATE_FILE = "certificate.json"
ANSWERS_FILE = "answers.parquet"
SUBMISSION_FILE = "submission.csv"
CHECKS_FILE = "checks.json"
NOTE_FILE = "note.json"
"""What people call the run and say of it; no part of what was computed."""

_LONGEST_NAME = 80
_LONGEST_TEXT = 4_000
_PACKAGES = ("polars", "numpy", "scikit-learn", "lightgbm", "xgboost-cpu", "catboost", "optuna")


class Note(BaseModel):
    """A person's name for a run and what is to be remembered of it."""

    model_config = ConfigDict(frozen=True)

    name: str = Field(default="", max_length=_LONGEST_NAME)
    text: str = Field(default="", max_length=_LONGEST_TEXT)

    @classmethod
    def checked(cls, name: str, text: str) -> Note:
        """Both as given.

        Raises:
            RunError: one of them is too long.
        """
        try:
            return cls(name=" ".join(name.split()), text=text.strip())
        except ValidationError as error:
            first = error.errors()[0]
            where = f"{first['loc'][0]}: {first['msg']}"
            raise RunError.note_too_long(where, name=_LONGEST_NAME, text=_LONGEST_TEXT) from error


@dataclass(frozen=True)
class Run:
    """A finished run on disk."""

    folder: Path
    manifest: Manifest

    @property
    def note(self) -> Note:
        """What people call the run; empty where nobody said anything, or it cannot be read."""
        try:
            return Note.model_validate_json((self.folder / NOTE_FILE).read_text(encoding="utf-8"))
        except (OSError, ValidationError):
            return Note()

    def keep_note(self, note: Note) -> None:
        """Write name and text down."""
        try:
            with atomic_file(self.folder / NOTE_FILE) as building:
                building.write_text(note.model_dump_json(), encoding="utf-8")
        except OSError as error:
            raise RunError.not_writable(self.folder, error.strerror or str(error)) from error

    @property
    def submission(self) -> Path:
        return self.folder / SUBMISSION_FILE

    def as_written(self, name: str) -> bytes:
        """The bytes of one of the run's files, by its constant in this module.

        Raises:
            RunError: it is missing, or other than it was written.
        """
        try:
            content = (self.folder / name).read_bytes()
        except OSError as error:
            raise RunError.not_whole(self.folder, f"{name} is missing") from error
        if hashlib.sha256(content).hexdigest() != self.manifest.sha256.get(name):
            raise RunError.not_whole(self.folder, f"{name} changed")
        return content

    def table(self, name: str) -> pl.LazyFrame:
        """One of the run's Parquet tables, by its constant in this module."""
        if not (self.folder / name).is_file():
            raise RunError.not_whole(self.folder, f"no {name}")
        return pl.scan_parquet(self.folder / name, glob=False)

    def records(self, name: str) -> list[dict[str, Any]]:
        """One of the run's lists (checks, certificate, features), by its constant in this module."""
        try:
            found: list[dict[str, Any]] = json.loads((self.folder / name).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise RunError.not_whole(self.folder, f"no readable {name}") from error
        return found

    def record(self, name: str) -> dict[str, Any]:
        """One of the run's JSON objects, likewise."""
        try:
            found: dict[str, Any] = json.loads((self.folder / name).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise RunError.not_whole(self.folder, f"no readable {name}") from error
        return found

    def summary(self) -> dict[str, Any]:
        """The JSON summary that `run --json` ends with."""
        manifest = self.manifest
        return {
            "run_id": manifest.run_id,
            "run_dir": str(self.folder),
            "submission": str(self.submission),
            "seconds": round(manifest.seconds, 2),
            "cv_mse": manifest.scores.cv_mse,
            "expected_test_mse": manifest.scores.expected_test_mse.model_dump(),
            "expected_withheld": manifest.scores.expected_withheld,
            "learners": {name: {"cv_mse": mse} for name, mse in manifest.scores.learners.items()},
            "meta": {"weights": manifest.meta.weights, "cv_mse": manifest.scores.cv_mse},
            "metric": manifest.scores.judged.metric,
            "cv_score": manifest.scores.judged.stack,
            "expected_test_score": manifest.scores.judged.expected.model_dump(),
            "warnings": list(manifest.warnings),
            "shift": None if manifest.shift is None else manifest.shift.model_dump(),
            "n_sessions": manifest.sessions.model_dump(),
            "checks": manifest.checks.model_dump(),
            "certificate": manifest.certificate.model_dump(),
        }


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that a prediction depends on."""
    return {"python": platform.python_version()} | {name: version(name) for name in _PACKAGES}


def hash_files(folder: Path) -> dict[str, str]:
    """SHA-256 of every file below the folder, but for the manifest and a note, by path inside it."""
    found: dict[str, str] = {}
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder).as_posix()
        if path.is_file() and inside not in (MANIFEST_FILE, NOTE_FILE):
            with path.open("rb") as file:
                found[inside] = hashlib.file_digest(file, "sha256").hexdigest()
    return found


def model_stem(learner: str, fold: int, seed: int) -> str:
    """The name of a model's file, without its ending; `seed` counts from 0."""
    return f"{learner}-fold{fold}" + (f"-seed{seed}" if seed else "")


def load_run(folder: Path) -> Run:
    """Open a run folder.

    Raises:
        RunError: no such folder, or its manifest is not one that this version can read.
    """
    path = folder / MANIFEST_FILE
    try:
        content = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RunError.not_whole(folder, f"no readable {MANIFEST_FILE}") from error
    try:
        return Run(folder, Manifest.model_validate_json(content))
    except ValidationError as error:
        with contextlib.suppress(ValueError, AttributeError):
            if (version := json.loads(content).get("version")) not in (None, VERSION):
                raise RunError.other_version(folder, version, VERSION) from error
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or MANIFEST_FILE
        raise RunError.not_whole(folder, f"{MANIFEST_FILE}: {where}: {first['msg']}") from error


@dataclass(frozen=True)
class Damage:
    """What is not as the manifest says: files whose bytes changed, that are missing, that were added."""

    changed: tuple[str, ...]
    missing: tuple[str, ...]
    added: tuple[str, ...]

    def words(self) -> list[str]:
        """What changed and what is missing; a file that was added harms nobody."""
        return [*(f"{name} changed" for name in self.changed), *(f"{name} is missing" for name in self.missing)]


def damage(run: Run) -> Damage:
    """Compare the files of a run with the hashes in its manifest."""
    told, found = run.manifest.sha256, hash_files(run.folder)
    return Damage(
        changed=tuple(name for name in told if name in found and found[name] != told[name]),
        missing=tuple(name for name in told if name not in found),
        added=tuple(name for name in found if name not in told),
    )


def delete_run(folder: Path) -> None:
    """Delete a run folder, whether or not it can be opened.

    First it goes out of the way under a hidden name, so that nobody sees half of it.
    """
    folder = folder.resolve()  # "." has no name
    grave = folder.with_name(f".{folder.name}.deleted")
    try:
        folder.rename(grave)
    except OSError as error:
        raise RunError.not_deletable(folder, error.strerror or str(error)) from error
    shutil.rmtree(grave, ignore_errors=True)


def list_runs(workspace: Workspace) -> list[Run]:
    """All readable runs of the workspace, newest first. One damaged folder does not hide the others."""
    runs, _ = _sorted_out(workspace)
    return sorted(runs, key=lambda run: (run.manifest.created, run.manifest.run_id), reverse=True)


def unreadable_runs(workspace: Workspace) -> list[tuple[Path, RunError]]:
    """The run folders that cannot be opened, by name, and why."""
    _, refused = _sorted_out(workspace)
    return sorted(refused, key=lambda each: each[0].name)


def _sorted_out(workspace: Workspace) -> tuple[list[Run], list[tuple[Path, RunError]]]:
    runs, refused = [], []
    for folder in workspace.runs.iterdir():
        if folder.name.startswith(".") or not folder.is_dir():
            continue
        try:
            runs.append(load_run(folder))
        except RunError as error:
            refused.append((folder, error))
    return runs, refused


def run_folder(workspace: Workspace, name: str) -> Path:
    """The folder of a run by its id or its path, whether or not it can be opened.

    Raises:
        RunError: there is none.
    """
    other = None
    for path in (Path(name), workspace.runs / name):
        with contextlib.suppress(OSError, ValueError):  # a name that cannot be a path is no path
            folder = path.resolve()
            ours = folder.parent == workspace.runs.resolve() and not folder.name.startswith(".")
            if folder.is_dir() and (ours or _tells_of_a_run(folder / MANIFEST_FILE)):
                return folder
            if (folder / MANIFEST_FILE).is_file():
                other = folder
    if other is not None:
        raise RunError.no_run(other)
    runs, refused = _sorted_out(workspace)
    known = [run.manifest.run_id for run in runs] + [folder.name for folder, _ in refused]
    raise RunError.unknown("run", name, sorted(known, reverse=True))


def _tells_of_a_run(manifest: Path) -> bool:
    """Whether it is the manifest of a run, of whatever version; other programs have files of that name, too."""
    try:
        told = json.loads(manifest.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(told, dict) and isinstance(told.get("run_id"), str) and isinstance(told.get("sha256"), dict)


def find_run(workspace: Workspace, name: str) -> Run:
    """Open a run by its id, or by the path of its folder.

    Raises:
        RunError: neither is there, or it cannot be opened.
    """
    return load_run(run_folder(workspace, name))


def best_run(runs: Sequence[Run]) -> Run | None:
    """The run with the lowest expected squared error among runs of one dataset; None when there is none."""
    return min(runs, key=lambda run: run.manifest.scores.expected_test_mse.value, default=None)
