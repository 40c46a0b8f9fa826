"""Errors that a person can cause and fix, each with a code, a problem and a remedy.

The command line and the pages show their text unchanged, so it has no traceback, no memory address and no name from the
code. Any other exception is a bug in the program.
"""

from core.errors.access import AccessError
from core.errors.base import Cancelled, InputError, StudioError
from core.errors.columns import ColumnError
from core.errors.files import SourceError
from core.errors.parts import MissingPart, import_part
from core.errors.rows import ContentError
from core.errors.runs import RunError
from core.errors.services import ServiceError
from core.errors.settings import SettingError

__all__ = [
    "AccessError",
    "Cancelled",
    "ColumnError",
    "ContentError",
    "InputError",
    "MissingPart",
    "RunError",
    "ServiceError",
    "SettingError",
    "SourceError",
    "StudioError",
    "import_part",
]
