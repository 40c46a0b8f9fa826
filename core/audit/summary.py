"""An audit in words, for a terminal."""

from __future__ import annotations

from core.audit.finding import Severity
from core.audit.report import AuditReport
from core.base.text import count

_MARKS: dict[Severity, str] = {"serious": "SERIOUS", "warning": "WARNING", "note": "note"}
_WIDTH = 9
"""The longest mark and two blanks."""


def lines(report: AuditReport) -> list[str]:
    """A summary, the findings with their explanation, advice and examples, and what did not apply; no line ends."""
    counted = report.counted()
    quiet = [outcome for outcome in report.outcomes if outcome.outcome == "quiet"]
    absent = [outcome for outcome in report.outcomes if outcome.outcome == "not_applicable"]
    told = [
        f"{count(len(report.findings), 'finding')}: {counted['serious']:,} serious, "
        f"{count(counted['warning'], 'warning')}, {count(counted['note'], 'note')}; "
        f"{count(len(quiet), 'rule')} found nothing, {len(absent):,} did not apply"
    ]
    indent = " " * _WIDTH
    for finding in report.findings:
        told.append(f"{_MARKS[finding.severity]:{_WIDTH}}{finding.title}")
        told += [f"{indent}{finding.explanation}", f"{indent}{finding.advice}"]
        if finding.examples:
            told.append(f"{indent}For example {'; '.join(finding.examples)}")
    told += [f"{'-':{_WIDTH}}{outcome.title}: does not apply, {outcome.reason}" for outcome in absent]
    return told
