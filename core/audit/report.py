"""Runs all audit rules on a dataset, and stores the report in its folder."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Final

from pydantic import BaseModel, ConfigDict

from core.audit.case import AuditCase
from core.audit.drift_rules import drift_applies
from core.audit.finding import Finding, RuleOutcome, rank
from core.audit.rules import RULES
from core.base.files import atomic_file
from core.checks import SEVERITIES, Severity
from core.dataset import Dataset
from core.features import GROUPS

AUDIT_FILE: Final = "audit.json"
AUDIT_VERSION: Final = 5
"""Raise it when a rule, a threshold, a sentence or the stored form changes. Older reports are then recomputed."""
_AUDIT_SEVERITIES: Final = tuple(severity for severity in SEVERITIES if severity != "error")


class AuditReport(BaseModel):
    """The result of an audit. The same dataset gives the same report, byte for byte."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: int
    dataset: str
    """Fingerprint of the dataset."""
    outcomes: tuple[RuleOutcome, ...]
    """One per rule, in the order of RULES."""
    findings: tuple[Finding, ...]
    """The worst first, then by count."""

    def counted(self) -> dict[Severity, int]:
        """Return the number of findings by severity, the worst severity first; zero for those without findings."""
        return {
            severity: sum(finding.severity == severity for finding in self.findings) for severity in _AUDIT_SEVERITIES
        }


def audit(
    dataset: Dataset,
    report: Callable[[int, int, str], None] = lambda part, parts, text: None,
    *,
    again: bool = False,
) -> AuditReport:
    """Return the audit of a dataset; run all rules unless a report is already stored.

    If the dataset's folder is not writable, the report is returned but not saved.

    Args:
        report: called with parts done, parts in all, and the current step.
        again: run the rules even if a report is stored.
    """
    stored = None if again else stored_audit(dataset)
    if stored is not None:
        return stored
    parts = len(GROUPS) + len(RULES)
    case = AuditCase(dataset, lambda part, _, text: report(part, parts, text))
    if drift_applies(case):
        _ = case.sample  # computed first, because it takes most time and memory
    outcomes, findings = [], []
    for place, rule in enumerate(RULES):
        report(len(GROUPS) + place, parts, rule.title)
        outcome, finding = rule.examine(case)
        outcomes.append(outcome)
        if finding is not None:
            findings.append(finding)
    result = AuditReport(
        version=AUDIT_VERSION,
        dataset=dataset.fingerprint,
        outcomes=tuple(outcomes),
        findings=tuple(sorted(findings, key=rank)),
    )
    with contextlib.suppress(OSError), atomic_file(dataset.folder / AUDIT_FILE) as building:
        building.write_text(result.model_dump_json(indent=1) + "\n", encoding="utf-8")
    report(parts, parts, "")
    return result


def stored_audit(dataset: Dataset) -> AuditReport | None:
    """Return the stored report; None if there is none, or it is damaged, older, or of another dataset."""
    try:
        text = (dataset.folder / AUDIT_FILE).read_text(encoding="utf-8")
        report = AuditReport.model_validate_json(text)
    except (OSError, ValueError):  # not readable, not UTF-8, or not a report
        return None
    return report if (report.version, report.dataset) == (AUDIT_VERSION, dataset.fingerprint) else None
