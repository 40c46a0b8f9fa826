"""Checks of how the file is written: its text, quotation marks and separators.

The title of a check says what holds if it passes.
"""

from __future__ import annotations

from typing import Final

from core.check_result import Check
from core.ingestion.sources.encodings import UTF_8
from core.submission.check_requirements import DECODABLE, TABLE, TEXT_FILE, TEXT_TABLE
from core.submission.checked_submission import CheckedSubmission
from core.submission.table import COMMA
from core.submission.unreadable import ENCODING, QUOTING, READABLE

_SEPARATORS: Final = {"\t": "tabs", ";": "semicolons", "|": "vertical bars", " ": "blanks"}


class Readable(Check[CheckedSubmission]):
    code = READABLE
    title = "The file is a table"
    severity = "error"
    requirements = DECODABLE

    def explain(self, subject: CheckedSubmission) -> str | None:
        return _error_with(subject, READABLE)


class FileType(Check[CheckedSubmission]):
    code = "file_type"
    title = "The file is CSV"
    severity = "error"
    requirements = TABLE

    def explain(self, subject: CheckedSubmission) -> str | None:
        typed_format = subject.table.form.typed_format
        return f"The file is {typed_format}. Save the table as CSV." if typed_format else None


class Encoding(Check[CheckedSubmission]):
    code = ENCODING
    title = "The text is UTF-8"
    severity = "error"
    requirements = TEXT_FILE

    def explain(self, subject: CheckedSubmission) -> str | None:
        encoding = subject.table.form.encoding
        if encoding == UTF_8:
            return _error_with(subject, ENCODING)
        return f"The text was read as {encoding}. Save the file as UTF-8."


class Quoting(Check[CheckedSubmission]):
    code = QUOTING
    title = "Quotation marks enclose whole fields"
    severity = "error"
    requirements = TEXT_FILE

    def explain(self, subject: CheckedSubmission) -> str | None:
        return _error_with(subject, QUOTING)


class Separator(Check[CheckedSubmission]):
    code = "separator"
    title = "Fields are separated by commas"
    severity = "error"
    requirements = TEXT_TABLE

    def explain(self, subject: CheckedSubmission) -> str | None:
        separator = subject.table.form.separator
        if separator == COMMA:
            return None
        return f"The fields are separated by {_SEPARATORS[separator]}. Write commas between them."


def _error_with(case: CheckedSubmission, code: str) -> str | None:
    error = case.read_error
    return str(error) if error is not None and error.code == code else None
