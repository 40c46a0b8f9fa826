"""Requirements of the submission checks. The first unmet one is the reason why a check does not apply."""

from __future__ import annotations

from typing import Final

from core.check_result import Requirement
from core.submission.checked_submission import CheckedSubmission

_Requirement = Requirement[CheckedSubmission]
_READABLE = _Requirement(lambda case: case.read_error is None, "the file cannot be read")
_ID_COLUMN = _Requirement(
    lambda case: case.columns.session in case.table.header, "the column with the session ids is missing"
)
_VALUE_COLUMN = _Requirement(
    lambda case: case.columns.value in case.table.header, "the column with the values is missing"
)
_ROWS = _Requirement(lambda case: case.table.rows.height > 0, "the file has no rows")
_NUMBERS = _Requirement(lambda case: case.numbers.len() > 0, "no value is a number")
_TWO_NUMBERS = _Requirement(lambda case: case.numbers.len() > 1, "fewer than 2 values are numbers")
_SAMPLE = _Requirement(lambda case: case.sample is not None, "there is no sample_submission.csv to compare with")
_SAME_SESSIONS = _Requirement(
    lambda case: case.same_sessions_as_sample, "the file and the sample do not have the same sessions"
)
_TRAIN = _Requirement(lambda case: case.train is not None, "there are no train values above 0 to compare with")

TABLE: Final = (_READABLE,)
IDS: Final = (_READABLE, _ID_COLUMN)
SOME_IDS: Final = (*IDS, _ROWS)
SOME_VALUES: Final = (_READABLE, _VALUE_COLUMN, _ROWS)
TWO_NUMBERS: Final = (*SOME_VALUES, _TWO_NUMBERS)
NUMBERS_AND_TRAIN: Final = (_TRAIN, *SOME_VALUES, _NUMBERS)
SAME_SESSIONS_AS_SAMPLE: Final = (_SAMPLE, *SOME_IDS, _SAME_SESSIONS)
