"""The base classes of the errors that a person can fix."""

from __future__ import annotations


class StudioError(Exception):
    """An error that a person can fix. Its text is the problem followed by the remedy.

    Subclasses have one class method per error, which returns it with its message. A `reason` among their arguments is a
    clause; the message shows it in brackets.

    Attributes:
        code: stable identifier for programs, in snake_case; by default that of the class.
        problem: what happened and what was found, in complete sentences.
        remedy: what to do next, in complete sentences; may be empty.
        actual: the value that is not accepted; None if there is none.
        allowed: the values or the limit that would be accepted; None if they are not known.
        exit_code: exit code of a command that ends with this error.
    """

    exit_code = 2
    code = "error"

    def __init__(
        self, problem: str, remedy: str = "", *, code: str = "", actual: object = None, allowed: object = None
    ) -> None:
        super().__init__(problem, remedy)
        self.code = code or type(self).code
        self.problem = problem
        self.remedy = remedy
        self.actual = actual
        self.allowed = allowed

    def __str__(self) -> str:
        return f"{self.problem} {self.remedy}".strip()


class InputError(StudioError):
    """Files, databases or their contents that cannot be used."""

    code = "input_error"


class Cancelled(StudioError):
    """Work was stopped because a person asked for it."""

    exit_code = 130
    code = "cancelled"
