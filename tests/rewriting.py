"""Rewrite what the program stored so that it counts as whole: other content with new hashes and a new seal."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from core.base.stored_files import read_sealed_json, sealed_json
from core.dataset import HASHES_FILE, Dataset
from core.runs import Run, load_run
from core.runs.store import MANIFEST_FILE, hash_files


def read_sealed(path: Path) -> dict[str, Any]:
    """The content of a sealed JSON file."""
    content: dict[str, Any] = json.loads(read_sealed_json(path))
    return content


def write_sealed(path: Path, content: dict[str, Any]) -> None:
    path.write_text(sealed_json(json.dumps(content)), encoding="utf-8")


def rehashed(run: Run) -> Run:
    """The run with the hashes of the files that it has now."""
    path = run.folder / MANIFEST_FILE
    write_sealed(path, read_sealed(path) | {"sha256": hash_files(run.folder)})
    return load_run(run.folder)


def without_hashes(dataset: Dataset) -> Dataset:
    """The dataset as one of an earlier version, whose tables are not checked."""
    (dataset.folder / HASHES_FILE).unlink(missing_ok=True)
    return dataset
