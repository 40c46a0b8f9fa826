"""Times of the demo: when sessions begin, and when and in which order their rows follow."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from core.demo.calibration import SHOP
from core.schema import EVENT_TYPES, SECONDS_PER_DAY

SPLIT = SHOP.train_days * SECONDS_PER_DAY
"""Split time, at which test begins. All times are in seconds since the start of the month."""
_MONTH = SHOP.days * SECONDS_PER_DAY


def session_starts(rng: np.random.Generator, visit: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return the time at which each session begins.

    Args:
        rng: random numbers.
        visit: index of each session's visit. The sessions of a visit are at most a few days apart.
    """
    sessions = len(visit)
    first = draw_weighted(rng, _day_weights(), sessions)[visit]  # there are at most as many visits as sessions
    wait = np.floor(rng.exponential(SHOP.visit_days, sessions)).astype(np.int64)
    day = np.where(first + wait < SHOP.days, first + wait, first)
    hour = draw_weighted(rng, np.asarray(SHOP.hour_weights), sessions)
    second = (rng.random(sessions) * 3600.0).astype(np.int64)
    return (day * 24 + hour) * 3600 + second


def row_times(
    rng: np.random.Generator, starts: npt.NDArray[np.int64], n_rows: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    """Return the time of each row, sorted by session, from the start and the number of rows of each session.

    A session that would end after the month is moved back as a whole, so that the log cuts no session short.
    """
    session = np.repeat(np.arange(len(n_rows)), n_rows)
    first = np.cumsum(n_rows) - n_rows
    odds = SHOP.same_second_odds * np.square(n_rows[session])
    gaps = np.floor(rng.lognormal(np.log(SHOP.gap_median), SHOP.gap_log_sd, len(session)))
    gaps[rng.random(len(session)) < odds / (1.0 + odds)] = 0.0
    gaps[first] = 0.0
    np.minimum(gaps, SHOP.max_duration, out=gaps)
    elapsed = np.cumsum(gaps)
    elapsed -= elapsed[first][session]
    np.minimum(elapsed, SHOP.max_duration, out=elapsed)
    duration = elapsed[first + n_rows - 1]
    moved_starts = np.minimum(starts, _MONTH - 1 - duration)
    seconds: npt.NDArray[np.int64] = (moved_starts[session] + elapsed).astype(np.int64)
    return seconds


def funnel_order(
    rng: np.random.Generator, session: npt.NDArray[np.int32], types: npt.NDArray[np.int8]
) -> npt.NDArray[np.int64]:
    """Return the indices that sort rows by session, and within it roughly by VIEW, ADD_CART, REMOVE_CART, BUY."""
    phase = (types / len(EVENT_TYPES) + rng.random(len(types))) / 2.0
    order: npt.NDArray[np.int64] = np.argsort(session + phase, kind="stable")
    return order


def draw_weighted(rng: np.random.Generator, weights: npt.NDArray[np.floating], size: int) -> npt.NDArray[np.int64]:
    """Draw indices with probabilities proportional to the weights."""
    edges = np.cumsum(weights)
    drawn: npt.NDArray[np.int64] = np.searchsorted(edges, rng.random(size) * edges[-1], side="right")
    return np.minimum(drawn, len(weights) - 1)


def _day_weights() -> npt.NDArray[np.float64]:
    days = np.datetime64(SHOP.first_day, "D") + np.arange(SHOP.days)
    return np.where(np.is_busday(days), 1.0, SHOP.weekend_weight)
