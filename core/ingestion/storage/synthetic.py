"""Knows simulated files again, also where they were copied or uploaded without the note that lies beside them."""

from __future__ import annotations

from pathlib import Path

from core.base.workspace import DEMO_FOLDER, Workspace
from core.ingestion.sources.content_hash import content_hash

MARK = "demo.json"
"""Our simulator writes this file beside the ones it makes."""


def remember(workspace: Workspace, train: Path) -> None:
    """Note the train file that was just simulated, so that a copy of it is known again in this workspace."""
    with _notes(workspace).open("a", encoding="utf-8") as notes:
        notes.write(content_hash(train) + "\n")


def is_synthetic(workspace: Workspace, train: Path, train_hash: str) -> bool:
    """Whether the train file is simulated: by the note beside it, as one we remember, or as the one that ships."""
    if (train.resolve().parent / MARK).is_file():
        return True
    notes = _notes(workspace)
    remembered = notes.read_text(encoding="utf-8").split() if notes.is_file() else []
    shipped = DEMO_FOLDER / "train.csv"
    return train_hash in remembered or (shipped.is_file() and train_hash == content_hash(shipped))


def _notes(workspace: Workspace) -> Path:
    return workspace.uploads.parent / "synthetic.txt"
