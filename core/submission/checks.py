"""The list of submission checks, and the function that runs them."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import polars as pl

from core.check_result import Check, CheckResult
from core.dataset import SubmissionColumns
from core.errors import InputError
from core.schema import SESSION_VALUE
from core.submission import session_checks, table_checks, value_checks
from core.submission.checked_submission import TEXT, CheckedSubmission
from core.submission.file import SubmissionTable, read_submission

CHECKS: Final[tuple[Check[CheckedSubmission], ...]] = (
    table_checks.Readable(),
    table_checks.Columns(),
    table_checks.RowCount(),
    session_checks.CleanIds(),
    session_checks.MissingSessions(),
    session_checks.ExtraSessions(),
    session_checks.DuplicateSessions(),
    value_checks.Numbers(),
    value_checks.EmptyValues(),
    value_checks.InfiniteValues(),
    value_checks.NegativeValues(),
    session_checks.DefaultPredictions(),
    session_checks.SampleOrder(),
    value_checks.ConstantValues(),
    value_checks.PlausibleValues(),
    value_checks.PlausibleMean(),
)
"""In the order in which to fix a file, because some checks only apply once an earlier one passes."""


def run_checks(
    submission: Path,
    test_sessions: pl.Series,
    sample: pl.Series | None = None,
    known_values: pl.DataFrame | None = None,
    *,
    columns: SubmissionColumns | None = None,
    without_events: pl.Series | None = None,
) -> list[CheckResult]:
    """Run all submission checks on a file.

    Args:
        submission: the file, with any content.
        test_sessions: ids of the sessions to predict; repeats and nulls are ignored.
        sample: ids of sample_submission.csv in its order; None if there is no sample.
        known_values: user_session and session_value of train, one row per session; None if unknown.
        columns: columns that the file must have; None for user_session and session_value.
        without_events: ids of those of the test sessions that have no usable event; None for no such session.

    Returns:
        One result for each of `CHECKS`, in their order.

    Raises:
        InputError: the file does not exist.
    """
    if not submission.exists():
        raise InputError.not_found(submission)
    test = test_sessions.cast(pl.String).drop_nulls().unique(maintain_order=True).alias(TEXT)
    order = None if sample is None else sample.cast(pl.String).alias(TEXT)
    table, read_error = SubmissionTable(submission.name, (), pl.DataFrame()), None
    try:
        table = read_submission(submission)
    except InputError as error:
        read_error = str(error)
    case = CheckedSubmission(
        table,
        test,
        order,
        _finite_values(known_values),
        columns or SubmissionColumns(),
        test.clear() if without_events is None else without_events.cast(pl.String).alias(TEXT),
        read_error,
    )
    return [check.run(case) for check in CHECKS]


def _finite_values(known_values: pl.DataFrame | None) -> pl.Series | None:
    """Return the finite values, or None if their sum is not above 0 and they have no scale to compare with."""
    if known_values is None:
        return None
    values = known_values[SESSION_VALUE].cast(pl.Float64).drop_nulls()
    finite = values.filter(values.is_finite())
    return finite if finite.sum() > 0 else None
