"""The base class of all errors that a person can fix."""

from __future__ import annotations


class StudioError(Exception):
    """An error that a person can fix.

    As text it is the problem and the remedy, which is written for the command line. A page may show `problem` with a
    remedy of its own.

    Attributes:
        code: stable identifier for programs, in snake_case.
        problem: what happened and what was found; complete sentences.
        remedy: what to do next on the command line; complete sentences, or empty.
        found: the offending value, if there is one.
        allowed: the values or the limit that would be accepted, if they are known.
        exit_code: what the command line returns.
    """

    exit_code = 2
    code = "error"

    def __init__(
        self, problem: str, remedy: str = "", *, code: str = "", found: object = None, allowed: object = None
    ) -> None:
        """Create an error; without a `code` it has that of its class."""
        super().__init__(problem, remedy)
        self.code = code or type(self).code
        self.problem = problem
        self.remedy = remedy
        self.found = found
        self.allowed = allowed

    def __str__(self) -> str:
        return f"{self.problem} {self.remedy}".strip()


class Cancelled(StudioError):
    """A person asked to stop the work. Nothing is wrong."""

    exit_code = 130
    code = "cancelled"
