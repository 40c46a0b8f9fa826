"""History features of an open session: what happened on its user, products and categories before it began."""

from __future__ import annotations

import math
from typing import NamedTuple

from core.features.fixed_point import ONE
from core.features.groups.item_history import PRIOR_EVENTS, TYPICAL_RATES
from core.features.groups.user_history import PRIOR_EVENTS as USER_PRIOR_EVENTS
from core.features.groups.user_history import TYPICAL_BUY_RATE
from core.features.session_log import DAY, PER_WEEK
from core.live.past import Counts
from core.schema import BUY, EVENT_CODE, EVENT_TYPES

_BUY = EVENT_CODE[BUY]
_RATE_TYPES = tuple((EVENT_CODE[event_type], typical) for event_type, typical in TYPICAL_RATES.items())


class Weeks(NamedTuple):
    """Weeks from the log's first event to a session's start.

    Attributes:
        rates: divisor of rates, with one more day.
        trend: divisor of the average week in trends, at least 1.
    """

    rates: float
    trend: float

    @classmethod
    def until(cls, start: int, first_second: int) -> Weeks:
        """Return the weeks until a start; both in epoch seconds."""
        seconds = max(start - first_second, 0)
        return cls((seconds + DAY) * PER_WEEK, max(seconds * PER_WEEK, 1.0))


class Item(NamedTuple):
    """Measures of a product or category, as in core.features.groups.item_history.

    Attributes:
        popularity, users, trend: fixed-point numbers (core.features.fixed_point).
        rates: fixed-point numbers, one per event type of TYPICAL_RATES.
        last_seen: epoch seconds of its latest event; None without one.
    """

    popularity: int
    users: int
    trend: int
    rates: tuple[int, ...]
    last_seen: int | None

    @classmethod
    def of(cls, counts: Counts, weeks: Weeks) -> Item:
        """Return the measures of a value with these counts."""
        events = sum(counts.by_type)
        return cls(
            popularity=_fixed(math.log(1 + events / weeks.rates)),
            users=_fixed(math.log(1 + counts.distinct / weeks.rates)),
            trend=_fixed(math.log(_trend(counts.recent, events, weeks))),
            rates=tuple(
                _fixed((counts.by_type[event_type] + PRIOR_EVENTS * typical) / (events + PRIOR_EVENTS))
                for event_type, typical in _RATE_TYPES
            ),
            last_seen=counts.last_seen,
        )


def user_features(counts: Counts, weeks: Weeks, start: int) -> dict[str, float]:
    """Return the features of the group user_history.

    Args:
        counts: the user's events before the session.
        weeks, start: of the session; `start` in epoch seconds.
    """
    events = sum(counts.by_type)
    rate = (counts.by_type[_BUY] + USER_PRIOR_EVENTS * TYPICAL_BUY_RATE) / (events + USER_PRIOR_EVENTS)
    per_week = zip(EVENT_TYPES, counts.by_type, strict=True)
    return {
        "user_is_known": float(counts.distinct > 0),
        "user_sessions_per_week": counts.distinct / weeks.rates,
        "user_events_per_week": events / weeks.rates,
        **{f"user_{event_type.lower()}_per_week": n_events / weeks.rates for event_type, n_events in per_week},
        "user_seconds_since": math.nan if counts.last_seen is None else start - counts.last_seen,
        "user_trend": _trend(counts.recent, events, weeks),
        "user_buy_rate": rate,
    }


def item_features(key: str, items: list[Item], start: int) -> dict[str, float]:
    """Return the features of the history of a session's products or categories.

    Args:
        key: "product" or "category".
        items: their measures, at least one.
        start: epoch seconds of the session's start.
    """
    n_items = len(items) * ONE
    seen = [item.last_seen for item in items if item.last_seen is not None]
    features = {
        f"{key}_popularity_mean": sum(item.popularity for item in items) / n_items,
        f"{key}_popularity_min": min(item.popularity for item in items) / ONE,
        f"{key}_users_mean": sum(item.users for item in items) / n_items,
        f"{key}_trend_mean": sum(item.trend for item in items) / n_items,
        f"{key}_trend_max": max(item.trend for item in items) / ONE,
        f"{key}_seconds_since": start - max(seen) if seen else math.nan,
    }
    for number, event_type in enumerate(TYPICAL_RATES):
        name = f"{key}_{event_type.lower()}_rate"
        features[f"{name}_mean"] = sum(item.rates[number] for item in items) / n_items
        features[f"{name}_max"] = max(item.rates[number] for item in items) / ONE
    return features


def _trend(recent: int, events: int, weeks: Weeks) -> float:
    return (recent + 1) / (events / weeks.trend + 1)


def _fixed(fraction: float) -> int:
    return round(fraction * ONE)
