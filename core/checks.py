"""Checks: what one is, what it requires, and the result it gives.

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

error: the file cannot be submitted. serious: no score can be trusted until this is resolved. warning: look at it before
using the predictions. note: harmless, or handled by the product.
"""
SEVERITIES: Final[tuple[Severity, ...]] = ("error", "serious", "warning", "note")
"""From worst to least."""

Subject = TypeVar("Subject")
"""What a check looks at, such as a submission or a dataset."""


@dataclass(frozen=True)
class CheckResult:
    """The result of one check.

    Attributes:
        code: identifies the check in stored files and on the command line; never changes.
        title: what holds if the check passes, or what the check looks for; without a full stop.
        outcome: "passed", "failed" or "not_applicable".
        severity: how much a failure matters; None where the results are not graded (certificate, verification).
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
        """Return a result without a severity that passed or failed.

        >>> CheckResult.of("rows", "Every session has a row", passed=False, explanation="2 of 5 have none.").outcome
        'failed'
        """
        return cls(code, title, "passed" if passed else "failed", explanation=explanation)

    @classmethod
    def not_applicable(cls, code: str, title: str, reason: str) -> CheckResult:
        """Return the result of a check that cannot be made; `reason` is a sentence."""
        return cls(code, title, "not_applicable", explanation=reason)

    def record(self) -> dict[str, str]:
        """Return the form in which results are stored as JSON; a result without a severity has no such key.

        >>> CheckResult.of("rows", "Every session has a row", passed=True, explanation="").record()
        {'code': 'rows', 'title': 'Every session has a row', 'outcome': 'passed', 'explanation': ''}
        """
        return {name: value for name, value in asdict(self).items() if value is not None}


@dataclass(frozen=True)
class Requirement(Generic[Subject]):
    """A condition without which a check does not apply.

    Attributes:
        is_met: whether the subject satisfies it.
        reason: why the check does not apply otherwise; a clause such as "the file has no rows".
    """

    is_met: Callable[[Subject], bool]
    reason: str


class Check(ABC, Generic[Subject]):
    """A check with a code: subclasses name it and implement `explain`."""

    code: ClassVar[str]
    title: ClassVar[str]
    severity: ClassVar[Severity | None] = None
    requirements: tuple[Requirement[Subject], ...] = ()
    """In the order in which they are tested; the first that is not met is the reason."""

    @abstractmethod
    def explain(self, subject: Subject) -> str | None:
        """Return a sentence that says why the check fails, or None if it passes.

        Only called if all requirements are met.
        """

    def unmet_reason(self, subject: Subject) -> str | None:
        """Return why the check does not apply, as a clause, or None if it applies."""
        return next((each.reason for each in self.requirements if not each.is_met(subject)), None)

    def run(self, subject: Subject) -> CheckResult:
        """Run the check."""
        reason = self.unmet_reason(subject)
        if reason is not None:
            return CheckResult(self.code, self.title, "not_applicable", self.severity, f"Does not apply: {reason}.")
        explanation = self.explain(subject)
        outcome: Outcome = "passed" if explanation is None else "failed"
        return CheckResult(self.code, self.title, outcome, self.severity, explanation or "")
