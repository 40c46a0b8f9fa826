"""The log of submissions: which files were checked, downloaded or submitted, with their expected and returned scores.

The file has one JSON object per line. Lines are only added, so two programs may write at once; a later line about an
entry replaces its fields.
"""

from __future__ import annotations

import json
import math
import secrets
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core.base.ids import complete_id
from core.base.stored_files import UnusableFileError, open_for_append, read_stored_text
from core.base.text import printable
from core.base.workspace import Workspace
from core.errors import InputError, RunError

Action = Literal["checked", "downloaded", "submitted", "blended"]

_FILE: Final = "submissions.jsonl"
_MAX_BYTES: Final = 1 << 26
_MAX_TEXT: Final = 1_000


class Entry(BaseModel):
    """One entry of the log: a file that was checked, downloaded or submitted.

    Attributes:
        entry: id of the entry.
        time: ISO 8601, UTC.
        file, sha256: name of the file, and hash of its bytes.
        dataset, run: fingerprint of the dataset and id of the run that it was checked against; empty without one.
        made_by: id of the run or blend that wrote the file; empty for a file from elsewhere.
        metric: label of the metric of the scores.
        foreseen, low, high: expected score of the file and its 90% interval; None if the score cannot be estimated.
        returned: the score that the host returned; None until it is known.
        overridden: codes of the blocking checks that failed. A person overrode them, unless the file was only checked.
        note: note of a person, or message of the host.
    """

    model_config = ConfigDict(frozen=True)

    entry: str
    time: str
    action: Action
    file: str = Field(max_length=_MAX_TEXT)
    sha256: str
    dataset: str = ""
    run: str = ""
    made_by: str = ""
    metric: str = ""
    foreseen: float | None = None
    low: float | None = None
    high: float | None = None
    returned: float | None = None
    overridden: tuple[str, ...] = ()
    note: str = Field(default="", max_length=_MAX_TEXT)


def record(workspace: Workspace, action: Action, **fields: Any) -> Entry:  # noqa: ANN401 (the fields of Entry)
    """Add an entry with the current time, and return it.

    Raises:
        RunError: the log cannot be written.
    """
    now = datetime.now(UTC).isoformat(timespec="seconds")
    fields["returned"] = checked_score(fields.get("returned"))
    short = {name: printable(str(fields.get(name, "")))[:_MAX_TEXT] for name in ("file", "note")}
    entry = Entry(entry=secrets.token_hex(4), time=now, action=action, **(fields | short))
    _append(workspace, entry.model_dump(exclude_defaults=True))
    return entry


def require_writable(workspace: Workspace) -> None:
    """Check that entries can be added.

    Raises:
        RunError: the log cannot be written.
    """
    _append_line(workspace, b"")


def set_returned(workspace: Workspace, name: str, returned: float, note: str = "") -> Entry:
    """Set the score that the host returned for an entry, and return the entry.

    Args:
        name: id of the entry, or its first characters.

    Raises:
        RunError: there is no such entry, or more than one; or the log cannot be written.
    """
    by_id = {entry.entry: entry for entry in entries(workspace)}
    full = complete_id("submission", name, by_id)
    changes = {"returned": checked_score(returned)} | ({"note": printable(note)[:_MAX_TEXT]} if note else {})
    _append(workspace, {"entry": full} | changes)
    return by_id[full].model_copy(update=changes)


def checked_score(score: float | None) -> float | None:
    """Return a score that a host returned.

    Raises:
        InputError: it is below 0 or not a finite number.
    """
    if score is not None and not (math.isfinite(score) and score >= 0):
        raise InputError(
            f"The returned score {score:g} cannot be used.",
            "A score is a number of 0 or more. Enter the one that the host shows.",
            code="returned_score",
        )
    return score


def entries(workspace: Workspace) -> list[Entry]:
    """Return all entries, newest first. Lines that cannot be read are left out.

    Raises:
        RunError: the log is not a readable file.
    """
    path = _path(workspace)
    try:
        text = read_stored_text(path, _MAX_BYTES)
    except UnusableFileError as error:
        if error.is_missing:
            return []
        raise RunError.damaged_log(path, str(error)) from error
    by_id: dict[str, dict[str, Any]] = {}
    for line in text.split("\n"):
        try:
            fields = json.loads(line)
            by_id.setdefault(fields["entry"], {}).update(fields)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            continue
    newest_first = _valid(by_id.values())[::-1]
    return sorted(newest_first, key=lambda entry: entry.time, reverse=True)


def _valid(entries: Iterable[dict[str, Any]]) -> list[Entry]:
    valid = []
    for fields in entries:
        try:
            valid.append(Entry(**fields))
        except ValidationError:
            continue
    return valid


def _append(workspace: Workspace, fields: dict[str, Any]) -> None:
    # the line before may be torn, and other line ends than the line feed are escaped
    _append_line(workspace, b"\n" + json.dumps(fields).encode() + b"\n")


def _append_line(workspace: Workspace, line: bytes) -> None:
    path = _path(workspace)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open_for_append(path) as log:
            log.write(line)
    except OSError as error:
        raise RunError.not_writable(path, error.strerror or str(error)) from error


def _path(workspace: Workspace) -> Path:
    return workspace.root / _FILE
