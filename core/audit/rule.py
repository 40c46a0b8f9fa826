"""Audit rules and what they return: a finding for people, and the outcome of each rule."""

from __future__ import annotations

from abc import abstractmethod
from typing import Literal

from pydantic import BaseModel, ConfigDict

from core.audit.audited_dataset import AuditedDataset
from core.check_result import Check, Severity

Record = dict[str, bool | int | float | str | None]
"""One row of a finding's table."""


class Finding(BaseModel):
    """Something unusual that a rule found in a dataset."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    code: str
    title: str
    """A short statement, without a full stop."""
    severity: Severity
    count: int | None = None
    """Number of sessions, rows, ids or whatever the rule counts; None if it counts nothing."""
    explanation: str
    """One or two sentences with figures. Ids are text from a visitor's files, so they only appear in the examples."""
    advice: str
    """What to do, or how the product handles it."""
    examples: tuple[str, ...] = ()
    """A few of the counted things. Long ids are shortened."""
    chart: str | None = None
    """Name of the module in core.eda that draws the finding; None if there is nothing to draw."""
    table: tuple[Record, ...] = ()
    """The data of that chart; empty if the chart reads the dataset itself."""


class RuleOutcome(BaseModel):
    """The stored outcome of one rule."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    code: str
    title: str
    """What the rule looks for."""
    outcome: Literal["found", "quiet", "not_applicable"]
    """The stored names of a check that failed, passed or does not apply."""
    reason: str = ""
    """Why the rule does not apply, as a clause; empty otherwise."""


class Rule(Check[AuditedDataset]):
    """A check of a dataset that looks for one unusual property. Its title names that property, found or not."""

    @abstractmethod
    def find(self, data: AuditedDataset) -> Finding | None:
        """Return the finding, or None if there is nothing to report. Only called if all requirements are met."""

    def explain(self, subject: AuditedDataset) -> str | None:
        finding = self.find(subject)
        return None if finding is None else finding.explanation

    def unmet_reason(self, subject: AuditedDataset) -> str | None:
        """Return why the rule does not apply; every rule requires events."""
        return "the files have no events" if subject.units.is_empty() else super().unmet_reason(subject)

    def examine(self, data: AuditedDataset) -> tuple[RuleOutcome, Finding | None]:
        """Return the outcome, and the finding if there is one."""
        reason = self.unmet_reason(data)
        finding = self.find(data) if reason is None else None
        outcome = "not_applicable" if reason is not None else "quiet" if finding is None else "found"
        return RuleOutcome(code=self.code, title=self.title, outcome=outcome, reason=reason or ""), finding

    def finding(self, severity: Severity, title: str, **fields: object) -> Finding:
        """Return a finding with the code of this rule; `fields` are the other fields of `Finding`."""
        return Finding(code=self.code, severity=severity, title=title, **fields)
