"""The total value of all sessions that are open at a moment, with an interval.

Many sessions that are open at a random moment have already had their last event. So of the value still to come that is
predicted for a session, only a share is expected. It is the share that was realized, on average, in train sessions that
had been idle for as long.

The interval of the total assumes that the errors of different sessions are independent, so the variance and the third
central moment of the total are sums over sessions:

    variance of a session     = variance_factor * width**2
    third moment of a session = third_moment_factor * width**3

Here `width` is that of the session's own 80% interval, and the factors are those of the out-of-fold errors of the train
sessions. The sampling error of the realized share, which all sessions have in common, is added to the variance of the
total. The ends are quantiles of the Pearson type III distribution with these moments, which is skewed as values are,
and close to the normal distribution for many sessions. The interval does not include effects that the train sessions do
not show, such as a sale.
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
_MIN_PREFIXES = 30
"""Prefixes of train sessions per class of idle times. A class with fewer has the factors of all classes together."""
_LOW, _HIGH = "low_80", "high_80"
_GAP = "gap"
_TINY = 1e-300
"""Divisor instead of 0 if all intervals have the width 0."""


class Forecast(NamedTuple):
    """Forecast of the total final value of the open sessions.

    Attributes:
        open: number of open sessions.
        value: expected sum of their final values, in value units.
        to_come: part of `value` beyond the purchases so far.
        low, high: ends of the interval of the sum, by default 80%; `high` is infinite if that of a session is.
    """

    open: int
    value: float
    to_come: float
    low: float
    high: float


class _Factors(NamedTuple):
    """What the errors of some prefixes say about open sessions.

    Attributes:
        realized_share: average share of the predicted value still to come that was realized.
        variance_factor: variance of the value, divided by the mean square of the width of the interval.
        third_moment_factor: third central moment of the value, divided by the mean cube of the width of the interval.
        share_error: standard error of `realized_share`.
    """

    realized_share: float
    variance_factor: float
    third_moment_factor: float
    share_error: float


_CAUTIOUS = _Factors(realized_share=1.0, variance_factor=1.0, third_moment_factor=0.0, share_error=0.0)
"""Factors without train sessions: a standard deviation as large as the interval is too large rather than too small."""


@dataclass(frozen=True)
class Spread:
    """Statistics of train sessions: how their values developed after a random moment at which they were open.

    Attributes:
        realized_share, variance_factor, third_moment_factor: (classes of idle times,) see `_Factors`.
        share_error: standard error of the realized share of all classes together.
    """

    realized_share: Array
    variance_factor: Array
    third_moment_factor: Array
    share_error: float

    @classmethod
    def observed(cls, prefixes: pl.DataFrame, history: History, idle_seconds: int = IDLE_SECONDS) -> Spread:
        """Return the spread of the train sessions of a run.

        A prefix stands for the time from its last event to the next one, in which the session is open and idle. The
        longer this time, the more likely a random moment is in it, so it is the weight of the prefix. In a class of
        idle times, only the seconds in the class count.

        Args:
            prefixes: the table `live/prefixes.parquet` of the run.
            history: the history of the run's model.
            idle_seconds: time without an event after which a session counts as ended.
        """
        rows = prefixes.filter(pl.col(DRAWN) & pl.col(STACK).is_not_nan() & pl.col(_HIGH).is_finite())
        rows = rows.join(_gaps(history), on=[UNIT, EVENTS_SEEN], maintain_order="left")
        columns = (VALUE, STACK, SECURED, _LOW, _HIGH, EVENTS_SEEN)
        value, predicted, secured, low, high, seen = (rows.get_column(name).to_numpy() for name in columns)
        to_come = np.maximum(predicted - secured, 0.0)
        came = value - (predicted - to_come)
        seconds_open = rows.get_column(_GAP).fill_null(idle_seconds).clip(0, idle_seconds).to_numpy()
        # a drawn prefix also stands for those that were not drawn
        draw_probability = np.minimum(1.0, ALWAYS_DRAWN_LENGTH / seen)

        def factors(seconds: Array) -> _Factors:
            return _factors(came, to_come, high - low, weights=seconds / draw_probability)

        overall = factors(seconds_open)
        by_class = [
            factors(seconds) if np.count_nonzero(seconds) >= _MIN_PREFIXES else overall
            for seconds in _seconds_by_class(seconds_open, idle_seconds)
        ]
        realized_share, variance_factor, third_moment_factor, _ = np.array(by_class).T
        return cls(realized_share, variance_factor, third_moment_factor, overall.share_error)

    def at(self, idle: Array) -> tuple[Array, Array, Array]:
        """Return realized shares, variance and third moment factors of sessions idle for so many seconds."""
        number = np.clip(np.searchsorted(_IDLE_FIRSTS, idle, side="right") - 1, 0, None)
        return self.realized_share[number], self.variance_factor[number], self.third_moment_factor[number]


def total_forecast(
    value: Array, low: Array, high: Array, spread: Spread, *, to_come: Array, idle: Array, level: float = LEVEL
) -> Forecast:
    """Forecast the sum of the final values of open sessions.

    Args:
        value, low, high, to_come: (sessions,) the estimates of the sessions, with 80% intervals.
        idle: (sessions,) seconds since the last event of each session.
        spread: statistics of train sessions, see `Spread`.
        level: coverage of the interval.
    """
    if not len(value):
        return Forecast(0, 0.0, 0.0, 0.0, 0.0)
    realized_share, variance_factor, third_moment_factor = spread.at(idle)
    expected_to_come = realized_share * to_come
    total = float((value - to_come + expected_to_come).sum())
    width = _widths(value, low, high)
    common_error = spread.share_error * float(to_come.sum())
    deviation = float(np.sqrt((variance_factor * width**2).sum() + common_error**2))
    bottom = top = total
    if deviation > 0:
        skew, tail = float((third_moment_factor * width**3).sum()) / deviation**3, (1.0 - level) / 2
        bottom, top = pearson3.ppf([tail, 1.0 - tail], skew, total, deviation).tolist()
    lowest = min(float(low.sum()), 0.0)  # the total of sessions that are worth at least 0 is at least 0, too
    return Forecast(
        open=len(value),
        value=total,
        to_come=float(expected_to_come.sum()),
        low=max(bottom, lowest),
        high=top if np.isfinite(high).all() else math.inf,
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


def _seconds_by_class(seconds_open: Array, idle_seconds: int) -> list[Array]:
    """Return, for each class of idle times, the seconds in it of the time from each prefix to the next event."""
    ends = (*_IDLE_FIRSTS[1:], idle_seconds)
    classes = zip(_IDLE_FIRSTS, ends, strict=True)
    return [np.clip(seconds_open, first, max(first, end)) - first for first, end in classes]


def _factors(came: Array, to_come: Array, width: Array, *, weights: Array) -> _Factors:
    """Return the factors of prefixes that count by their weights.

    Args:
        came: realized value after the prefix, on the scale of `to_come`.
        to_come: predicted value after the prefix.
        width: width of the interval.
    """
    expected = float(weights @ to_come)
    if expected <= 0:
        return _CAUTIOUS
    realized_share = max(float(weights @ came) / expected, 0.0)
    error = came - realized_share * to_come
    squares, cubes = (max(float(weights @ width**power), _TINY) for power in (2, 3))
    return _Factors(
        realized_share,
        variance_factor=float(weights @ error**2) / squares,
        third_moment_factor=float(weights @ error**3) / cubes,
        share_error=float(np.sqrt(((weights * error) ** 2).sum())) / expected,
    )
