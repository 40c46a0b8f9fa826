"""Recognize simulated files by their hash, even if they were copied without the marker file next to them."""

from __future__ import annotations

from pathlib import Path

from core.base.workspace import DEMO_FOLDER, Workspace
from core.ingestion.sources.content_hash import content_hash

MARK = "demo.json"
"""Marker file that the simulator writes next to its files."""


def remember(workspace: Workspace, train: Path) -> None:
    """Store the hash of a simulated train file, so that copies of it are recognized in this workspace."""
    with _notes(workspace).open("a", encoding="utf-8") as notes:
        notes.write(content_hash(train) + "\n")


def is_synthetic(workspace: Workspace, train: Path, train_hash: str) -> bool:
    """Return whether the train file is simulated: by the marker file, a stored hash, or the shipped demo data."""
    if (train.resolve().parent / MARK).is_file():
        return True
    notes = _notes(workspace)
    remembered = notes.read_text(encoding="utf-8").split() if notes.is_file() else []
    shipped = DEMO_FOLDER / "train.csv"
    return train_hash in remembered or (shipped.is_file() and train_hash == content_hash(shipped))


def _notes(workspace: Workspace) -> Path:
    return workspace.uploads.parent / "synthetic.txt"
