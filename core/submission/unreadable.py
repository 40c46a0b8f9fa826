"""The error of a file that cannot be read as a submission, with the code of the check that fails."""

from __future__ import annotations

from typing import Final

from core.errors import InputError
from core.schema import SUBMISSION_COLUMNS

READABLE: Final = "readable"
ENCODING: Final = "encoding"
QUOTING: Final = "quoting"


def unreadable(name: str, problem: str, code: str = READABLE) -> InputError:
    """Return the error; `problem` is a clause."""
    return InputError(
        f"{name} cannot be read as a submission ({problem}). A submission is a UTF-8 CSV file with the header "
        f"of the sample submission, or {','.join(SUBMISSION_COLUMNS)}, and one row per session.",
        code=code,
    )
