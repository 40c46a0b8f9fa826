"""A finished run on disk: the names of its files, reading them, and finding damage."""

from __future__ import annotations

import contextlib
import hashlib
import json
import platform
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import polars as pl
from pydantic import ValidationError

from core.base.note import NOTE_FILE, Note, read_note, write_note
from core.base.stored_files import (
    UnusableFileError,
    hash_folder,
    hash_stored,
    parse_json,
    read_sealed_json,
    read_stored_bytes,
    stored_names,
)
from core.dataset import Dataset
from core.errors import RunError
from core.runs.manifest import READABLE_VERSIONS, VERSION, Manifest

MANIFEST_FILE = "manifest.json"
FEATURES_FILE = "features.json"
FOLDS_FILE = "folds.parquet"
OOF_FILE = "oof.parquet"
PREDICTIONS_FILE = "predictions.parquet"
MODEL_FOLDER = "model"
"""The fitted model; see core.model.folder. Runs of version 1 have none."""
IMPORTANCE_FOLDER = "importance"
"""Tables of core.importance.Explanation, and the recovered prices."""
IMPORTANCE_FILE = f"{IMPORTANCE_FOLDER}/importance.parquet"
COVERAGE_FILE = "coverage.parquet"
SEARCH_FILE = "search.parquet"
PRICES_FILE = f"{IMPORTANCE_FOLDER}/prices.parquet"
ON_REQUEST_FOLDER = "on_request"
"""Tables that were computed after the run was written; see core.runs.on_request. They are not in the manifest."""
PREFIXES_FILE = "live/prefixes.parquet"
EARLINESS_FILE = "live/earliness.parquet"
"""Only in runs with the purpose live; see core.training.live."""
CERTIFICATE_FILE = "certificate.json"
ANSWERS_FILE = "answers.parquet"
SUBMISSION_FILE = "submission.csv"
CHECKS_FILE = "checks.json"

_PACKAGES = ("polars", "numpy", "scikit-learn", "lightgbm", "xgboost-cpu", "catboost", "optuna")
"""Packages that predictions depend on."""
MAX_MANIFEST_BYTES = 1 << 22
"""4 MB. A manifest has about 20 kB, and 100 bytes for every model."""
_MAX_FILE_BYTES = 1 << 31
"""2 GB, for files that are read as a whole. A submission of ten million sessions has 300 MB."""


