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
        options: with `action`, one of NOTE_ACTIONS, and the new `name` and `text` of the action "note".
    """
    stored = read_note(folder)
    if options.action == "note":
        changes = {field: value for field in ("name", "text") if (value := getattr(options, field)) is not None}
        note = Note.checked(**(stored.model_dump() | changes))
    else:
        note = stored.model_copy(update={"pinned": options.action == "pin"})
    if note != stored:
        write_note(folder, note)
    lines = filter(None, [note.name, note.text, "Pinned." if note.pinned else ""])
    return Outcome({**identity, **note.model_dump(exclude={"number_format"})}, "\n".join(lines) or "No note.")
