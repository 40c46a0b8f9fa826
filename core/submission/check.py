"""What a check is, what it can need, and what it answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from core.schema import SESSION_VALUE, USER_SESSION
from core.submission.case import Case

Severity = Literal["error", "warning"]
"""An error makes the submission unusable, a warning only unlikely to be what was meant."""

Outcome = Literal["passed", "failed", "not_applicable"]


@dataclass(frozen=True)
class CheckResult:
    """What one check found. `explanation` is one sentence; it is empty when the check passed."""

    code: str
    title: str
    outcome: Outcome
    severity: Severity
    explanation: str


@dataclass(frozen=True)
class Need:
    """Something without which a check does not apply."""

    met: Callable[[Case], bool]
    otherwise: str


@dataclass(frozen=True)
class Check:
    """A rule for submissions: `explain` is asked once all `needs` are met, and answers None when the rule is kept."""

    code: str
    title: str
    severity: Severity
    needs: tuple[Need, ...]
    explain: Callable[[Case], str | None]

    def result(self, case: Case) -> CheckResult:
        """Passed, failed with the explanation, or not applicable with the first need that is not met."""
        unmet = next((need.otherwise for need in self.needs if not need.met(case)), None)
        if unmet is not None:
            return CheckResult(self.code, self.title, "not_applicable", self.severity, f"Does not apply: {unmet}.")
        explanation = self.explain(case)
        outcome: Outcome = "passed" if explanation is None else "failed"
        return CheckResult(self.code, self.title, outcome, self.severity, explanation or "")


_READABLE: Final = Need(lambda case: case.unreadable is None, "the file cannot be read")
_ID_COLUMN: Final = Need(lambda case: case.table.has(USER_SESSION), f"there is no column {USER_SESSION}")
_VALUE_COLUMN: Final = Need(lambda case: case.table.has(SESSION_VALUE), f"there is no column {SESSION_VALUE}")
_ROWS: Final = Need(lambda case: case.table.rows.height > 0, "the file has no rows")
_NUMBERS: Final = Need(lambda case: case.numbers.len() > 0, "no value is a number")
_TWO_NUMBERS: Final = Need(lambda case: case.numbers.len() > 1, "fewer than 2 values are numbers")
_SAMPLE: Final = Need(lambda case: case.sample is not None, "no sample_submission.csv was given")
_SAME_SESSIONS: Final = Need(lambda case: case.same_sessions_as_sample, "file and sample do not hold the same sessions")
_TRAIN: Final = Need(lambda case: case.train is not None, "no train values above 0 were given")

# What a check names, in the order in which an unmet need is told.
TABLE: Final = (_READABLE,)
IDS: Final = (_READABLE, _ID_COLUMN)
SOME_IDS: Final = (*IDS, _ROWS)
SOME_VALUES: Final = (_READABLE, _VALUE_COLUMN, _ROWS)
TWO_NUMBERS: Final = (*SOME_VALUES, _TWO_NUMBERS)
NUMBERS_AND_TRAIN: Final = (_TRAIN, *SOME_VALUES, _NUMBERS)
IDS_AS_IN_SAMPLE: Final = (_SAMPLE, *SOME_IDS, _SAME_SESSIONS)
