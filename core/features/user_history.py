"""What is known of the user from other sessions."""

from __future__ import annotations

import narwhals as nw

from core.features.definition import Feature, FeatureGroup, Frame, SessionLog
from core.features.history import LAST_SEEN, MET, SEEN, WEEKS, seen_outside, trend
from core.features.visits import VISIT_START
from core.schema import BUY, EVENT_TYPES, UNIT, USER

_NAME = {word: f"user_{word.lower()}_per_week" for word in EVENT_TYPES}
_PRIOR_EVENTS = 10
"""Weight of the pooled rate in a user's own, in events: with fewer than this a user's rate is mostly the pool's."""
_POOLED_BUY_RATE = 0.1
"""Shops sell on about every tenth event; only the scale of the shrunk rate hangs on it, not the order of users."""


def _compute(log: SessionLog) -> Frame:
    events, weeks = nw.col("_events"), nw.col(WEEKS)
    return (
        seen_outside(log, USER)
        .with_columns(nw.sum_horizontal(*(nw.col(column) for column in SEEN.values())).alias("_events"))
        .with_columns(
            (nw.col(MET) > 0).cast(nw.Int64).alias("user_is_known"),
            (nw.col(MET) / weeks).alias("user_sessions_per_week"),
            (events / weeks).alias("user_events_per_week"),
            *((nw.col(SEEN[word]) / weeks).alias(_NAME[word]) for word in EVENT_TYPES),
            (nw.col(VISIT_START) - nw.col(LAST_SEEN)).alias("user_seconds_since"),
            trend().alias("user_trend"),
        )
        .with_columns(
            ((nw.col(SEEN[BUY]) + _PRIOR_EVENTS * _POOLED_BUY_RATE) / (events + _PRIOR_EVENTS)).alias("user_buy_rate"),
        )
        .select(UNIT, *(feature.name for feature in USER_HISTORY.features))
    )


USER_HISTORY = FeatureGroup(
    name="user_history",
    features=(
        Feature("user_is_known", "0 or 1", "Whether the user has other sessions."),
        Feature("user_sessions_per_week", "sessions a week", "How often the same user has other sessions."),
        Feature("user_events_per_week", "events a week", "Events of the same user in other sessions."),
        *(
            Feature(_NAME[word], "events a week", f"{word} events of the same user in other sessions.")
            for word in EVENT_TYPES
        ),
        Feature("user_buy_rate", "share", "Part of the user's other events that were purchases, shrunk to the usual."),
        Feature("user_trend", "ratio", "Events of the user in the last seven days, for each that is usual in a week."),
        Feature("user_seconds_since", "seconds", "Time since the user's latest earlier event; nothing for a new user."),
    ),
    compute=_compute,
    looks_at="history",
)
