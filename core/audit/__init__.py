"""A look at a dataset before anybody trains on it: what is odd, how bad it is, and what to do about it."""

from core.audit.drift_rules import compare_features, guess_files
from core.audit.finding import Finding, Outcome, RuleOutcome, Severity
from core.audit.report import AUDIT_VERSION, AuditReport, audit, stored_audit
from core.audit.rule import Need, Rule
from core.audit.rules import RULES
from core.audit.sample import Sample, draw_sample
from core.audit.words import lines

__all__ = [
    "AUDIT_VERSION",
    "RULES",
    "AuditReport",
    "Finding",
    "Need",
    "Outcome",
    "Rule",
    "RuleOutcome",
    "Sample",
    "Severity",
    "audit",
    "compare_features",
    "draw_sample",
    "guess_files",
    "lines",
    "stored_audit",
]
