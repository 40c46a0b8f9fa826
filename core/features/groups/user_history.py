"""The user's events in other sessions: number, rates, trend and time since the latest."""

from __future__ import annotations

import narwhals as nw

from core.features.columns import DISTINCT_ELSEWHERE, ELSEWHERE, LAST_SEEN, VISIT_START, WEEKS, names_by_type
from core.features.definition import Feature, FeatureGroup, features_by_type
from core.features.session_log import Frame, SessionLog, trend
from core.schema import BUY, UNIT, USER

_PER_WEEK = names_by_type("user_{}_per_week")
PRIOR_EVENTS = 10
"""Weight of the typical rate, in events. The fewer events a user has, the closer the rate is to the typical one."""
TYPICAL_BUY_RATE = 0.1
"""About one event in ten is a purchase. The value sets the level of the shrunk rate, not the order of users."""


def _compute(log: SessionLog) -> Frame:
    events, weeks, n_sessions = nw.col("_events"), nw.col(WEEKS), nw.col(DISTINCT_ELSEWHERE)
    buy_rate = (nw.col(ELSEWHERE[BUY]) + PRIOR_EVENTS * TYPICAL_BUY_RATE) / (events + PRIOR_EVENTS)
    return (
        log.counts_elsewhere(USER)
        .with_columns(nw.sum_horizontal(*(nw.col(column) for column in ELSEWHERE.values())).alias("_events"))
        .select(
            UNIT,
            (n_sessions > 0).cast(nw.Int64).alias("user_is_known"),
            (n_sessions / weeks).alias("user_sessions_per_week"),
            (events / weeks).alias("user_events_per_week"),
            *((nw.col(ELSEWHERE[event_type]) / weeks).alias(name) for event_type, name in _PER_WEEK.items()),
            (nw.col(VISIT_START) - nw.col(LAST_SEEN)).alias("user_seconds_since"),
            trend().alias("user_trend"),
            buy_rate.alias("user_buy_rate"),
        )
    )


USER_HISTORY = FeatureGroup(
    name="user_history",
    features=(
        Feature("user_is_known", "0 or 1", "Whether the user has other sessions.", "Returning user"),
        Feature(
            "user_sessions_per_week",
            "sessions a week",
            "Other sessions of the user per week.",
            "User's sessions per week",
        ),
        Feature(
            "user_events_per_week",
            "events a week",
            "Events of the user in other sessions per week.",
            "User's events per week",
        ),
        *features_by_type(
            _PER_WEEK,
            "events a week",
            "Number of the user's {many} in other sessions per week.",
            "User's {many} per week",
        ),
        Feature(
            "user_buy_rate",
            "share",
            "Share of purchases among the user's events in other sessions, shrunk towards the typical share"
            f" ({TYPICAL_BUY_RATE:.0%}).",
            "User's share of purchases",
        ),
        Feature(
            "user_trend",
            "ratio",
            "Events of the user in the last seven days relative to the user's average week.",
            "User's recent activity",
        ),
        Feature(
            "user_seconds_since",
            "seconds",
            "Time since the user's latest earlier event; empty for a new user.",
            "Time since the user's last visit",
        ),
    ),
    compute=_compute,
    looks_at="history",
)
