"""Checks of the values: is each a number that a session can be worth, and do they look like those of train?"""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from core.checks import Check
from core.schema import LARGEST_VALUE
from core.submission.case import EMPTY, FINITE, INFINITE, KIND, NUMBER, WORDS, SubmissionCase
from core.submission.requirements import NUMBERS_AND_TRAIN, SOME_VALUES, TWO_NUMBERS
from core.submission.text import line_examples, plain_number, share

PLAUSIBLE_FACTOR: Final = 10
"""Predictions average train values, so they hardly exceed the largest. Ten times that is a wrong unit or scale."""

SCALE_FACTOR: Final = 5
"""Honest means stay near train's (3% apart in The Complete Journey a season later). Values left on the log scale are
ten times too small there, and cents instead of units a hundred times too large."""


class Numbers(Check[SubmissionCase]):
    """No value is a text."""

    code = "numbers"
    title = "No value is text"
    severity = "error"
    requirements = SOME_VALUES

    def explain(self, subject: SubmissionCase) -> str | None:
        advice = "Write numbers with a decimal point, such as 12.50."
        return _explain_rows(subject, subject.of_kind(WORDS), "text", advice)


class EmptyValues(Check[SubmissionCase]):
    """No value is empty or NaN."""

    code = "empty_values"
    title = "No value is empty or NaN"
    severity = "error"
    requirements = SOME_VALUES

    def explain(self, subject: SubmissionCase) -> str | None:
        advice = "Every session needs a number: write 0 for a session that is expected to be worth nothing."
        return _explain_rows(subject, subject.of_kind(EMPTY), "empty or NaN", advice)


class InfiniteValues(Check[SubmissionCase]):
    """No value is infinite, or larger than any that is accepted in an event file."""

    code = "infinite_values"
    title = "No value is infinite or too large"
    severity = "error"
    requirements = SOME_VALUES

    def explain(self, subject: SubmissionCase) -> str | None:
        too_large = (pl.col(KIND) == FINITE) & (pl.col(NUMBER) > LARGEST_VALUE)
        bad = subject.values.filter((pl.col(KIND) == INFINITE) | too_large)
        advice = f"Correct the computation: a value is finite and at most {LARGEST_VALUE:.0e}."
        return _explain_rows(subject, bad, "infinite or too large", advice)


class NegativeValues(Check[SubmissionCase]):
    """No value is below 0; -0.0 is not."""

    code = "negative_values"
    title = "No value is negative"
    severity = "error"
    requirements = SOME_VALUES

    def explain(self, subject: SubmissionCase) -> str | None:
        negative = subject.of_kind(FINITE).filter(pl.col(NUMBER) < 0)
        advice = "A session is worth at least 0: set these values to 0 or correct them."
        return _explain_rows(subject, negative, "below 0", advice)


class ConstantValues(Check[SubmissionCase]):
    """The values are not all the same."""

    code = "constant"
    title = "The values differ"
    severity = "warning"
    requirements = TWO_NUMBERS

    def explain(self, subject: SubmissionCase) -> str | None:
        if subject.numbers.n_unique() > 1:
            return None
        return (
            f"All {subject.numbers.len():,} numbers are {plain_number(subject.numbers[0])}. "
            "Check that they are predictions: those differ between sessions."
        )


class PlausibleValues(Check[SubmissionCase]):
    """No value is far above the largest value of train."""

    code = "plausible"
    title = "No value is far above those of train"
    severity = "warning"
    requirements = NUMBERS_AND_TRAIN

    def explain(self, subject: SubmissionCase) -> str | None:
        largest = float(_train_values(subject).max())
        limit = PLAUSIBLE_FACTOR * largest
        above = subject.of_kind(FINITE).filter(pl.col(NUMBER) > limit)
        problem = f"above {plain_number(limit)}, {PLAUSIBLE_FACTOR} times the largest value of train"
        return _explain_rows(subject, above, problem, "Check the unit and the scale of the values.")


class PlausibleMean(Check[SubmissionCase]):
    """The mean of the values is near the mean of train."""

    code = "scale"
    title = "The mean is near that of train"
    severity = "warning"
    requirements = NUMBERS_AND_TRAIN

    def explain(self, subject: SubmissionCase) -> str | None:
        with np.errstate(over="ignore"):
            mean = float(subject.numbers.to_numpy().mean())
        train_mean = float(_train_values(subject).mean())
        low, high = train_mean / SCALE_FACTOR, train_mean * SCALE_FACTOR
        if low <= mean <= high:
            return None
        return (
            f"The mean value is {plain_number(mean)}, that of train {plain_number(train_mean)}. A mean between "
            f"{plain_number(low)} and {plain_number(high)} is plausible: check whether the values are on a log scale "
            "or in another unit."
        )


def _train_values(case: SubmissionCase) -> NDArray[np.float64]:
    if case.train is None:
        raise ValueError("this check needs train values")
    return case.train.to_numpy()


def _explain_rows(case: SubmissionCase, bad: pl.DataFrame, problem: str, advice: str) -> str | None:
    """Say how many values have a problem, with the first few; None if there are none."""
    if bad.is_empty():
        return None
    return f"{share(bad.height, case.values.height, 'value')} {problem} ({line_examples(bad)}). {advice}"
