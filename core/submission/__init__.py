"""The submission file and its checks."""

from core.submission.checked_submission import CheckedSubmission
from core.submission.checks import CHECKS, check_file, run_checks
from core.submission.file import write_submission
from core.submission.reading import read_submission
from core.submission.table import SubmissionTable
from core.submission.target import SubmissionTarget

__all__ = [
    "CHECKS",
    "CheckedSubmission",
    "SubmissionTable",
    "SubmissionTarget",
    "check_file",
    "read_submission",
    "run_checks",
    "write_submission",
]
