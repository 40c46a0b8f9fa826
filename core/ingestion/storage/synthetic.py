"""Recognises simulated event files, even if they were copied or uploaded without the demo.json next to them."""

from __future__ import annotations

from pathlib import Path

from core.base.workspace import DEMO_FOLDER, Workspace
from core.ingestion.sources.content_hash import content_hash

MARK = "demo.json"
"""The simulator writes this file next to the event files."""


def remember(workspace: Workspace, train: Path) -> None:
    """Record a train file as simulated, so that copies of it are recognised in this workspace."""
    with _record(workspace).open("a", encoding="utf-8") as file:
        file.write(content_hash(train) + "\n")


def is_synthetic(workspace: Workspace, train: Path, train_hash: str) -> bool:
    """Return whether a train file is simulated.

    It is if demo.json is next to it, if `remember` recorded its content, or if it is the demo of the product.
    """
    if (train.resolve().parent / MARK).is_file():
        return True
    record = _record(workspace)
    recorded = record.read_text(encoding="utf-8").split() if record.is_file() else []
    shipped = DEMO_FOLDER / "train.csv"
    return train_hash in recorded or (shipped.is_file() and train_hash == content_hash(shipped))


def _record(workspace: Workspace) -> Path:
    return workspace.uploads.parent / "synthetic.txt"
