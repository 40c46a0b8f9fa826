"""Checks that the file has the right header and number of rows.

The title of a check says what holds if it passes.
"""

from __future__ import annotations

from collections import Counter
from typing import Final

import polars as pl

from core.base.text import count, verb, whole
from core.check_result import Check
from core.submission.check_requirements import TABLE
from core.submission.checked_submission import CheckedSubmission
from core.submission.repair_columns import names_below_title
from core.submission.text import quoted

_UNNAMED: Final = {
    "first": "it has one name fewer than the rows have fields, as R writes row names",
    "last": "each row ends with a separator, which makes an empty column",
}


class Columns(Check[CheckedSubmission]):
    code = "columns"
    title = "The header has the right column names"
    severity = "error"
    requirements = TABLE

    def explain(self, subject: CheckedSubmission) -> str | None:
        header, expected, form = subject.table.header, subject.target.columns.header, subject.table.form
        if header == expected and form.comments:
            n_comments = len(form.comments)
            amount = f"{count(n_comments, 'comment')} {verb(n_comments, 'is', 'are')}"
            return f"{amount} above the header ({quoted(form.comments.values())}). Write the header in the first line."
        if header == expected:
            return None
        line = names_below_title(subject.table, subject.target)
        if line is not None:
            problem = f"a title; the names of the columns are in line {whole(line)}"
        else:
            problem = _UNNAMED[form.unnamed] if form.unnamed else _header_problem(header, expected)
        return (
            f"The header is {quoted(subject.table.written_header)} ({problem}). "
            f"The file must contain only the columns {' and '.join(expected)}, named in its first line."
        )


class RowCount(Check[CheckedSubmission]):
    code = "row_count"
    title = "There is one row for each test session"
    severity = "error"
    requirements = TABLE

    def explain(self, subject: CheckedSubmission) -> str | None:
        rows, sessions = subject.table.rows.height, subject.target.sessions.len()
        if rows == sessions:
            return None
        advice = "Add the missing rows" if rows < sessions else "Remove the surplus rows"
        return (
            f"The file has {count(rows, 'row')} for {count(sessions, 'test session')}. "
            f"Each session needs exactly one row. {advice}."
        )


def _header_problem(header: tuple[str, ...], expected: tuple[str, ...]) -> str:
    if header == (*expected, ""):
        return _UNNAMED["last"]
    if header == ("", *expected):
        return "the first column has no name, as R and pandas write row names"
    missing = [name for name in expected if name not in header]
    extra = list((Counter(header) - Counter(expected)).elements())
    if len(missing) == len(header) == 2 and _is_number(header[1]):
        return "it looks like a row, so the header is missing"
    if missing or extra:
        names_by_problem = {"missing": missing, "not allowed": extra}
        return "; ".join(f"{problem}: {quoted(names)}" for problem, names in names_by_problem.items() if names)
    return "the columns are swapped"


def _is_number(text: str) -> bool:
    return pl.Series([text.strip()]).cast(pl.Float64, strict=False)[0] is not None
