"""The submission file and its checks."""

from core.submission.checks import CHECKS, run_checks
from core.submission.file import SubmissionTable, read_submission, write_submission

__all__ = ["CHECKS", "SubmissionTable", "read_submission", "run_checks", "write_submission"]
