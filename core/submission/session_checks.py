"""Checks that each test session has exactly one row. The title of a check says what holds if it passes."""

from __future__ import annotations

import polars as pl

from core.base.text import shorten, verb, whole
from core.check_result import Check
from core.submission.check_requirements import IDS, SAME_SESSIONS_AS_SAMPLE, SOME_IDS, TABLE
from core.submission.checked_submission import CheckedSubmission
from core.submission.target import TEXT, is_unique
from core.submission.text import count_of, explain_rows, quoted


class CleanIds(Check[CheckedSubmission]):
    code = "clean_ids"
    title = "No session id is empty or padded"
    severity = "error"
    requirements = SOME_IDS

    def explain(self, subject: CheckedSubmission) -> str | None:
        bad = subject.ids.filter((pl.col(TEXT) == "") | pl.col(TEXT).str.contains(r"^\s|\s$"))
        amount = count_of(bad.height, subject.ids.height, "session id")
        advice = "Write each id as it is in the test file."
        return explain_rows(bad, amount, "empty or padded with white space", advice)


class MissingSessions(Check[CheckedSubmission]):
    code = "missing_sessions"
    title = "No session is missing"
    severity = "error"
    requirements = IDS

    def explain(self, subject: CheckedSubmission) -> str | None:
        missing = subject.missing
        if missing.is_empty():
            return None
        amount = count_of(missing.len(), subject.target.sessions.len(), "test session", "has", "have")
        return f"{amount} no row ({quoted(missing)}). Add a row for each of them."


class ExtraSessions(Check[CheckedSubmission]):
    code = "extra_sessions"
    title = "Every session is in the test file"
    severity = "error"
    requirements = SOME_IDS

    def explain(self, subject: CheckedSubmission) -> str | None:
        extra = subject.extra
        amount = count_of(extra.height, subject.ids.height, "row", "has", "have")
        advice = "Remove or correct these rows, or choose the test file that belongs to this submission."
        return explain_rows(extra, amount, "a session that is not in the test file", advice)


class IdSpelling(Check[CheckedSubmission]):
    code = "id_spelling"
    title = "No session id is spelled differently"
    severity = "error"
    requirements = SOME_IDS

    def explain(self, subject: CheckedSubmission) -> str | None:
        changed = subject.respelled.filter(pl.col(TEXT).str.strip_chars() == pl.col(TEXT))  # see clean_ids
        if changed.is_empty():
            return None
        amount = count_of(changed.height, subject.ids.height, "session id", "matches", "match")
        line, text, spelling = changed.row(0)
        problem = (
            "a test session only if case, blanks, quotation marks, zeros before numbers, decimals and Unicode forms "
            "are ignored"
        )
        first = f"line {whole(line)}: {shorten(text)!r} instead of {shorten(spelling)!r}"
        return f"{amount} {problem} ({first}). Write each id as it is in the test file, and read ids as text."


class DuplicateSessions(Check[CheckedSubmission]):
    code = "duplicate_sessions"
    title = "No session occurs twice"
    severity = "error"
    requirements = SOME_IDS

    def explain(self, subject: CheckedSubmission) -> str | None:
        if is_unique(subject.ids[TEXT]):
            return None
        repeats = subject.ids.filter(~pl.col(TEXT).is_first_distinct())
        amount = count_of(repeats.height, subject.ids.height, "row", "repeats", "repeat")
        return explain_rows(repeats, amount, "the session of an earlier line", "Keep one row per session.")


class DefaultPredictions(Check[CheckedSubmission]):
    code = "default_predictions"
    title = "Every session has a usable event"
    severity = "warning"
    requirements = TABLE

    def explain(self, subject: CheckedSubmission) -> str | None:
        n_without = subject.target.without_events.len()
        if not n_without:
            return None
        amount = count_of(n_without, subject.target.sessions.len(), "session", "has", "have")
        return (
            f"{amount} no usable event in the test file ({quoted(subject.target.without_events)}). A run predicts the "
            f"same value for {verb(n_without, 'it', 'each of them')}: the constant that fits the train file best, "
            "such as the average."
        )


class SampleOrder(Check[CheckedSubmission]):
    code = "order"
    title = "The rows are in the order of the sample"
    severity = "warning"
    requirements = SAME_SESSIONS_AS_SAMPLE

    def explain(self, subject: CheckedSubmission) -> str | None:
        paired = subject.ids.with_columns(pl.Series("expected", subject.target.sample))
        moved = paired.filter(pl.col(TEXT) != pl.col("expected"))
        amount = count_of(moved.height, subject.ids.height, "row")
        first_expected = quoted(moved["expected"].head(1))
        advice = f"The first of them should have the session {first_expected}. Sort the rows like the sample."
        return explain_rows(moved, amount, "in a different place than in sample_submission.csv", advice)
