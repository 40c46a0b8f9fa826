"""Checks, their requirements and their results.

Submission checks, audit rules, the certificate of training and the verification of a stored run share these classes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import ClassVar, Final, Generic, Literal, TypeVar

Outcome = Literal["passed", "failed", "not_applicable"]

Severity = Literal["error", "serious", "warning", "note"]
"""How much a failed check matters.

error: the file cannot be submitted. serious: no score can be trusted until the problem is resolved. warning: review it
before you use the predictions. note: harmless, or handled by the product.
"""
SEVERITIES: Final[tuple[Severity, ...]] = ("error", "serious", "warning", "note")
"""From most to least severe."""

Subject = TypeVar("Subject")
"""What is checked, such as a submission or a dataset."""


@dataclass(frozen=True)
class CheckResult:
    """The result of one check.

    Attributes:
        code: identifies the check in stored files and on the command line; never changes.
        title: what is true if the check passes, or what the check looks for; without a full stop.
        severity: how much a failure matters; None in the certificate and in a verification, which are not graded.
        explanation: one or two sentences with figures, or the reason why the check does not apply. May be empty if
            the check passed.
    """

    code: str
    title: str
    outcome: Outcome
    severity: Severity | None = None
    explanation: str = ""

    @classmethod
    def of(cls, code: str, title: str, *, passed: bool, explanation: str) -> CheckResult:
        """Return the result, without a severity, of a check that applies.

        >>> CheckResult.of("rows", "Every session has a row", passed=False, explanation="2 of 5 have none.").outcome
        'failed'
        """
        return cls(code, title, "passed" if passed else "failed", explanation=explanation)

    @classmethod
    def not_applicable(cls, code: str, title: str, reason: str) -> CheckResult:
        """Return the result of a check that does not apply; `reason` is a sentence."""
        return cls(code, title, "not_applicable", explanation=reason)

    @property
    def blocks(self) -> bool:
        """Whether the check failed and is blocking, so that the submission must not be submitted."""
        return self.outcome == "failed" and self.severity == "error"

    @property
    def advises(self) -> bool:
        """Whether the check failed and is a warning that a person should review."""
        return self.outcome == "failed" and self.severity != "error"

    def graded_record(self) -> dict[str, str]:
        """Return the result as `check --json` prints it: a failed check that does not block has the outcome warning."""
        return self.record() | ({"outcome": "warning"} if self.advises else {})

    def record(self) -> dict[str, str]:
        """Return the result as it is stored in JSON files. Without a severity, there is no key "severity".

        >>> CheckResult.of("rows", "Every session has a row", passed=True, explanation="").record()
        {'code': 'rows', 'title': 'Every session has a row', 'outcome': 'passed', 'explanation': ''}
        """
        return {name: value for name, value in asdict(self).items() if value is not None}


@dataclass(frozen=True)
class Requirement(Generic[Subject]):
    """A condition for a check to apply. If it is not met, `reason` says why, as in "the file has no rows"."""

    is_met: Callable[[Subject], bool]
    reason: str


class Check(ABC, Generic[Subject]):
    """Base class of checks. A subclass sets `code` and `title`, and implements `explain`."""

    code: ClassVar[str]
    title: ClassVar[str]
    severity: ClassVar[Severity | None] = None
    requirements: tuple[Requirement[Subject], ...] = ()
    """Tested in this order; the first one that is not met gives the reason why the check does not apply."""

    @abstractmethod
    def explain(self, subject: Subject) -> str | None:
        """Return a sentence on why the check fails, or None if it passes. Called only if all requirements are met."""

    def unmet_reason(self, subject: Subject) -> str | None:
        """Return a clause on why the check does not apply, or None if it applies."""
        return next((item.reason for item in self.requirements if not item.is_met(subject)), None)

    def run(self, subject: Subject) -> CheckResult:
        """Run the check."""
        reason = self.unmet_reason(subject)
        if reason is not None:
            return CheckResult(self.code, self.title, "not_applicable", self.severity, f"Does not apply: {reason}.")
        explanation = self.explain(subject)
        outcome: Outcome = "passed" if explanation is None else "failed"
        return CheckResult(self.code, self.title, outcome, self.severity, explanation or "")
