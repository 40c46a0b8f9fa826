"""The total value of all sessions that are open at a moment, with an interval.

Many sessions that are open at a random moment have already had their last event. The value still to come of a session
is therefore multiplied by the share of it that came, on average, in training sessions that had been idle for as long.

The interval of the total assumes that the errors of different sessions are independent. The variance and the third
central moment of the total are then sums over sessions. Those of a session are proportional to the square and the cube
of the width of its interval, with the factors that the out-of-fold errors of the training sessions have. The variance
also has the sampling error of the share that still comes, which all sessions have in common. The ends are quantiles of
the Pearson type III distribution with these moments, which is skewed as values are, and close to the normal
distribution for many sessions. The interval does not include effects that the training sessions do not show, such as a
sale.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.stats import pearson3

from core.features.columns import EVENTS_SEEN
from core.features.prefixes import ALWAYS_DRAWN_LENGTH
from core.model.history import History
from core.schema import STACK, TIME, UNIT, VALUE
from core.training.live.train import DRAWN, SECURED

Array = NDArray[np.float64]
LEVEL = 0.8
IDLE_SECONDS = 1_800
"""A session without an event for half an hour has ended, as in most web analytics."""
_IDLE_FIRSTS = (0, 15, 30, 60, 120, 300, 600, 1_200)
"""First second of each class of idle times."""
_MIN_MOMENTS = 30
"""Drawn prefixes of train sessions per class. A class with fewer has the factors of all classes together."""
_GAP = "gap"
_TINY = 1e-300


class Forecast(NamedTuple):
    """Forecast of the total final value of the open sessions.

    Attributes:
        open: number of open sessions.
        value: expected sum of their final values, in value units.
        to_come: part of `value` beyond the purchases so far.
        low, high: ends of the 80% interval of the sum; `high` is infinite if that of a session is.
    """

    open: int
    value: float
    to_come: float
    low: float
    high: float


@dataclass(frozen=True)
class Spread:
    """Statistics of train sessions: how their values developed after a random moment at which they were open.

    Arrays have one element per class of idle times.

    Attributes:
        remaining: average share of the predicted value still to come that was realized.
        variance: variance of the value, divided by the mean square of the width of the interval.
        third: third central moment of the value, divided by the mean cube of the width of the interval.
        remaining_error: standard error of `remaining` in all classes together.
    """

    remaining: Array
    variance: Array
    third: Array
    remaining_error: float

    @classmethod
    def observed(cls, prefixes: pl.DataFrame, history: History, idle_seconds: int = IDLE_SECONDS) -> Spread:
        """Return the spread of the training sessions of a run.

        Args:
            prefixes: the table `live/prefixes.parquet` of the run.
            history: the history of the run's model.
            idle_seconds: time without an event after which a session counts as ended.
        """
        rows = prefixes.filter(pl.col(DRAWN) & pl.col(STACK).is_not_nan() & pl.col("high_80").is_finite())
        rows = rows.join(_gaps(history), on=[UNIT, EVENTS_SEEN], maintain_order="left")
        columns = (VALUE, STACK, SECURED, "low_80", "high_80", EVENTS_SEEN)
        value, predicted, secured, low, high, seen = (rows.get_column(name).to_numpy() for name in columns)
        to_come, width = np.maximum(predicted - secured, 0.0), high - low
        lasting = rows.get_column(_GAP).fill_null(idle_seconds).clip(0, idle_seconds).to_numpy()
        chances = np.minimum(1.0, ALWAYS_DRAWN_LENGTH / seen)
        ends = (*_IDLE_FIRSTS[1:], idle_seconds)
        spans = zip(_IDLE_FIRSTS, ends, strict=True)
        seconds = [np.clip(lasting, first, max(first, end)) - first for first, end in spans]
        rest = value - (predicted - to_come)
        whole = _factors(rest, to_come, width, lasting / chances)
        classes = [
            _factors(rest, to_come, width, each / chances) if np.count_nonzero(each) >= _MIN_MOMENTS else whole
            for each in seconds
        ]
        remaining, variance, third, _ = np.array(classes).T
        return cls(remaining, variance, third, whole[3])

    def at(self, idle: Array) -> tuple[Array, Array, Array]:
        """Return the three factors of sessions that have been idle for so many seconds."""
        number = np.clip(np.searchsorted(_IDLE_FIRSTS, idle, side="right") - 1, 0, None)
        return self.remaining[number], self.variance[number], self.third[number]


def total_forecast(
    value: Array, low: Array, high: Array, spread: Spread, *, to_come: Array, idle: Array, level: float = LEVEL
) -> Forecast:
    """Forecast the sum of the final values of open sessions.

    Args:
        value, low, high, to_come: (sessions,) the estimates of the sessions, with 80% intervals.
        idle: (sessions,) seconds since the last event.
        spread: statistics of train sessions, see `Spread`.
        level: coverage of the interval.
    """
    if not len(value):
        return Forecast(0, 0.0, 0.0, 0.0, 0.0)
    remaining, variance, third = spread.at(idle)
    still_to_come = remaining * to_come
    total = float((value - to_come + still_to_come).sum())
    is_finite = np.isfinite(high)
    width = _widths(value, low, high)
    common = spread.remaining_error * float(to_come.sum())
    deviation = float(np.sqrt((variance * width**2).sum() + common**2))
    bottom = top = total
    if deviation > 0:
        skew, tail = float((third * width**3).sum()) / deviation**3, (1.0 - level) / 2
        bottom, top = pearson3.ppf([tail, 1.0 - tail], skew, total, deviation).tolist()
    lowest = min(float(low.sum()), 0.0)  # the total of sessions that are worth at least 0 is at least 0, too
    return Forecast(
        len(value), total, float(still_to_come.sum()), max(bottom, lowest), top if is_finite.all() else math.inf
    )


def _widths(value: Array, low: Array, high: Array) -> Array:
    """Return the widths of the intervals; without an upper end, twice the lower part, or the widest of the others."""
    is_finite = np.isfinite(high)
    widest = float((high - low)[is_finite].max(initial=0.0))
    return np.where(is_finite, high - low, np.maximum(2 * (value - low), widest))


def _gaps(history: History) -> pl.DataFrame:
    """Return unit, events_seen and seconds until the next event, which is null after the last one."""
    events = history.events.select(pl.col(UNIT).cast(pl.Int64), TIME).sort(UNIT, TIME)
    return events.select(
        UNIT,
        pl.int_range(1, pl.len() + 1).over(UNIT).cast(pl.Int64).alias(EVENTS_SEEN),
        (pl.col(TIME).shift(-1).over(UNIT) - pl.col(TIME)).alias(_GAP),
    )


def _factors(rest: Array, to_come: Array, width: Array, weights: Array) -> tuple[float, float, float, float]:
    """Return the factors of `Spread`, of prefixes that count by their weights.

    Args:
        rest: realized value after the prefix, on the scale of `to_come`.

    Returns:
        The factors. Without prefixes, the standard deviation is as large as the interval, which is too large rather
        than too small.
    """
    expected = float(weights @ to_come)
    if expected <= 0:
        return 1.0, 1.0, 0.0, 0.0
    remaining = max(float(weights @ rest) / expected, 0.0)
    error = rest - remaining * to_come
    sampling_error = float(np.sqrt(((weights * error) ** 2).sum())) / expected
    squares, cubes = (max(float(weights @ width**power), _TINY) for power in (2, 3))
    return remaining, float(weights @ error**2) / squares, float(weights @ error**3) / cubes, sampling_error
