"""Compare finished runs with the actual values of their test sessions.

A dataset that was split from one log knows the actual values of its test sessions. Nothing that learns reads them. They
are read here, when a run is finished, and nothing that is computed from them is stored.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import polars as pl

from core.base.text import count
from core.dataset import Dataset
from core.metric import metric_named, score_in_words, score_text
from core.runs import Run
from core.runs.store import ANSWERS_FILE, OOF_FILE
from core.schema import (
    ROLE,
    SECONDS_PER_DAY,
    SESSION,
    SESSION_VALUE,
    STACK,
    START,
    TEST_ROLE,
    UNIT,
    USER_SESSION,
    VALUE,
)

_LEVEL: Final = 0.90
_MIN_DAYS: Final = 20
"""Train days that an interval of a day's total needs. With fewer, it would depend on one or two of them."""
_DAYS_SCHEMA: Final[dict[str, Any]] = {
    "day": pl.Datetime("ms"),
    "sessions": pl.Int64,
    "expected": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "actual": pl.Float64,
}


@dataclass(frozen=True)
class Comparison:
    """The expected and the actual score of a run, in the run's metric.

    Attributes:
        metric, label, unit: code, name for people, and unit of the metric.
        expected, low, high: expected score and its 90% interval, as computed before the values were known.
        is_withheld: whether the expected score was withheld, because the test file differs from the train file.
        actual: score of the run's predictions on the sessions whose actual value is known.
        sessions: number of these sessions.
        unknown: number of sessions to predict whose actual value is unknown.
    """

    metric: str
    label: str
    unit: str
    expected: float
    low: float
    high: float
    is_withheld: bool
    actual: float
    sessions: int
    unknown: int

    @property
    def is_inside(self) -> bool:
        """Whether the actual score is inside the interval."""
        return self.low <= self.actual <= self.high

    @property
    def sentence(self) -> str:
        """The comparison in one sentence."""
        actual = score_in_words(self.metric, self.actual)
        text = f"The actual {self.label} on {count(self.sessions, 'session')} is {actual}"
        if self.is_withheld:
            return f"{text}. The expected score was withheld."
        place = "inside" if self.is_inside else "below" if self.actual < self.low else "above"
        return (
            f"{text}, {place} the 90% interval of {score_text(self.metric, self.low)} to "
            f"{score_text(self.metric, self.high)}; the expected {self.label} was "
            f"{score_in_words(self.metric, self.expected)}."
        )

    def record(self) -> dict[str, Any]:
        """Return the JSON object of the comparison."""
        return {
            "metric": self.metric,
            "expected": self.expected,
            "low": self.low,
            "high": self.high,
            "expected_withheld": self.is_withheld,
            "actual": self.actual,
            "inside": self.is_inside,
            "sessions": self.sessions,
            "unknown": self.unknown,
        }


def compare_with_actual(run: Run, dataset: Dataset) -> Comparison | None:
    """Compare the expected score of a run with the actual one; None if no actual value is known.

    Raises:
        RunError: a table of the run or of the dataset is damaged.
    """
    if not run.is_on(dataset) or dataset.card().split is None:
        return None
    sessions = _sessions(run, dataset)
    with_value = sessions.drop_nulls(VALUE)
    if with_value.is_empty():
        return None
    scores = run.manifest.scores.metric_scores
    predicted, actual = (with_value.get_column(name).to_numpy() for name in (SESSION_VALUE, VALUE))
    return Comparison(
        metric=scores.metric,
        label=scores.label,
        unit=scores.unit,
        expected=scores.expected.value,
        low=scores.expected.low,
        high=scores.expected.high,
        is_withheld=run.manifest.scores.expected_withheld,
        actual=metric_named(scores.metric).evaluate(predicted, actual),
        sessions=with_value.height,
        unknown=sessions.height - with_value.height,
    )


def daily_totals(run: Run, dataset: Dataset) -> pl.DataFrame:
    """Return the expected and the actual total value of the test sessions that begin on each day.

    A day has 24 hours and the first one begins with the test file, so that only the last one may be shorter. Sessions
    whose actual value is unknown are left out of both totals.

    The interval comes from the days of the train file: from the differences between their totals of out-of-fold
    predictions and of values, each divided by the square root of the number of sessions. So it includes effects that
    all sessions of a day have in common. It holds only if test days are similar to train days.

    Returns:
        One row per day with a session; no rows if no actual value is known.
        day: start of the day, in UTC.
        sessions: number of sessions.
        expected: sum of the predictions, in value units.
        low, high: 90% interval of the actual total; null if the train file has fewer than 20 days.
        actual: sum of the actual values, in value units.
    """
    split = dataset.card().split
    if split is None or not run.is_on(dataset):
        return pl.DataFrame(schema=_DAYS_SCHEMA)
    units = dataset.units().select(UNIT, SESSION, ROLE, START).collect()
    starts = units.filter(pl.col(ROLE) == TEST_ROLE).group_by(SESSION).agg(pl.col(START).min())
    sessions = _sessions(run, dataset).drop_nulls(VALUE).join(starts, on=SESSION)
    width = _total_width(run.table(OOF_FILE).select(UNIT, VALUE, STACK).collect().join(units, on=UNIT), split.start)
    spread = pl.lit(width, dtype=pl.Float64) * pl.col("sessions").sqrt()
    return (
        sessions.group_by(_day(split.start))
        .agg(
            pl.len().cast(pl.Int64).alias("sessions"),
            pl.col(SESSION_VALUE).sum().alias("expected"),
            pl.col(VALUE).sum().alias("actual"),
        )
        .sort("day")
        .with_columns(
            (pl.col("expected") - spread).clip(lower_bound=0.0).alias("low"),
            (pl.col("expected") + spread).alias("high"),
            ((pl.col("day") * SECONDS_PER_DAY + split.start) * 1000).cast(pl.Datetime("ms")).alias("day"),
        )
        .select(*_DAYS_SCHEMA)
    )


def _sessions(run: Run, dataset: Dataset) -> pl.DataFrame:
    """Return the predicted sessions with their actual values: session, session_value (predicted), value (actual)."""
    predicted = run.table(ANSWERS_FILE).select(USER_SESSION, SESSION_VALUE).collect()
    actual = dataset.actual_values().select(SESSION, USER_SESSION, VALUE)
    return predicted.join(actual, on=USER_SESSION, how="left", maintain_order="left")


def _day(first: int) -> pl.Expr:
    """Return the number of days of 24 hours from `first` to the start of a session; negative before `first`."""
    return ((pl.col(START) - first) // SECONDS_PER_DAY).alias("day")


def _total_width(oof: pl.DataFrame, first: int) -> float | None:
    """Return half the width of the interval of a day's total, per square root of its sessions; None with too few days.

    It is the conformal quantile of the days before `first`: at least 90% of new days like them are inside.

    Args:
        oof: value, stack and start of the train units. A day counts with its sessions that have a prediction.
    """
    errors = oof.filter(pl.col(STACK).is_not_nan(), pl.col(VALUE).is_not_null())
    days = errors.group_by(_day(first)).agg(
        (pl.col(VALUE) - pl.col(STACK)).sum().abs().alias("error"), pl.len().alias("sessions")
    )
    if days.height < _MIN_DAYS:
        return None
    widths = np.sort((days.get_column("error") / days.get_column("sessions").sqrt()).to_numpy())
    rank = math.ceil((len(widths) + 1) * _LEVEL)
    return float(widths[rank - 1])
