"""The actions on the note of a stored run or dataset: show it, change it, pin it."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from core.base.note import Note, read_note, write_note
from core.cli.output import Outcome

NOTE_ACTIONS = ("note", "pin", "unpin")


def change_note(folder: Path, identity: dict[str, Any], options: argparse.Namespace) -> Outcome:
    """Apply the action to the note in a folder, and return the note.

    Args:
        identity: what the JSON output has before the note.
    """
    before = read_note(folder)
    if options.action == "note":
        changes = {field: value for field in ("name", "text") if (value := getattr(options, field)) is not None}
        after = Note.checked(**(before.model_dump() | changes))
    else:
        after = before.model_copy(update={"pinned": options.action == "pin"})
    if after != before:
        write_note(folder, after)
    lines = [after.name, after.text, "Pinned." if after.pinned else ""]
    return Outcome(
        {**identity, **after.model_dump(exclude={"number_format"})}, "\n".join(filter(None, lines)) or "No note."
    )
