"""Checks of the session ids: does each test session have exactly one row?"""

from __future__ import annotations

import polars as pl

from core.checks import Check
from core.submission.case import TEXT, SubmissionCase
from core.submission.requirements import IDS, SAME_SESSIONS_AS_SAMPLE, SOME_IDS
from core.submission.text import line_examples, quoted, share

_EXPECTED = "expected"


class CleanIds(Check[SubmissionCase]):
    """No id is empty, or begins or ends with white space."""

    code = "clean_ids"
    title = "No session id is empty or padded"
    severity = "error"
    requirements = SOME_IDS

    def explain(self, subject: SubmissionCase) -> str | None:
        stripped = pl.col(TEXT).str.strip_chars()
        bad = subject.ids.filter((stripped == "") | (stripped != pl.col(TEXT)))
        if bad.is_empty():
            return None
        return (
            f"{share(bad.height, subject.ids.height, 'session id')} empty or padded with white space "
            f"({line_examples(bad)}). Write each id as it is in the test file."
        )


class MissingSessions(Check[SubmissionCase]):
    """Every test session has a row."""

    code = "missing_sessions"
    title = "No session is missing"
    severity = "error"
    requirements = IDS

    def explain(self, subject: SubmissionCase) -> str | None:
        missing = subject.test.to_frame().join(subject.ids, on=TEXT, how="anti", maintain_order="left")[TEXT]
        if missing.is_empty():
            return None
        return (
            f"{share(missing.len(), subject.test.len(), 'test session', 'has', 'have')} no row ({quoted(missing)}). "
            "Add a row for each of them."
        )


class ExtraSessions(Check[SubmissionCase]):
    """Every row is about a test session."""

    code = "extra_sessions"
    title = "No session is extra"
    severity = "error"
    requirements = SOME_IDS

    def explain(self, subject: SubmissionCase) -> str | None:
        extra = subject.ids.join(subject.test.to_frame(), on=TEXT, how="anti", maintain_order="left")
        if extra.is_empty():
            return None
        return (
            f"{share(extra.height, subject.ids.height, 'row', 'has', 'have')} a session that is not in the test file "
            f"({line_examples(extra)}). Remove or correct these rows, or check against the test file they belong to."
        )


class DuplicateSessions(Check[SubmissionCase]):
    """No session has a second row."""

    code = "duplicate_sessions"
    title = "No session is repeated"
    severity = "error"
    requirements = SOME_IDS

    def explain(self, subject: SubmissionCase) -> str | None:
        repeats = subject.ids.filter(~pl.col(TEXT).is_first_distinct())
        if repeats.is_empty():
            return None
        return (
            f"{share(repeats.height, subject.ids.height, 'row', 'repeats', 'repeat')} the session of an earlier line "
            f"({line_examples(repeats)}). Keep one row per session."
        )


class SampleOrder(Check[SubmissionCase]):
    """The rows are in the order of sample_submission.csv."""

    code = "order"
    title = "The rows are in the order of the sample"
    severity = "warning"
    requirements = SAME_SESSIONS_AS_SAMPLE

    def explain(self, subject: SubmissionCase) -> str | None:
        paired = subject.ids.with_columns(pl.Series(_EXPECTED, subject.sample))
        moved = paired.filter(pl.col(TEXT) != pl.col(_EXPECTED))
        if moved.is_empty():
            return None
        return (
            f"{share(moved.height, subject.ids.height, 'row')} in another place than in sample_submission.csv "
            f"({line_examples(moved)}). The first of them should be {quoted(moved[_EXPECTED].head(1))}: "
            "sort the rows like the sample."
        )
