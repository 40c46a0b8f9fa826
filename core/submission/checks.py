"""The checks of a submission: one line each in `CHECKS`, one sentence each when they fail."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import polars as pl

from core.errors import InputError
from core.schema import SESSION_VALUE
from core.submission import session_checks, table_checks, value_checks
from core.submission.case import TEXT, Case
from core.submission.check import (
    IDS,
    IDS_AS_IN_SAMPLE,
    NUMBERS_AND_TRAIN,
    SOME_IDS,
    SOME_VALUES,
    TABLE,
    TWO_NUMBERS,
    Check,
    CheckResult,
)
from core.submission.file import SubmissionTable, read_submission

CHECKS: Final = (
    Check("readable", "The file is a table", "error", (), table_checks.explain_readable),
    Check("columns", "The columns are user_session, session_value", "error", TABLE, table_checks.explain_columns),
    Check("row_count", "One row for each test session", "error", TABLE, table_checks.explain_row_count),
    Check("clean_ids", "Session ids are filled and unpadded", "error", SOME_IDS, session_checks.explain_clean_ids),
    Check("missing_sessions", "No session is missing", "error", IDS, session_checks.explain_missing_sessions),
    Check("extra_sessions", "No session is extra", "error", SOME_IDS, session_checks.explain_extra_sessions),
    Check("duplicate_sessions", "No session is repeated", "error", SOME_IDS, session_checks.explain_duplicate_sessions),
    Check("numbers", "No value is text", "error", SOME_VALUES, value_checks.explain_words),
    Check("empty_values", "No value is empty or NaN", "error", SOME_VALUES, value_checks.explain_empty),
    Check("infinite_values", "No value is infinite or above 1e12", "error", SOME_VALUES, value_checks.explain_infinite),
    Check("negative_values", "No value is negative", "error", SOME_VALUES, value_checks.explain_negative),
    Check("order", "The order is that of the sample", "warning", IDS_AS_IN_SAMPLE, session_checks.explain_order),
    Check("constant", "The values differ", "warning", TWO_NUMBERS, value_checks.explain_constant),
    Check("plausible", "No value is far above train's", "warning", NUMBERS_AND_TRAIN, value_checks.explain_plausible),
    Check("scale", "The mean is near train's", "warning", NUMBERS_AND_TRAIN, value_checks.explain_scale),
)
"""In the order in which a person mends a file: a later check may not apply until an earlier one passes."""


def run_checks(
    submission: Path,
    test_sessions: pl.Series,
    sample: pl.Series | None = None,
    known_values: pl.DataFrame | None = None,
) -> list[CheckResult]:
    """Hold the file `submission` against the sessions to predict; one result for each of `CHECKS`, in their order.

    `test_sessions` are the ids of the test file (repeats and nulls do not matter), `sample` those of
    sample_submission.csv in its order, `known_values` user_session and session_value of train, one row a session.
    Whatever the file holds, the answer is a list of results.

    Raises:
        InputError: there is no file at `submission`.
    """
    if not submission.exists():
        raise InputError.not_found(submission)
    test = test_sessions.cast(pl.String).drop_nulls().unique(maintain_order=True).alias(TEXT)
    wanted = None if sample is None else sample.cast(pl.String).alias(TEXT)
    train = _usable_values(known_values)
    try:
        case = Case(read_submission(submission), test, wanted, train)
    except InputError as error:
        nothing = SubmissionTable(submission.name, (), pl.DataFrame())
        case = Case(nothing, test, wanted, train, unreadable=str(error))
    return [check.result(case) for check in CHECKS]


def _usable_values(known_values: pl.DataFrame | None) -> pl.Series | None:
    """The finite values, or None where their mean is no scale to compare with."""
    if known_values is None:
        return None
    values = known_values[SESSION_VALUE].cast(pl.Float64).drop_nulls()
    finite = values.filter(values.is_finite())
    return finite if finite.sum() > 0 else None
