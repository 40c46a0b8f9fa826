"""An audit rule: a check of a dataset whose failure is a finding."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

from core.audit.case import AuditCase
from core.audit.finding import Finding, Record, RuleOutcome
from core.checks import Check, Severity


class Rule(Check[AuditCase]):
    """One thing to look for in a dataset. Its title names that thing, whether or not it is found, and documents it."""

    @abstractmethod
    def find(self, case: AuditCase) -> Finding | None:
        """Return the finding, or None if there is nothing to report. Only called if all requirements are met."""

    def explain(self, subject: AuditCase) -> str | None:
        finding = self.find(subject)
        return None if finding is None else finding.explanation

    def unmet_reason(self, subject: AuditCase) -> str | None:
        """Return why the rule does not apply; every rule requires events."""
        return "the files have no events" if subject.units.is_empty() else super().unmet_reason(subject)

    def examine(self, case: AuditCase) -> tuple[RuleOutcome, Finding | None]:
        """Return the outcome, and the finding if there is one."""
        reason = self.unmet_reason(case)
        if reason is not None:
            return RuleOutcome(code=self.code, title=self.title, outcome="not_applicable", reason=reason), None
        finding = self.find(case)
        outcome = RuleOutcome(code=self.code, title=self.title, outcome="quiet" if finding is None else "found")
        return outcome, finding

    def finding(
        self,
        severity: Severity,
        title: str,
        *,
        explanation: str,
        advice: str,
        count: int | None = None,
        examples: Sequence[str] = (),
        chart: str | None = None,
        table: Sequence[Record] = (),
    ) -> Finding:
        """Return a finding with the code of this rule."""
        return Finding(
            code=self.code,
            title=title,
            severity=severity,
            count=count,
            explanation=explanation,
            advice=advice,
            examples=tuple(examples),
            chart=chart,
            table=tuple(table),
        )
