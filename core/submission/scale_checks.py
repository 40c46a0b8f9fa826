"""Checks that the values are in the unit and on the scale of the train values.

The title of a check says what holds if it passes.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.check_result import Check
from core.submission.check_requirements import NUMBERS_AND_TRAIN
from core.submission.checked_submission import CheckedSubmission
from core.submission.text import plain_number

SCALE_FACTOR: Final = 5
"""The mean of real predictions stays near the mean of train: 3% apart on The Complete Journey a season later. There,
values on the log scale are ten times too small, and cents instead of units a hundred times too large."""
LOG_TOLERANCE, LOG_DISTANCE = 1.4, 2.0
"""Factors: the mean is this close to that of the logarithms of train, and at least so far from that of train."""
UNITS: Final = {1e-3: "in thousands", 1e-2: "in hundreds", 1e2: "in cents", 1e3: "in thousandths"}
UNIT_TOLERANCE: Final = 1.3


class LogScale(Check[CheckedSubmission]):
    code = "log_scale"
    title = "The values are not logarithms"
    severity = "warning"
    requirements = NUMBERS_AND_TRAIN

    def explain(self, subject: CheckedSubmission) -> str | None:
        train = train_values(subject)
        logarithms = np.log1p(np.maximum(train, 0.0))
        mean, log_mean = mean_value(subject), float(logarithms.mean())
        is_log = (
            _factor(mean, log_mean) < LOG_TOLERANCE
            and _factor(mean, float(train.mean())) > LOG_DISTANCE
            and float(subject.numbers.max()) <= LOG_TOLERANCE * float(logarithms.max())  # type: ignore[arg-type]
        )
        if not is_log:
            return None
        return (
            f"The average is {plain_number(mean)}, near the average of log(1 + value) in the train file, "
            f"{plain_number(log_mean)}, and far from the average value there, {plain_number(train.mean())}. Transform "
            "the predictions back: value = exp(prediction) - 1."
        )


class Unit(Check[CheckedSubmission]):
    code = "unit"
    title = "The values are in the unit of the train file"
    severity = "warning"
    requirements = NUMBERS_AND_TRAIN

    def explain(self, subject: CheckedSubmission) -> str | None:
        mean, train_mean = mean_value(subject), float(train_values(subject).mean())
        for factor, unit in UNITS.items():
            if _factor(mean, train_mean * factor) < UNIT_TOLERANCE:
                return (
                    f"The average is {plain_number(mean)}, about {plain_number(factor)} times that of the train file, "
                    f"{plain_number(train_mean)}. The values may be {unit}. Divide them by {plain_number(factor)}."
                )
        return None


class PlausibleMean(Check[CheckedSubmission]):
    code = "scale"
    title = "The average is near that of the train file"
    severity = "warning"
    requirements = NUMBERS_AND_TRAIN

    def explain(self, subject: CheckedSubmission) -> str | None:
        mean, train_mean = mean_value(subject), float(train_values(subject).mean())
        low, high = train_mean / SCALE_FACTOR, train_mean * SCALE_FACTOR
        if low <= mean <= high:
            return None
        return (
            f"The average is {plain_number(mean)}, that of the train file {plain_number(train_mean)}. An average "
            f"between {plain_number(low)} and {plain_number(high)} is plausible. Check whether the values are on a log "
            "scale or in another unit."
        )


def mean_value(case: CheckedSubmission) -> float:
    """Return the mean of the numbers; infinite if their sum is too large for a double."""
    with np.errstate(over="ignore"):
        return float(case.numbers.to_numpy().mean())


def train_values(case: CheckedSubmission) -> NDArray[np.float64]:
    """Return the session values of the train file."""
    if case.target.train is None:
        raise ValueError("this check needs train values")
    return case.target.train.to_numpy()


def _factor(number: float, other: float) -> float:
    """Return the factor between two numbers, from 1; infinite unless both are above 0."""
    return max(number / other, other / number) if number > 0 and other > 0 else np.inf
