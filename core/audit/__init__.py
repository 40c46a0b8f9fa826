"""The audit of a dataset before training: what is unusual about it, how much it matters, and what to do about it."""

from core.audit.drift_rules import classify_files, compare_features
from core.audit.registry import RULES
from core.audit.report import AUDIT_VERSION, COUNTS_NOTE, AuditReport, audit, report_lines, stored_audit
from core.audit.rule import Finding, Rule, RuleOutcome
from core.audit.sample import Sample, draw_sample

__all__ = [
    "AUDIT_VERSION",
    "COUNTS_NOTE",
    "RULES",
    "AuditReport",
    "Finding",
    "Rule",
    "RuleOutcome",
    "Sample",
    "audit",
    "classify_files",
    "compare_features",
    "draw_sample",
    "report_lines",
    "stored_audit",
]
