"""The list of submission checks, and the function that runs them."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from core.check_result import Check, CheckResult
from core.submission import (
    form_checks,
    reference_checks,
    scale_checks,
    session_checks,
    table_checks,
    value_checks,
)
from core.submission.checked_submission import CheckedSubmission
from core.submission.target import SubmissionTarget

CHECKS: Final[tuple[Check[CheckedSubmission], ...]] = (
    form_checks.Readable(),
    form_checks.FileType(),
    form_checks.Encoding(),
    form_checks.Quoting(),
    form_checks.Separator(),
    table_checks.Columns(),
    table_checks.RowCount(),
    session_checks.CleanIds(),
    session_checks.MissingSessions(),
    session_checks.ExtraSessions(),
    session_checks.IdSpelling(),
    session_checks.DuplicateSessions(),
    value_checks.Numbers(),
    value_checks.DecimalMark(),
    value_checks.ThousandsMark(),
    value_checks.ValueSigns(),
    value_checks.EmptyValues(),
    value_checks.InfiniteValues(),
    value_checks.NegativeValues(),
    session_checks.DefaultPredictions(),
    session_checks.SampleOrder(),
    value_checks.ConstantValues(),
    value_checks.RepeatedValues(),
    value_checks.PlausibleValues(),
    scale_checks.LogScale(),
    scale_checks.Unit(),
    scale_checks.PlausibleMean(),
    reference_checks.KnownValues(),
    reference_checks.Sums(),
    reference_checks.OutOfStep(),
    reference_checks.Distribution(),
)
"""In the order in which to fix a file, because some checks only apply once an earlier one passes."""


def run_checks(case: CheckedSubmission) -> list[CheckResult]:
    """Return one result for each of `CHECKS`, in their order."""
    return [check.run(case) for check in CHECKS]


def check_file(path: Path, target: SubmissionTarget) -> list[CheckResult]:
    """Read a file, with any content, and run all checks on it.

    Raises:
        InputError: the file does not exist.
    """
    return run_checks(CheckedSubmission.open(path, target))
