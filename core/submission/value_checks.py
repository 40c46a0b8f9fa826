"""Checks that each value is a number that a session can be worth, and that the values resemble those of train.

The title of a check says what holds if it passes.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from core.check_result import Check
from core.schema import LARGEST_VALUE
from core.submission.checked_submission import EMPTY, FINITE, INFINITE, KIND, NO_NUMBER, NUMBER, CheckedSubmission
from core.submission.requirements import NUMBERS_AND_TRAIN, SOME_VALUES, TWO_NUMBERS
from core.submission.text import count_of, explain_rows, plain_number

PLAUSIBLE_FACTOR: Final = 10
"""Predictions average train values, so they hardly exceed the largest. Ten times that shows a wrong unit or scale."""

SCALE_FACTOR: Final = 5
"""The mean of real predictions stays near the mean of train: 3% apart on The Complete Journey a season later. There,
values on the log scale are ten times too small, and cents instead of units a hundred times too large."""


class Numbers(Check[CheckedSubmission]):
    code = "numbers"
    title = "No value is text"
    severity = "error"
    requirements = SOME_VALUES

    def explain(self, subject: CheckedSubmission) -> str | None:
        advice = "Write numbers with a decimal point, such as 12.50."
        return _explain_values(subject, subject.of_kind(NO_NUMBER), "text", advice)


class EmptyValues(Check[CheckedSubmission]):
    code = "empty_values"
    title = "No value is empty or NaN"
    severity = "error"
    requirements = SOME_VALUES

    def explain(self, subject: CheckedSubmission) -> str | None:
        advice = "Every session needs a number. Write 0 if a session is expected to be worth nothing."
        return _explain_values(subject, subject.of_kind(EMPTY), "empty or NaN", advice)


class InfiniteValues(Check[CheckedSubmission]):
    code = "infinite_values"
    title = "No value is infinite or too large"
    severity = "error"
    requirements = SOME_VALUES

    def explain(self, subject: CheckedSubmission) -> str | None:
        too_large = (pl.col(KIND) == FINITE) & (pl.col(NUMBER) > LARGEST_VALUE)
        bad = subject.values.filter((pl.col(KIND) == INFINITE) | too_large)
        advice = f"A value must be finite and at most {LARGEST_VALUE:,.0f}. Correct the computation."
        return _explain_values(subject, bad, "infinite or too large", advice)


class NegativeValues(Check[CheckedSubmission]):
    code = "negative_values"
    title = "No value is negative"
    severity = "error"
    requirements = SOME_VALUES

    def explain(self, subject: CheckedSubmission) -> str | None:
        negative = subject.of_kind(FINITE).filter(pl.col(NUMBER) < 0)  # -0.0 is not below 0
        advice = "A session is worth at least 0. Set these values to 0 or correct them."
        return _explain_values(subject, negative, "below 0", advice)


class ConstantValues(Check[CheckedSubmission]):
    code = "constant"
    title = "The values differ"
    severity = "warning"
    requirements = TWO_NUMBERS

    def explain(self, subject: CheckedSubmission) -> str | None:
        if subject.numbers.n_unique() > 1:
            return None
        return (
            f"All {subject.numbers.len():,} numbers are {plain_number(subject.numbers[0])}. "
            "Predictions differ between sessions. Check whether this is the right file."
        )


class PlausibleValues(Check[CheckedSubmission]):
    code = "plausible"
    title = "No value is far above those of train"
    severity = "warning"
    requirements = NUMBERS_AND_TRAIN

    def explain(self, subject: CheckedSubmission) -> str | None:
        limit = PLAUSIBLE_FACTOR * float(_train_values(subject).max())
        above = subject.of_kind(FINITE).filter(pl.col(NUMBER) > limit)
        problem = f"above {plain_number(limit)}, which is {PLAUSIBLE_FACTOR} times the largest value of train"
        return _explain_values(subject, above, problem, "Check the unit and the scale of the values.")


class PlausibleMean(Check[CheckedSubmission]):
    code = "scale"
    title = "The mean is near that of train"
    severity = "warning"
    requirements = NUMBERS_AND_TRAIN

    def explain(self, subject: CheckedSubmission) -> str | None:
        with np.errstate(over="ignore"):
            mean = float(subject.numbers.to_numpy().mean())
        train_mean = float(_train_values(subject).mean())
        low, high = train_mean / SCALE_FACTOR, train_mean * SCALE_FACTOR
        if low <= mean <= high:
            return None
        return (
            f"The mean value is {plain_number(mean)}, and that of train is {plain_number(train_mean)}. A mean between "
            f"{plain_number(low)} and {plain_number(high)} is plausible. Check whether the values are on a log scale "
            "or in another unit."
        )


def _train_values(case: CheckedSubmission) -> NDArray[np.float64]:
    if case.train is None:
        raise ValueError("this check needs train values")
    return case.train.to_numpy()


def _explain_values(case: CheckedSubmission, bad: pl.DataFrame, problem: str, advice: str) -> str | None:
    return explain_rows(bad, count_of(bad.height, case.values.height, "value"), problem, advice)
