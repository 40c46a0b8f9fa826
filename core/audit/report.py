"""The audit report of a dataset: runs all rules, stores the report in the dataset's folder, and returns it as text."""

from __future__ import annotations

import contextlib
from typing import Final

from pydantic import BaseModel, ConfigDict

from core.audit.audited_dataset import AuditedDataset
from core.audit.drift_rules import drift_applies
from core.audit.registry import RULES
from core.audit.rule import Finding, RuleOutcome
from core.base.files import write_text_atomically
from core.base.number_format import PLAIN, NumberFormat, current_format, using_format
from core.base.progress import Report, no_report
from core.base.stored_files import read_sealed_json, sealed_json
from core.base.text import count, whole
from core.check_result import SEVERITIES, Severity
from core.dataset import COUNTED_SESSIONS, COUNTED_UNITS, Dataset
from core.features import GROUPS

AUDIT_FILE: Final = "audit.json"
AUDIT_VERSION: Final = 12
"""Raise it when a rule, a threshold, a sentence or the stored form changes. Older reports are then recomputed."""
_AUDIT_SEVERITIES: Final = tuple(severity for severity in SEVERITIES if severity != "error")
COUNTS_NOTE: Final = f"{COUNTED_SESSIONS} In rules on lengths, times and users, {COUNTED_UNITS}."
_LABELS: dict[Severity, str] = {"serious": "SERIOUS", "warning": "WARNING", "note": "note"}
_INDENT = 9
"""Width of the longest label and two spaces."""


class AuditReport(BaseModel):
    """The result of an audit. The same dataset gives the same report, byte for byte."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: int
    dataset: str
    """Fingerprint of the dataset."""
    number_format: NumberFormat = PLAIN
    """Currency and marks of the sentences. A report in another format than the dataset's is recomputed."""
    outcomes: tuple[RuleOutcome, ...]
    """One per rule, in the order of RULES."""
    findings: tuple[Finding, ...]
    """The worst severity first, then the largest count."""

    def count_by_severity(self) -> dict[Severity, int]:
        """Return the number of findings of every severity, the worst severity first."""
        severities = [finding.severity for finding in self.findings]
        return {severity: severities.count(severity) for severity in _AUDIT_SEVERITIES}


def audit(dataset: Dataset, report: Report = no_report, *, recompute: bool = False) -> AuditReport:
    """Return the stored audit report of a dataset. If there is none, or with `recompute`, run all rules and store it.

    Its sentences are in the number format of the dataset.

    If the dataset's folder is not writable, the report is returned but not saved.
    """
    if not recompute and (stored := stored_audit(dataset)) is not None:
        return stored
    with using_format(dataset.note.number_format):
        return _computed_audit(dataset, report)


def _computed_audit(dataset: Dataset, report: Report) -> AuditReport:
    parts = len(GROUPS) + len(RULES)
    data = AuditedDataset(dataset, lambda part, _, detail: report(part, parts, detail))
    if drift_applies(data):
        _ = data.sample  # computed first, because it takes most time and memory
    outcomes, findings = [], []
    for part, rule in enumerate(RULES, start=len(GROUPS)):
        report(part, parts, rule.title)
        outcome, finding = rule.examine(data)
        outcomes.append(outcome)
        if finding is not None:
            findings.append(finding)
    findings.sort(key=lambda finding: (SEVERITIES.index(finding.severity), -(finding.count or 0), finding.code))
    result = AuditReport(
        version=AUDIT_VERSION,
        dataset=dataset.fingerprint,
        number_format=current_format(),
        outcomes=tuple(outcomes),
        findings=tuple(findings),
    )
    with contextlib.suppress(OSError):
        write_text_atomically(dataset.folder / AUDIT_FILE, sealed_json(result.model_dump_json()))
    report(parts, parts, "")
    return result


def stored_audit(dataset: Dataset) -> AuditReport | None:
    """Return the stored report; None if there is none, or it is damaged, older, of another dataset or format."""
    try:
        report = AuditReport.model_validate_json(read_sealed_json(dataset.folder / AUDIT_FILE))
    except (OSError, ValueError):  # not readable, changed, or not a report
        return None
    expected = (AUDIT_VERSION, dataset.fingerprint, dataset.note.number_format)
    return report if (report.version, report.dataset, report.number_format) == expected else None


def report_lines(report: AuditReport) -> list[str]:
    """Return a summary line, the findings with explanation, advice and examples, and the rules that do not apply."""
    counts = report.count_by_severity()
    n_quiet = sum(outcome.outcome == "quiet" for outcome in report.outcomes)
    not_applicable = [outcome for outcome in report.outcomes if outcome.outcome == "not_applicable"]
    lines = [
        f"{count(len(report.findings), 'finding')}: {whole(counts['serious'])} serious, "
        f"{count(counts['warning'], 'warning')}, {count(counts['note'], 'note')}; "
        f"{count(n_quiet, 'rule')} found nothing, {whole(len(not_applicable))} did not apply"
    ]
    indent = " " * _INDENT
    for finding in report.findings:
        lines.append(f"{_LABELS[finding.severity]:{_INDENT}}{finding.title}")
        lines += [f"{indent}{finding.explanation}", f"{indent}{finding.advice}"]
        if finding.examples:
            lines.append(f"{indent}For example {'; '.join(finding.examples)}")
    lines += [f"{'-':{_INDENT}}{outcome.title}: does not apply because {outcome.reason}" for outcome in not_applicable]
    return [*lines, COUNTS_NOTE]