@dataclass(frozen=True)
class Run:
    """A finished run on disk.

    The constants of this module name its files. A method that reads a file raises RunError if it is missing or damaged.
    """

    folder: Path
    manifest: Manifest

    def is_on(self, dataset: Dataset) -> bool:
        """Return whether the run was trained on the dataset."""
        return self.manifest.dataset == dataset.fingerprint

    @property
    def note(self) -> Note:
        """Note of the run, with a name and a text; empty if there is none."""
        return read_note(self.folder)

    def save_note(self, note: Note) -> None:
        """Replace the note.

        Raises:
            RunError: the folder is not writable.
        """
        write_note(self.folder, note)

    @property
    def submission(self) -> Path:
        return self.folder / SUBMISSION_FILE

    def verified_bytes(self, name: str) -> bytes:
        """Read a file and check that its hash is that in the manifest."""
        try:
            content = read_stored_bytes(self.folder / name, _MAX_FILE_BYTES)
        except UnusableFileError as error:
            raise RunError.damaged(self.folder, f"{name} {error}") from error
        if hashlib.sha256(content).hexdigest() != self.manifest.sha256.get(name):
            raise RunError.damaged(self.folder, f"{name} changed")
        return content

    def table(self, name: str) -> pl.LazyFrame:
        """Scan a Parquet file, after checking that its hash is that in the manifest."""
        try:
            if hash_stored(self.folder / name) != self.manifest.sha256.get(name):
                raise RunError.damaged(self.folder, f"{name} changed")
        except UnusableFileError as error:
            raise RunError.damaged(self.folder, f"{name} {error}") from error
        return pl.scan_parquet(self.folder / name, glob=False)

    def records(self, name: str) -> list[dict[str, Any]]:
        """Read a JSON list of objects, such as the checks, the certificate or the features, and check its hash."""
        try:
            records: list[dict[str, Any]] = parse_json(self.verified_bytes(name))
        except UnusableFileError as error:
            raise RunError.damaged(self.folder, f"{name} {error}") from error
        return records

    def summary(self) -> dict[str, Any]:
        """Return the JSON object that `python -m core run --json` prints."""
        manifest, scores = self.manifest, self.manifest.scores
        return {
            "run_id": manifest.run_id,
            "run_dir": str(self.folder),
            "submission": str(self.submission),
            "seconds": round(manifest.seconds, 2),
            "cv_mse": scores.cv_mse,
            "expected_test_mse": scores.expected_test_mse.model_dump(),
            "expected_withheld": scores.expected_withheld,
            "learners": {name: {"cv_mse": mse} for name, mse in scores.learners.items()},
            "meta": {"weights": manifest.meta.weights, "cv_mse": scores.cv_mse},
            "metric": scores.metric_scores.metric,
            "cv_score": scores.metric_scores.stack,
            "expected_test_score": scores.metric_scores.expected.model_dump(),
            "warnings": list(manifest.warnings),
            "shift": None if manifest.shift is None else manifest.shift.model_dump(),
            "n_sessions": manifest.sessions.model_dump(),
            "checks": manifest.checks.model_dump(),
            "certificate": manifest.certificate.model_dump(),
        }


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that predictions depend on."""
    return {"python": platform.python_version()} | {name: version(name) for name in _PACKAGES}


def hash_files(folder: Path) -> dict[str, str]:
    """Return path inside the folder -> SHA-256, for every file except the manifest and a note."""
    return hash_folder(folder, excluded=(MANIFEST_FILE, NOTE_FILE))


def load_run(folder: Path) -> Run:
    """Open a run folder.

    Raises:
        RunError: there is no such folder, or this version cannot read its manifest.
    """
    try:
        content = read_sealed_json(folder / MANIFEST_FILE, MAX_MANIFEST_BYTES)
    except UnusableFileError as error:
        raise RunError.damaged(folder, f"{MANIFEST_FILE} {error}") from error
    try:
        return Run(folder, Manifest.model_validate_json(content))
    except ValidationError as error:
        with contextlib.suppress(ValueError, AttributeError):
            if (stored_version := json.loads(content).get("version")) not in (None, *READABLE_VERSIONS):
                raise RunError.other_version(folder, stored_version, VERSION) from error
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or MANIFEST_FILE
        raise RunError.damaged(folder, f"{MANIFEST_FILE}: {where}: {first['msg']}") from error


@dataclass(frozen=True)
class Damage:
    """The names of the files of a run that differ from its manifest.

    A file that was replaced by something else, such as a link or a folder, has changed.
    """

    changed: tuple[str, ...]
    missing: tuple[str, ...]
    added: tuple[str, ...]

    def descriptions(self) -> list[str]:
        """Return a clause for each changed or missing file. Added files do no harm, so they are left out."""
        return [*(f"{name} changed" for name in self.changed), *(f"{name} is missing" for name in self.missing)]


def find_damage(run: Run) -> Damage:
    """Compare the files of a run with the hashes in its manifest."""
    changed: list[str] = []
    missing: list[str] = []
    for name, expected in run.manifest.sha256.items():
        try:
            if hash_stored(run.folder / name) != expected:
                changed.append(name)
        except UnusableFileError as error:
            (missing if error.is_missing else changed).append(name)
    others = stored_names(run.folder, (MANIFEST_FILE, NOTE_FILE))
    added = [
        name for name in others if name not in run.manifest.sha256 and not name.startswith(f"{ON_REQUEST_FOLDER}/")
    ]
    return Damage(tuple(changed), tuple(missing), tuple(added))
