"""Rewrite what the program stored so that it counts as whole: other content with new hashes and a new seal."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from core.base.stored_files import hash_stored, read_sealed_json, sealed_json
from core.dataset import HASHES_FILE, Dataset
from core.model import MODEL_FILE
from core.runs import Run, load_run
from core.runs.store import MANIFEST_FILE, MODEL_FOLDER, hash_files


def read_sealed(path: Path) -> dict[str, Any]:
    """The content of a sealed JSON file."""
    content: dict[str, Any] = json.loads(read_sealed_json(path))
    return content


def write_sealed(path: Path, content: dict[str, Any]) -> None:
    path.write_text(sealed_json(json.dumps(content)), encoding="utf-8")


def rehashed(run: Run) -> Run:
    """The run with the hashes of the files that it has now, in its model as well."""
    model_path = run.folder / MODEL_FOLDER / MODEL_FILE
    if model_path.is_file():
        model = read_sealed(model_path)
        hashes = {name: hash_stored(model_path.parent / name) for name in model["sha256"]}
        write_sealed(model_path, model | {"sha256": hashes})
    path = run.folder / MANIFEST_FILE
    write_sealed(path, read_sealed(path) | {"sha256": hash_files(run.folder)})
    return load_run(run.folder)


def without_hashes(dataset: Dataset) -> Dataset:
    """The dataset as one of an earlier version, whose tables are not checked."""
    (dataset.folder / HASHES_FILE).unlink(missing_ok=True)
    return dataset
