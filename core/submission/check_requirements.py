"""Requirements of the submission checks. The first unmet one is the reason why a check does not apply."""

from __future__ import annotations

from typing import Final

from core.check_result import Requirement
from core.submission.checked_submission import CheckedSubmission
from core.submission.number_kinds import NUMBER
from core.submission.target import IS_SUM, PREDICTED
from core.submission.unreadable import READABLE

MIN_COMPARED: Final = 50
"""Sessions; the correlation of fewer is too noisy."""
MIN_SUMS: Final = 10
"""Sessions of several users; the mean of fewer is too noisy."""

_Requirement = Requirement[CheckedSubmission]
_READABLE = _Requirement(lambda case: case.read_error is None, "the file cannot be read")
_DECODABLE = _Requirement(
    lambda case: case.read_error is None or case.read_error.code == READABLE, "the text cannot be split into fields"
)
_TEXT_FILE = _Requirement(lambda case: not case.table.form.typed_format, "the file is not text")
_ID_COLUMN = _Requirement(
    lambda case: case.target.columns.session in case.table.header, "the column with the session ids is missing"
)
_VALUE_COLUMN = _Requirement(
    lambda case: case.target.columns.value in case.table.header, "the column with the values is missing"
)
_ROWS = _Requirement(lambda case: case.table.rows.height > 0, "the file has no rows")
_NUMBERS = _Requirement(lambda case: case.numbers.len() > 0, "no value is a number")
_TWO_NUMBERS = _Requirement(lambda case: case.numbers.len() > 1, "fewer than 2 values are numbers")
_DIFFERENT = _Requirement(lambda case: case.numbers.min() != case.numbers.max(), "all numbers are equal")
_TRAIN = _Requirement(lambda case: case.target.train is not None, "there are no train values above 0 to compare with")
_KNOWN = _Requirement(lambda case: case.known.height > 0, "no session with a number is in both files")
_RUN = _Requirement(lambda case: case.target.reference is not None, "there is no run to compare with")
_COMPARABLE = _Requirement(
    lambda case: case.with_reference.height >= MIN_COMPARED,
    f"fewer than {MIN_COMPARED} sessions can be compared with the run",
)
_VARIED = _Requirement(
    lambda case: case.with_reference[NUMBER].n_unique() > 1 and case.with_reference[PREDICTED].n_unique() > 1,
    "all values, or all predictions of the run, are equal",
)
_SUMS = _Requirement(
    lambda case: MIN_SUMS <= case.with_reference[IS_SUM].sum() < case.with_reference.height,
    f"fewer than {MIN_SUMS} sessions belong to several users",
)
_SAMPLE = _Requirement(lambda case: case.target.sample is not None, "there is no sample_submission.csv to compare with")
_SAME_SESSIONS = _Requirement(
    lambda case: case.same_sessions_as_sample, "the file and the sample do not have the same sessions"
)
DECODABLE: Final = (_DECODABLE,)
TEXT_FILE: Final = (_TEXT_FILE,)
TABLE: Final = (_READABLE,)
TEXT_TABLE: Final = (_READABLE, _TEXT_FILE)
IDS: Final = (_READABLE, _ID_COLUMN)
SOME_IDS: Final = (*IDS, _ROWS)
SOME_VALUES: Final = (_READABLE, _VALUE_COLUMN, _ROWS)
TWO_NUMBERS: Final = (*SOME_VALUES, _TWO_NUMBERS)
DIFFERENT_NUMBERS: Final = (*TWO_NUMBERS, _DIFFERENT)
NUMBERS_AND_TRAIN: Final = (_TRAIN, *SOME_VALUES, _NUMBERS)
SAME_SESSIONS_AS_SAMPLE: Final = (_SAMPLE, *SOME_IDS, _SAME_SESSIONS)
KNOWN_VALUES: Final = (*SOME_VALUES, _KNOWN)
WITH_RUN: Final = (_RUN, *SOME_VALUES, _COMPARABLE)
VARIED_WITH_RUN: Final = (*WITH_RUN, _VARIED)
SUMS: Final = (_RUN, *SOME_VALUES, _SUMS)
