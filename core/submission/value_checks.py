"""Are the values right? Each function explains one check of `CHECKS`, None meaning that it passes."""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl

from core.schema import LARGEST_VALUE
from core.submission.case import EMPTY, FINITE, INFINITE, KIND, NUMBER, WORDS, Case
from core.submission.wording import counted, line_examples, plain_number

PLAUSIBLE_FACTOR: Final = 10
"""A prediction averages train values, so it hardly exceeds the largest; ten times that is a slip of unit or scale."""

SCALE_FACTOR: Final = 5
"""Means of honest predictions stay near train's (The Complete Journey: 3 % apart a season later), while values left on
the log scale are ten times too small there and cents for units a hundred times too large: 5 lies well between."""


def explain_words(case: Case) -> str | None:
    """No value is a text."""
    rule = "a value must be a number with a decimal point, such as 12.50; replace every text by a number"
    return _explain(case, case.of_kind(WORDS), "text", rule)


def explain_empty(case: Case) -> str | None:
    """No value is empty or NaN."""
    rule = "every session needs a number; fill them in, with 0 where nothing is expected,"
    return _explain(case, case.of_kind(EMPTY), "empty or NaN", rule)


def explain_infinite(case: Case) -> str | None:
    """No value is infinite, or larger than any that is read from an event file."""
    huge = (pl.col(KIND) == FINITE) & (pl.col(NUMBER) > LARGEST_VALUE)
    rule = f"a value must be finite, at most {LARGEST_VALUE:.0e}; correct the computation that made it so"
    return _explain(case, case.values.filter((pl.col(KIND) == INFINITE) | huge), "infinite or too large", rule)


def explain_negative(case: Case) -> str | None:
    """No value is below 0; -0.0 is not."""
    negative = case.of_kind(FINITE).filter(pl.col(NUMBER) < 0)
    return _explain(case, negative, "below 0", "a session is worth at least 0; set such values to 0 or correct them")


def explain_constant(case: Case) -> str | None:
    """The numbers are not all the same; asked only when there are two or more."""
    if case.numbers.n_unique() > 1:
        return None
    return (
        f"All {case.numbers.len():,} numbers are {plain_number(case.numbers[0])}: values that differ between sessions "
        "are expected; write predictions in their place and check again."
    )


def explain_plausible(case: Case) -> str | None:
    """No number is far above the largest value of train."""
    largest = float(_train(case).max())
    most = PLAUSIBLE_FACTOR * largest
    above = case.of_kind(FINITE).filter(pl.col(NUMBER) > most)
    problem = f"more than {PLAUSIBLE_FACTOR} times the largest of train, {plain_number(largest)}"
    return _explain(case, above, problem, f"up to {plain_number(most)} is plausible; look at unit and scale")


def explain_scale(case: Case) -> str | None:
    """The mean of the numbers is near the mean of train."""
    with np.errstate(over="ignore"):
        mean = float(case.numbers.to_numpy().mean())
    usual = float(_train(case).mean())
    low, high = usual / SCALE_FACTOR, usual * SCALE_FACTOR
    if low <= mean <= high:
        return None
    return (
        f"The mean value is {plain_number(mean)}, that of train {plain_number(usual)}: "
        f"a mean from {plain_number(low)} to {plain_number(high)} is plausible; "
        "see whether the values are on a log scale or in another unit, and check again."
    )


def _train(case: Case) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    if case.train is None:
        raise ValueError("this check needs train values")
    return case.train.to_numpy()


def _explain(case: Case, odd: pl.DataFrame, problem: str, rule: str) -> str | None:
    if odd.is_empty():
        return None
    share = counted(odd.height, case.values.height, "value")
    return f"{share} {problem} ({line_examples(odd)}): {rule} and check again."
