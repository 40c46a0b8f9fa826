"""Notes on stored runs and datasets: a name, a text, and whether the run or dataset is pinned to the top of lists.

The note of a dataset also has its number format.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core.base.files import write_text_atomically
from core.base.number_format import MARKS, MAX_DECIMALS, SYMBOL_LENGTH, NumberFormat
from core.base.stored_files import read_stored_text
from core.base.text import listed
from core.errors import RunError, SettingError

NOTE_FILE: Final = "note.json"
"""It may change, so its hash is neither in the manifest of a run nor among the hashes of a dataset."""
NAME_LENGTH: Final = 80
TEXT_LENGTH: Final = 4_000
"""Maximum numbers of characters."""
_ALLOWED: Final = {
    "symbol": f"a currency of up to {SYMBOL_LENGTH} letters and signs, such as € or EUR, or nothing",
    "symbol_after": "true or false",
    "decimals": f"a whole number from 0 to {MAX_DECIMALS}, or auto",
    "marks": f"one of {listed(MARKS, conjunction='or')}",
}
"""Field of a number format -> what is allowed."""


class Note(BaseModel):
    """Name and text of a note, and whether the run or dataset is listed before the others.

    Attributes:
        number_format: currency and marks in the numbers of a dataset and its runs; unused in the note of a run.
    """

    model_config = ConfigDict(frozen=True)

    name: str = Field(default="", max_length=NAME_LENGTH)
    text: str = Field(default="", max_length=TEXT_LENGTH)
    pinned: bool = False
    number_format: NumberFormat = NumberFormat()

    @classmethod
    def checked(cls, name: str, text: str, **others: object) -> Note:
        """Return a note without superfluous blanks.

        Args:
            others: the other fields.

        Raises:
            RunError: the name or the text is too long.
        """
        try:
            return cls(name=" ".join(name.split()), text=text.strip(), **others)
        except ValidationError as error:
            first = error.errors()[0]
            reason = f"{first['loc'][0]}: {first['msg']}"
            raise RunError.note_too_long(reason, max_name=NAME_LENGTH, max_text=TEXT_LENGTH) from error


def checked_format(**fields: object) -> NumberFormat:
    """Return a number format.

    Raises:
        SettingError: a field is not allowed.
    """
    try:
        return NumberFormat.model_validate(fields)
    except ValidationError as error:
        name = str(error.errors()[0]["loc"][0])
        raise SettingError.not_allowed(name, fields[name], _ALLOWED[name]) from error


def read_note(folder: Path) -> Note:
    """Return the note in a folder; empty if there is none or it cannot be read."""
    try:
        return Note.model_validate_json(read_stored_text(folder / NOTE_FILE))
    except (OSError, ValidationError):
        return Note()


def write_note(folder: Path, note: Note) -> None:
    """Replace the note in a folder.

    Raises:
        RunError: the folder is not writable.
    """
    try:
        write_text_atomically(folder / NOTE_FILE, note.model_dump_json())
    except OSError as error:
        raise RunError.not_writable(folder, error.strerror or str(error)) from error
