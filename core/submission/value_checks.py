"""Checks that each value is a number that a session can be worth, and that the values resemble those of train.

The title of a check says what holds if it passes.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from core.base.text import percent, whole
from core.check_result import Check
from core.schema import LARGEST_VALUE
from core.submission.check_requirements import DIFFERENT_NUMBERS, NUMBERS_AND_TRAIN, SOME_VALUES, TWO_NUMBERS
from core.submission.checked_submission import CheckedSubmission
from core.submission.number_kinds import (
    DECIMAL_COMMA,
    EMPTY,
    INFINITE,
    KIND,
    NO_NUMBER,
    NUMBER,
    SIGN,
    THOUSANDS_MARK,
    UNCLEAR,
)
from core.submission.scale_checks import train_values
from core.submission.target import TEXT
from core.submission.text import count_of, explain_rows, plain_number

MOST_ROWS: Final = 0.5
MOST_ABOVE_TRAIN: Final = 0.2
"""Shares: a value in more rows than this, and in so much larger a share than in train, is rarely a prediction."""
PLAUSIBLE_FACTOR: Final = 10
"""Predictions average train values, so they hardly exceed the largest. Ten times that shows a wrong unit or scale."""


class Numbers(Check[CheckedSubmission]):
    code = "numbers"
    title = "No value is text"
    severity = "error"
    requirements = SOME_VALUES

    def explain(self, subject: CheckedSubmission) -> str | None:
        text = subject.of_kind(NO_NUMBER)
        if subject.marks is not None:
            advice = "Choose other marks, or write numbers with a decimal point, such as 12.50."
            return _explain_values(subject, text, f"no number that looks like {subject.marks}", advice)
        advice = "Write numbers with a decimal point, such as 12.50."
        if text[TEXT].str.contains(UNCLEAR).any():
            advice = (
                "A number such as 1,234 can be a thousand or a little more than one. Say what its marks mean: with "
                "--marks, or on the page under “Number format”."
            )
        return _explain_values(subject, text, "text", advice)


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
        too_large = pl.col(NUMBER) > LARGEST_VALUE
        bad = subject.values.filter((pl.col(KIND) == INFINITE) | too_large)
        advice = f"A value must be finite and at most {LARGEST_VALUE:,.0f}. Correct the computation."
        return _explain_values(subject, bad, "infinite or too large", advice)


class NegativeValues(Check[CheckedSubmission]):
    code = "negative_values"
    title = "No value is negative"
    severity = "error"
    requirements = SOME_VALUES

    def explain(self, subject: CheckedSubmission) -> str | None:
        negative = subject.values.filter(pl.col(NUMBER) < 0)  # -0.0 is not below 0
        advice = "A session is worth at least 0. Set these values to 0 or correct them."
        return _explain_values(subject, negative, "below 0", advice)


class DecimalMark(Check[CheckedSubmission]):
    code = "decimal_mark"
    title = "Decimals have a point"
    severity = "error"
    requirements = SOME_VALUES

    def explain(self, subject: CheckedSubmission) -> str | None:
        advice = "Write them with a point, such as 12.5, and without a mark between thousands."
        return _explain_values(subject, subject.of_kind(DECIMAL_COMMA), "written with a decimal comma", advice)


class ThousandsMark(Check[CheckedSubmission]):
    code = "thousands_mark"
    title = "Thousands have no mark between them"
    severity = "error"
    requirements = SOME_VALUES

    def explain(self, subject: CheckedSubmission) -> str | None:
        advice = "Write them without it, such as 1234.5."
        return _explain_values(
            subject, subject.of_kind(THOUSANDS_MARK), "written with a mark between thousands", advice
        )


class ValueSigns(Check[CheckedSubmission]):
    code = "value_signs"
    title = "Values are numbers without other signs"
    severity = "error"
    requirements = SOME_VALUES

    def explain(self, subject: CheckedSubmission) -> str | None:
        problem = "written with a currency, brackets, an unusual blank or an unusual minus"
        advice = "Write only the number, such as 12.50 or -12.50."
        return _explain_values(subject, subject.of_kind(SIGN), problem, advice)


class ConstantValues(Check[CheckedSubmission]):
    code = "constant"
    title = "The values differ"
    severity = "warning"
    requirements = TWO_NUMBERS

    def explain(self, subject: CheckedSubmission) -> str | None:
        if subject.numbers.min() != subject.numbers.max():
            return None
        return (
            f"All {whole(subject.numbers.len())} numbers are {plain_number(subject.numbers[0])}. "
            "Predictions differ between sessions. Check whether this is the right file."
        )


class RepeatedValues(Check[CheckedSubmission]):
    code = "repeated_values"
    title = "No value is repeated in most rows"
    severity = "warning"
    requirements = DIFFERENT_NUMBERS

    def explain(self, subject: CheckedSubmission) -> str | None:
        # a value in more than half of the rows is their median, which is found faster than all counts
        value = float(subject.numbers.quantile(0.5, "lower") or 0.0)
        amount = int((subject.numbers == value).sum())
        share = amount / subject.numbers.len()
        train = subject.target.train
        usual = 0.0 if train is None else float((train == value).sum()) / train.len()
        if share <= MOST_ROWS or share <= usual + MOST_ABOVE_TRAIN:
            return None
        return (
            f"{whole(amount)} of {whole(subject.numbers.len())} numbers are {plain_number(value)}, a value that "
            f"{percent(usual)} of the train sessions have. Check whether predictions were lost and filled with a "
            "default."
        )


class PlausibleValues(Check[CheckedSubmission]):
    code = "plausible"
    title = "No value is far above those of the train file"
    severity = "warning"
    requirements = NUMBERS_AND_TRAIN

    def explain(self, subject: CheckedSubmission) -> str | None:
        limit = PLAUSIBLE_FACTOR * train_values(subject).max()
        above = subject.values.filter(pl.col(NUMBER) > limit)
        problem = f"above {plain_number(limit)}, which is {PLAUSIBLE_FACTOR} times the largest value of the train file"
        return _explain_values(subject, above, problem, "Check the unit and the scale of the values.")


def _explain_values(case: CheckedSubmission, bad: pl.DataFrame, problem: str, advice: str) -> str | None:
    return explain_rows(bad, count_of(bad.height, case.values.height, "value"), problem, advice)
