"""Recognize simulated event files, even if they were copied or uploaded without their demo.json."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from core.base.stored_files import open_for_append, read_stored_end
from core.base.workspace import DEMO_FOLDER, Workspace
from core.ingestion.sources.content_hash import content_hash
from core.ingestion.sources.query import Query
from core.ingestion.sources.source import Source

_MARK = "demo.json"  # the simulator writes this file next to the event files


def remember(workspace: Workspace, train: Path) -> None:
    """Record a train file as simulated, so that copies of it are recognized in this workspace."""
    with open_for_append(_record(workspace)) as file:
        file.write(f"{content_hash(train)}\n".encode())


def is_synthetic(workspace: Workspace, train: Source, hashes: Mapping[str, str]) -> bool:
    """Return whether a train file is simulated; a query result never is.

    A file is simulated if demo.json is next to it, if `remember` recorded its content, or if it is the included demo.
    `hashes` contains the hash of its content under "train".
    """
    if isinstance(train, Query):
        return False
    if (train.resolve().parent / _MARK).is_file():
        return True
    recorded = read_stored_end(_record(workspace)).split()
    included = DEMO_FOLDER / "train.csv"
    return hashes["train"] in recorded or (included.is_file() and hashes["train"] == content_hash(included))


def _record(workspace: Workspace) -> Path:
    return workspace.uploads.parent / "synthetic.txt"
