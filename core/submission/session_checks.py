"""Are the sessions right? Each function explains one check of `CHECKS`, None meaning that it passes."""

from __future__ import annotations

import polars as pl

from core.submission.case import TEXT, Case
from core.submission.wording import counted, line_examples, quoted

_EXPECTED = "expected"


def explain_clean_ids(case: Case) -> str | None:
    """No id is empty or begins or ends with white space."""
    bare = pl.col(TEXT).str.strip_chars()
    odd = case.ids.filter((bare == "") | (bare != pl.col(TEXT)))
    if odd.is_empty():
        return None
    return (
        f"{counted(odd.height, case.ids.height, 'session id')} empty or padded with white space "
        f"({line_examples(odd)}): an id must be spelled as in the test file; correct these and check again."
    )


def explain_missing_sessions(case: Case) -> str | None:
    """Every test session has a row."""
    missing = case.test.to_frame().join(case.ids, on=TEXT, how="anti", maintain_order="left")[TEXT]
    if missing.is_empty():
        return None
    return (
        f"{counted(missing.len(), case.test.len(), 'test session', 'has', 'have')} no row ({quoted(missing)}): "
        "every session of the test file needs one; add these rows and check again."
    )


def explain_extra_sessions(case: Case) -> str | None:
    """Every row is about a test session."""
    extra = case.ids.join(case.test.to_frame(), on=TEXT, how="anti", maintain_order="left")
    if extra.is_empty():
        return None
    return (
        f"{counted(extra.height, case.ids.height, 'row', 'has', 'have')} a session that the test file lacks "
        f"({line_examples(extra)}): only its sessions are allowed, spelled as there; "
        "remove or correct these rows, or check with the test file they belong to."
    )


def explain_duplicate_sessions(case: Case) -> str | None:
    """No session has a second row."""
    repeats = case.ids.filter(~pl.col(TEXT).is_first_distinct())
    if repeats.is_empty():
        return None
    return (
        f"{counted(repeats.height, case.ids.height, 'row', 'repeats', 'repeat')} a session of an earlier line "
        f"({line_examples(repeats)}): one row a session is allowed; keep one of each and check again."
    )


def explain_order(case: Case) -> str | None:
    """The rows stand in the order of the sample; asked only when both hold the same sessions."""
    placed = case.ids.with_columns(pl.Series(_EXPECTED, case.sample))
    moved = placed.filter(pl.col(TEXT) != pl.col(_EXPECTED))
    if moved.is_empty():
        return None
    return (
        f"{counted(moved.height, case.ids.height, 'row', 'stands', 'stand')} elsewhere than in sample_submission.csv "
        f"({line_examples(moved)}): its order is expected, starting here with {quoted(moved[_EXPECTED].head(1))}; "
        "sort the rows like the sample and check again."
    )
