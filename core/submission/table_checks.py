"""Is it the right kind of table? Each function explains one check of `CHECKS`, None meaning that it passes."""

from __future__ import annotations

from collections import Counter

import polars as pl

from core.schema import SUBMISSION_COLUMNS
from core.submission.case import Case
from core.submission.wording import amount, quoted


def explain_readable(case: Case) -> str | None:
    """The file is a text table whose rows have as many fields as its header."""
    return case.unreadable


def explain_columns(case: Case) -> str | None:
    """The header is exactly user_session,session_value."""
    header = case.table.header
    if header == SUBMISSION_COLUMNS:
        return None
    return (
        f"The header line is {quoted(header)} ({_header_problem(header)}): "
        f"it must be {','.join(SUBMISSION_COLUMNS)}; mend it and check again."
    )


def _header_problem(header: tuple[str, ...]) -> str:
    missing = [name for name in SUBMISSION_COLUMNS if name not in header]
    extra = list((Counter(header) - Counter(SUBMISSION_COLUMNS)).elements())
    if len(header) == 1 and any(mark in header[0] for mark in ";\t|"):
        return "its fields are not separated by commas"
    if len(missing) == len(header) == 2 and _is_number(header[1]):
        return "it looks like a row, so the header is missing"
    if missing or extra:
        named = {"missing": missing, "not allowed": extra}
        return "; ".join(f"{word} {quoted(names)}" for word, names in named.items() if names)
    return "the columns are swapped"


def _is_number(text: str) -> bool:
    return pl.Series([text.strip()]).cast(pl.Float64, strict=False)[0] is not None


def explain_row_count(case: Case) -> str | None:
    """There are as many rows as test sessions."""
    rows, wanted = case.table.rows.height, case.test.len()
    if rows == wanted:
        return None
    step = "add the missing rows" if rows < wanted else "remove the surplus rows"
    return (
        f"The file has {amount(rows, 'row')} for {amount(wanted, 'test session')}: "
        f"exactly one row a session is allowed; {step} and check again."
    )
