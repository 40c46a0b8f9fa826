"""The total value of the sessions that are open at a moment, with an interval.

At a random moment, most open sessions have had their last event already. So what is still to come of a session is
multiplied by the share that came of training sessions that had been idle for as long. The errors of sessions are taken
as independent, with variances in proportion to the squared widths of their intervals. The total has a gamma
distribution with the mean and the variance of the sum.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import stats

from core.features.columns import EVENTS_SEEN
from core.features.prefixes import ALL_DRAWN
from core.model.history import History
from core.schema import STACK, TIME, UNIT, VALUE
from core.training.live.train import DRAWN, SECURED

Array = NDArray[np.float64]
LEVEL = 0.8
_IDLE_FROM = (0, 30, 120, 600)
"""First second of each class of idle times."""
_GAP = "gap"


class Total(NamedTuple):
    """What the open sessions are expected to be worth together, in value units.

    Attributes:
        value: expected sum of their final values.
        to_come: the part of it that is still to come.
        low, high: ends of the 80% interval of the sum; `high` is infinite if that of a session is.
    """

    value: float
    to_come: float
    low: float
    high: float


@dataclass(frozen=True)
class OpenSessionErrors:
    """How training sessions ended that were open at a random moment, one element per class of idle times.

    Attributes:
        remaining: share of the value still to come that came.
        variance: mean squared error, divided by the mean squared width of the interval.
    """

    remaining: Array
    variance: Array

    @classmethod
    def of(cls, prefixes: pl.DataFrame, history: History, idle_seconds: int) -> OpenSessionErrors:
        """Return the errors of the training sessions of a run.

        Args:
            prefixes: the table `live/prefixes.parquet` of the run.
            history: the history of the run's model.
            idle_seconds: time without an event after which a session has ended.
        """
        rows = prefixes.filter(pl.col(DRAWN) & pl.col(STACK).is_not_nan() & pl.col("high_80").is_finite())
        rows = rows.join(_gaps(history), on=[UNIT, EVENTS_SEEN], maintain_order="left")
        names = (VALUE, STACK, SECURED, "low_80", "high_80", EVENTS_SEEN)
        value, predicted, secured, low, high, seen = (rows.get_column(name).to_numpy() for name in names)
        gap = rows.get_column(_GAP).fill_null(idle_seconds).clip(0, idle_seconds).to_numpy()
        to_come = np.maximum(predicted - secured, 0.0)
        came = value - (predicted - to_come)
        remaining, variance = np.ones(len(_IDLE_FROM)), np.zeros(len(_IDLE_FROM))
        for number, (first, end) in enumerate(zip(_IDLE_FROM, (*_IDLE_FROM[1:], idle_seconds), strict=True)):
            # seconds of the class in which the prefix was all that was seen, also for the prefixes that were not drawn
            weights = np.clip(gap - first, 0, max(end - first, 0)) / np.minimum(1.0, ALL_DRAWN / seen)
            expected, squares = float(weights @ to_come), float(weights @ (high - low) ** 2)
            if expected > 0:
                remaining[number] = max(float(weights @ came) / expected, 0.0)
            if squares > 0:
                variance[number] = float(weights @ (came - remaining[number] * to_come) ** 2) / squares
        return cls(remaining, variance)

    def total(self, value: Array, low: Array, high: Array, *, to_come: Array, idle: Array) -> Total:
        """Forecast the sum of the final values of open sessions.

        Args:
            value, low, high, to_come: (sessions,) the estimates of the sessions, with 80% intervals.
            idle: (sessions,) seconds since the last event of each session.
        """
        number = np.searchsorted(_IDLE_FROM, idle, side="right") - 1
        left = float((self.remaining[number] * to_come).sum())
        mean = float((value - to_come).sum()) + left
        is_finite = np.isfinite(high)
        width = np.where(is_finite, high - low, 0.0)
        variance = float((self.variance[number] * width**2).sum())
        ends = [mean, mean]
        if mean > 0 and variance > 0:
            ends = stats.gamma.ppf(
                [(1 - LEVEL) / 2, (1 + LEVEL) / 2], mean**2 / variance, scale=variance / mean
            ).tolist()
        return Total(mean, left, ends[0], ends[1] if is_finite.all() else math.inf)


def _gaps(history: History) -> pl.DataFrame:
    """Return unit, events_seen and the seconds until the next event, which is null after the last one."""
    events = history.events.select(pl.col(UNIT).cast(pl.Int64), TIME).sort(UNIT, TIME)
    return events.select(
        UNIT,
        pl.int_range(1, pl.len() + 1).over(UNIT).cast(pl.Int64).alias(EVENTS_SEEN),
        (pl.col(TIME).shift(-1).over(UNIT) - pl.col(TIME)).alias(_GAP),
    )
