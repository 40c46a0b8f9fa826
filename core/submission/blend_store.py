"""Stored blends: the file, its members with their weights, and its checks, in a folder of the workspace."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError

from core.base.files import atomic_folder
from core.base.stored_files import UnusableFileError, hash_stored, read_sealed_json, sealed_json
from core.base.workspace import Workspace
from core.errors import RunError
from core.schema import SESSION_VALUE, USER_SESSION
from core.submission.checked_submission import CheckedSubmission
from core.submission.checks import run_checks
from core.submission.file import write_submission
from core.submission.target import SubmissionTarget

BLEND_FILE: Final = "blend.json"
FILE: Final = "submission.csv"
CHECKS_FILE: Final = "checks.json"


BlendMethod = Literal["equal", "chosen", "out_of_fold", "returned_scores"]
"""How weights are found."""


class Member(BaseModel, frozen=True):
    """A file of a blend.

    Attributes:
        made_by: id of the run or blend that wrote it; empty for a file from elsewhere.
    """

    name: str
    sha256: str
    weight: float
    made_by: str = ""


class Blend(BaseModel):
    """A blend: the sum of its members, each times its weight.

    Attributes:
        created: ISO 8601, UTC.
        dataset, run: fingerprint of the dataset and id of the run that it was checked against; empty without one.
        method: how the weights were found.
        sha256: hash of its file.
        folder: where it is stored.
    """

    model_config = ConfigDict(frozen=True)

    blend: str
    created: str
    dataset: str = ""
    run: str = ""
    method: BlendMethod
    members: tuple[Member, ...]
    sha256: str
    folder: Path = Path()

    @property
    def submission(self) -> Path:
        return self.folder / FILE

    def require_whole(self) -> None:
        """Check the hash of the file.

        Raises:
            RunError: it has changed or is missing.
        """
        try:
            is_whole = hash_stored(self.submission) == self.sha256
        except UnusableFileError:
            is_whole = False
        if not is_whole:
            raise RunError.damaged(self.folder, f"{FILE} changed")


def store_blend(
    workspace: Workspace,
    target: SubmissionTarget,
    values: NDArray[np.float64],
    members: Sequence[Member],
    *,
    method: BlendMethod,
    dataset: str = "",
    run: str = "",
) -> Blend:
    """Write a blend with its checks, and return it.

    Args:
        values: (sessions to predict,) the blended values; values below 0 become 0.
    """
    now = datetime.now(UTC)
    name = f"blend-{now:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
    folder = workspace.blends / name
    predictions = pl.DataFrame({USER_SESSION: target.sessions, SESSION_VALUE: np.maximum(values, 0.0)})
    with atomic_folder(folder) as temporary:
        write_submission(predictions, target.order, temporary / FILE, target.columns)
        checks = [asdict(check) for check in run_checks(CheckedSubmission.open(temporary / FILE, target))]
        (temporary / CHECKS_FILE).write_text(json.dumps(checks, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        blend = Blend(
            blend=name,
            created=now.isoformat(timespec="seconds"),
            dataset=dataset,
            run=run,
            method=method,
            members=tuple(members),
            sha256=hashlib.sha256((temporary / FILE).read_bytes()).hexdigest(),
        )
        content = sealed_json(blend.model_dump_json(exclude={"folder"}))
        (temporary / BLEND_FILE).write_text(content, encoding="utf-8")
    return blend.model_copy(update={"folder": folder})


def list_blends(workspace: Workspace) -> list[Blend]:
    """Return all readable blends, newest first."""
    blends = []
    for folder in workspace.blends.glob("blend-*"):
        try:
            blend = Blend.model_validate_json(read_sealed_json(folder / BLEND_FILE))
        except (UnusableFileError, ValidationError):
            continue
        blends.append(blend.model_copy(update={"folder": folder}))
    return sorted(blends, key=lambda blend: blend.blend, reverse=True)
