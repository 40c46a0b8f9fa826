"""The few errors a person can cause, each one sentence: the rule, what was found, what is allowed, the next step.

Everything here is shown as it stands, on the command line and in the browser, so a message never holds a traceback,
a memory address or a word of our code. Anything that is not a `StudioError` is a defect of ours.
"""

from core.errors.base import Cancelled, StudioError, listed
from core.errors.inputs import InputError
from core.errors.parts import MissingPart, import_part
from core.errors.runs import RunError
from core.errors.settings import SettingError

__all__ = [
    "Cancelled",
    "InputError",
    "MissingPart",
    "RunError",
    "SettingError",
    "StudioError",
    "import_part",
    "listed",
]
