"""The list of submission checks, and the function that runs them."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import polars as pl

from core.checks import Check, CheckResult
from core.errors import InputError
from core.schema import SESSION_VALUE
from core.submission.case import TEXT, SubmissionCase
from core.submission.file import SubmissionTable, read_submission
from core.submission.session_checks import CleanIds, DuplicateSessions, ExtraSessions, MissingSessions, SampleOrder
from core.submission.table_checks import Columns, Readable, RowCount
from core.submission.value_checks import (
    ConstantValues,
    EmptyValues,
    InfiniteValues,
    NegativeValues,
    Numbers,
    PlausibleMean,
    PlausibleValues,
)

CHECKS: Final[tuple[Check[SubmissionCase], ...]] = (
    Readable(),
    Columns(),
    RowCount(),
    CleanIds(),
    MissingSessions(),
    ExtraSessions(),
    DuplicateSessions(),
    Numbers(),
    EmptyValues(),
    InfiniteValues(),
    NegativeValues(),
    SampleOrder(),
    ConstantValues(),
    PlausibleValues(),
    PlausibleMean(),
)
"""In the order in which a file is best fixed: a later check may only apply once an earlier one passes."""


def run_checks(
    submission: Path,
    test_sessions: pl.Series,
    sample: pl.Series | None = None,
    known_values: pl.DataFrame | None = None,
) -> list[CheckResult]:
    """Run all submission checks on a file.

    Args:
        submission: the file; its content may be anything.
        test_sessions: ids of the sessions to predict; repeats and nulls are ignored.
        sample: ids of sample_submission.csv in its order; None if there is no sample.
        known_values: user_session and session_value of train, one row per session; None if unknown.

    Returns:
        One result for each of `CHECKS`, in their order.

    Raises:
        InputError: the file does not exist.
    """
    if not submission.exists():
        raise InputError.not_found(submission)
    test = test_sessions.cast(pl.String).drop_nulls().unique(maintain_order=True).alias(TEXT)
    order = None if sample is None else sample.cast(pl.String).alias(TEXT)
    train = _finite_values(known_values)
    try:
        case = SubmissionCase(read_submission(submission), test, order, train)
    except InputError as error:
        no_table = SubmissionTable(submission.name, (), pl.DataFrame())
        case = SubmissionCase(no_table, test, order, train, read_error=str(error))
    return [check.run(case) for check in CHECKS]


def _finite_values(known_values: pl.DataFrame | None) -> pl.Series | None:
    """Return the finite values, or None if their sum is not above 0, so that they give no scale."""
    if known_values is None:
        return None
    values = known_values[SESSION_VALUE].cast(pl.Float64).drop_nulls()
    finite = values.filter(values.is_finite())
    return finite if finite.sum() > 0 else None
