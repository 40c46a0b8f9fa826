"""Asks all rules about a dataset, and keeps the answer beside it."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Callable
from typing import Final

from pydantic import BaseModel, ConfigDict

from core.audit.case import AuditCase
from core.audit.drift_rules import drift_applies
from core.audit.finding import SEVERITIES, Finding, RuleOutcome, Severity, rank
from core.audit.rules import RULES
from core.base.files import sync
from core.dataset import Dataset
from core.features import GROUPS

AUDIT_FILE: Final = "audit.json"
AUDIT_VERSION: Final = 4
"""Raise it when a rule, a threshold or the stored form changes: older answers are then asked for again."""


class AuditReport(BaseModel):
    """What an audit gave. The same dataset gives the same report, byte for byte."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: int
    dataset: str
    """Fingerprint of the dataset."""
    outcomes: tuple[RuleOutcome, ...]
    """One for each rule, in the order of RULES."""
    findings: tuple[Finding, ...]
    """The worst first, then by count."""

    def counted(self) -> dict[Severity, int]:
        """Findings by severity, the worst first; all severities are named."""
        return {severity: sum(found.severity == severity for found in self.findings) for severity in SEVERITIES}


def audit(
    dataset: Dataset,
    report: Callable[[int, int, str], None] = lambda part, parts, text: None,
    *,
    again: bool = False,
) -> AuditReport:
    """Ask every rule about the dataset and store the answer in its folder; a stored one is returned unless `again`.

    `report` hears of parts done, parts in all, and what is being done now. A folder that cannot be written to costs
    only the storing.
    """
    stored = None if again else stored_audit(dataset)
    if stored is not None:
        return stored
    parts = len(GROUPS) + len(RULES)
    case = AuditCase(dataset, lambda part, _, text: report(part, parts, text))
    if drift_applies(case):
        _ = case.sample  # first, because it takes longest and most memory
    outcomes, findings = [], []
    for number, rule in enumerate(RULES):
        report(len(GROUPS) + number, parts, rule.title)
        outcome, finding = rule.ask(case)
        outcomes.append(outcome)
        if finding is not None:
            findings.append(finding)
    done = AuditReport(
        version=AUDIT_VERSION,
        dataset=dataset.fingerprint,
        outcomes=tuple(outcomes),
        findings=tuple(sorted(findings, key=rank)),
    )
    with contextlib.suppress(OSError):
        _store(dataset, done)
    report(parts, parts, "")
    return done


def stored_audit(dataset: Dataset) -> AuditReport | None:
    """The stored answer; None where there is none, or one that is damaged, of another dataset or of an older form."""
    try:
        text = (dataset.folder / AUDIT_FILE).read_text(encoding="utf-8")
        report = AuditReport.model_validate_json(text)
    except (OSError, ValueError):  # what is not readable, not UTF-8 or not of this form is asked for again
        return None
    return report if (report.version, report.dataset) == (AUDIT_VERSION, dataset.fingerprint) else None


def _store(dataset: Dataset, report: AuditReport) -> None:
    """Write it whole or not at all: a temporary file in the same folder, synced, then renamed."""
    path = dataset.folder / AUDIT_FILE
    temporary = path.with_name(f".{AUDIT_FILE}.{secrets.token_hex(4)}")
    try:
        with temporary.open("x", encoding="utf-8") as file:
            file.write(report.model_dump_json(indent=1) + "\n")
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        sync(dataset.folder)
    finally:
        temporary.unlink(missing_ok=True)
