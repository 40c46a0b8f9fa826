"""An audit report as text for a terminal."""

from __future__ import annotations

from core.audit.report import AuditReport
from core.base.text import count
from core.checks import Severity

_LABELS: dict[Severity, str] = {"serious": "SERIOUS", "warning": "WARNING", "note": "note"}
_INDENT = 9
"""Width of the longest label and two spaces."""


def lines(report: AuditReport) -> list[str]:
    """Return a report as lines without line ends.

    The first line is a summary. Then follow the findings, each with its explanation, advice and examples, and the
    rules that do not apply.
    """
    counts = report.counted()
    n_quiet = sum(outcome.outcome == "quiet" for outcome in report.outcomes)
    not_applicable = [outcome for outcome in report.outcomes if outcome.outcome == "not_applicable"]
    text = [
        f"{count(len(report.findings), 'finding')}: {counts['serious']:,} serious, "
        f"{count(counts['warning'], 'warning')}, {count(counts['note'], 'note')}; "
        f"{count(n_quiet, 'rule')} found nothing, {len(not_applicable):,} did not apply"
    ]
    indent = " " * _INDENT
    for finding in report.findings:
        text.append(f"{_LABELS[finding.severity]:{_INDENT}}{finding.title}")
        text += [f"{indent}{finding.explanation}", f"{indent}{finding.advice}"]
        if finding.examples:
            text.append(f"{indent}For example {'; '.join(finding.examples)}")
    text += [f"{'-':{_INDENT}}{outcome.title}: does not apply, {outcome.reason}" for outcome in not_applicable]
    return text
