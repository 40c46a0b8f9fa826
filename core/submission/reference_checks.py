"""Checks against the known values of sessions in both files, and against the predictions of a run.

The title of a check says what holds if it passes.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from core.base.amounts import value_text
from core.base.text import listed, number, percent, whole
from core.check_result import Check
from core.submission import alignment
from core.submission.check_requirements import KNOWN_VALUES, SUMS, VARIED_WITH_RUN, WITH_RUN
from core.submission.checked_submission import CheckedSubmission
from core.submission.number_kinds import NUMBER
from core.submission.target import IS_SUM, PREDICTED, TEXT, VALUE
from core.submission.text import count_of, quoted

Vector = NDArray[np.float64]

KNOWN_TOLERANCE: Final = 0.005, 1e-3
"""A value may be rounded: by this amount, or by this share of it."""
MIN_SUM_RATIO: Final = 0.75
"""Files that predict one user of each shared id are at about a half."""
MAX_PSI: Final = 0.25
"""The usual threshold of a major difference (Siddiqi 2006, Credit Risk Scorecards)."""
_BINS: Final = 10
_MIN_SHARE: Final = 1e-4
_QUANTILES: Final = {"lowest decile": 0.1, "median": 0.5, "highest decile": 0.9}


def wrong_known(known: pl.DataFrame) -> pl.DataFrame:
    """Return the rows whose `number` differs from the known `value` by more than rounding."""
    absolute, relative = KNOWN_TOLERANCE
    distance = (pl.col(NUMBER) - pl.col(VALUE)).abs()
    return known.filter(distance > pl.max_horizontal(pl.lit(absolute), pl.col(VALUE).abs() * relative))


class KnownValues(Check[CheckedSubmission]):
    code = "known_values"
    title = "Sessions in both files have their known value"
    severity = "warning"
    requirements = KNOWN_VALUES

    def explain(self, subject: CheckedSubmission) -> str | None:
        wrong = wrong_known(subject.known)
        if wrong.is_empty():
            return None
        amount = count_of(wrong.height, subject.known.height, "session", "has", "have")
        return (
            f"{amount} a different value than in the train file ({quoted(wrong[TEXT])}). The value of a session in "
            "both files is known from the train file. Write the known values, or let a repair write them."
        )


class Sums(Check[CheckedSubmission]):
    code = "sums"
    title = "Shared session ids have the sum of their users' values"
    severity = "warning"
    requirements = SUMS

    def explain(self, subject: CheckedSubmission) -> str | None:
        rows = subject.with_reference
        shared, single = rows.filter(IS_SUM), rows.filter(~pl.col(IS_SUM))
        ratio, usual = (_ratio(part[NUMBER].to_numpy(), part[PREDICTED].to_numpy()) for part in (shared, single))
        if ratio >= MIN_SUM_RATIO * usual:
            return None
        return (
            f"The values of the {whole(shared.height)} session ids that several users share add up to "
            f"{percent(ratio)} of the run's predictions, those of other sessions to {percent(usual)}. The value of a "
            "shared session id is the sum over its users. Add up the predictions by session id."
        )


class OutOfStep(Check[CheckedSubmission]):
    code = "out_of_step"
    title = "Each value is next to its own id"
    severity = "warning"
    requirements = VARIED_WITH_RUN

    def explain(self, subject: CheckedSubmission) -> str | None:
        rows = subject.with_reference
        return alignment.explain(rows[TEXT], rows[NUMBER].to_numpy(), rows[PREDICTED].to_numpy())


class Distribution(Check[CheckedSubmission]):
    code = "distribution"
    title = "The values are distributed like the predictions of the run"
    severity = "warning"
    requirements = WITH_RUN

    def explain(self, subject: CheckedSubmission) -> str | None:
        rows = subject.with_reference
        values, predicted = rows[NUMBER].to_numpy(), rows[PREDICTED].to_numpy()
        index = stability_index(predicted, values)
        if index <= MAX_PSI:
            return None
        quantiles = [
            f"{name} {value_text(float(np.quantile(values, level)))} against "
            f"{value_text(float(np.quantile(predicted, level)))}"
            for name, level in _QUANTILES.items()
        ]
        return (
            f"The population stability index is {number(index)}, above {MAX_PSI}: {listed(quantiles)} of the run. "
            "Unless the difference is intended, check the unit, the scale and the model."
        )


def stability_index(expected: Vector, actual: Vector) -> float:
    """Return the population stability index of two samples, over the deciles of the expected one.

    >>> sample = np.arange(1000.0)
    >>> stability_index(sample, sample), stability_index(sample, sample + 300) > 0.25
    (0.0, True)
    """
    edges = np.unique(np.quantile(expected, np.linspace(0, 1, _BINS + 1)[1:-1]))
    shares = [
        np.maximum(np.bincount(np.searchsorted(edges, sample, side="left"), minlength=len(edges) + 1), 0) / len(sample)
        for sample in (expected, actual)
    ]
    first, second = (np.maximum(share, _MIN_SHARE) for share in shares)
    return float(((second - first) * np.log(second / first)).sum())


def _ratio(values: Vector, predicted: Vector) -> float:
    total = float(predicted.sum())
    return float(values.sum()) / total if total > 0 else 1.0
