"""What submission checks require before they can be made, in the order in which an unmet requirement is reported."""

from __future__ import annotations

from typing import Final

from core.checks import Requirement
from core.schema import SESSION_VALUE, USER_SESSION
from core.submission.case import SubmissionCase

_READABLE: Final = Requirement[SubmissionCase](lambda case: case.read_error is None, "the file cannot be read")
_ID_COLUMN: Final = Requirement[SubmissionCase](
    lambda case: case.table.has(USER_SESSION), f"there is no column {USER_SESSION}"
)
_VALUE_COLUMN: Final = Requirement[SubmissionCase](
    lambda case: case.table.has(SESSION_VALUE), f"there is no column {SESSION_VALUE}"
)
_ROWS: Final = Requirement[SubmissionCase](lambda case: case.table.rows.height > 0, "the file has no rows")
_NUMBERS: Final = Requirement[SubmissionCase](lambda case: case.numbers.len() > 0, "no value is a number")
_TWO_NUMBERS: Final = Requirement[SubmissionCase](
    lambda case: case.numbers.len() > 1, "fewer than 2 values are numbers"
)
_SAMPLE: Final = Requirement[SubmissionCase](
    lambda case: case.sample is not None, "there is no sample_submission.csv to compare with"
)
_SAME_SESSIONS: Final = Requirement[SubmissionCase](
    lambda case: case.same_sessions_as_sample, "the file and the sample do not have the same sessions"
)
_TRAIN: Final = Requirement[SubmissionCase](
    lambda case: case.train is not None, "there are no train values above 0 to compare with"
)

TABLE: Final = (_READABLE,)
IDS: Final = (_READABLE, _ID_COLUMN)
SOME_IDS: Final = (*IDS, _ROWS)
SOME_VALUES: Final = (_READABLE, _VALUE_COLUMN, _ROWS)
TWO_NUMBERS: Final = (*SOME_VALUES, _TWO_NUMBERS)
NUMBERS_AND_TRAIN: Final = (_TRAIN, *SOME_VALUES, _NUMBERS)
SAME_SESSIONS_AS_SAMPLE: Final = (_SAMPLE, *SOME_IDS, _SAME_SESSIONS)
