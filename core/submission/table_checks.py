"""Checks of the file as a table: is it readable, and are header and number of rows right?"""

from __future__ import annotations

from collections import Counter

import polars as pl

from core.base.text import count
from core.checks import Check
from core.schema import SUBMISSION_COLUMNS
from core.submission.case import SubmissionCase
from core.submission.requirements import TABLE
from core.submission.text import quoted


class Readable(Check[SubmissionCase]):
    """The file is a text table whose rows have as many fields as its header."""

    code = "readable"
    title = "The file is a table"
    severity = "error"

    def explain(self, subject: SubmissionCase) -> str | None:
        return subject.read_error


class Columns(Check[SubmissionCase]):
    """The header is exactly user_session,session_value."""

    code = "columns"
    title = f"The columns are {', '.join(SUBMISSION_COLUMNS)}"
    severity = "error"
    requirements = TABLE

    def explain(self, subject: SubmissionCase) -> str | None:
        header = subject.table.header
        if header == SUBMISSION_COLUMNS:
            return None
        return (
            f"The header is {quoted(header)} ({_header_problem(header)}). "
            f"Change the first line to {','.join(SUBMISSION_COLUMNS)}."
        )


class RowCount(Check[SubmissionCase]):
    """There are as many rows as test sessions."""

    code = "row_count"
    title = "There is one row for each test session"
    severity = "error"
    requirements = TABLE

    def explain(self, subject: SubmissionCase) -> str | None:
        rows, sessions = subject.table.rows.height, subject.test.len()
        if rows == sessions:
            return None
        step = "Add the missing rows" if rows < sessions else "Remove the surplus rows"
        return (
            f"The file has {count(rows, 'row')} for {count(sessions, 'test session')}. "
            f"{step}: each session needs exactly one."
        )


def _header_problem(header: tuple[str, ...]) -> str:
    missing = [name for name in SUBMISSION_COLUMNS if name not in header]
    extra = list((Counter(header) - Counter(SUBMISSION_COLUMNS)).elements())
    if len(header) == 1 and any(separator in header[0] for separator in ";\t|"):
        return "its fields are not separated by commas"
    if len(missing) == len(header) == 2 and _is_number(header[1]):
        return "it looks like a row, so the header is missing"
    if missing or extra:
        lists = {"missing": missing, "not allowed": extra}
        return "; ".join(f"{label} {quoted(names)}" for label, names in lists.items() if names)
    return "the columns are swapped"


def _is_number(text: str) -> bool:
    return pl.Series([text.strip()]).cast(pl.Float64, strict=False)[0] is not None
