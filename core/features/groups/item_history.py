"""What happened to the session's products and categories in other sessions: popularity, trend and purchase rates."""

from __future__ import annotations

from functools import partial

import narwhals as nw

from core.features.columns import DISTINCT_ELSEWHERE, ELSEWHERE, LAST_SEEN, VISIT_START, WEEKS
from core.features.definition import Feature, FeatureGroup
from core.features.fixed_point import ONE, to_fixed_point
from core.features.session_log import Frame, SessionLog, trend
from core.schema import ADD_CART, BUY, CATEGORY, PRODUCT

_PRIOR_EVENTS = 10
"""Weight of the pooled rate, in events: a product seen once says little by itself."""
_POOLED_RATE = {BUY: 0.1, ADD_CART: 0.3}
"""About the usual shares of purchases and cart additions. They set the rate of an unseen item, not the order."""


def _rate_name(key: str, event_type: str, statistic: str) -> str:
    return f"{key}_{event_type.lower()}_rate_{statistic}"


def _compute(log: SessionLog, key: str) -> Frame:
    """Summarise popularity, trend and rates over the session's different products or categories."""
    events = nw.sum_horizontal(*(nw.col(column) for column in ELSEWHERE.values()))
    items = log.counts_elsewhere(key).with_columns(
        to_fixed_point((1 + events / nw.col(WEEKS)).log()).alias("_popularity"),
        to_fixed_point((1 + nw.col(DISTINCT_ELSEWHERE) / nw.col(WEEKS)).log()).alias("_users"),
        to_fixed_point(trend().log()).alias("_trend"),
        *(
            to_fixed_point((nw.col(ELSEWHERE[event_type]) + _PRIOR_EVENTS * pooled) / (events + _PRIOR_EVENTS)).alias(
                f"_rate_{event_type}"
            )
            for event_type, pooled in _POOLED_RATE.items()
        ),
    )
    means = {
        f"{key}_popularity_mean": nw.col("_popularity"),
        f"{key}_users_mean": nw.col("_users"),
        f"{key}_trend_mean": nw.col("_trend"),
        **{_rate_name(key, event_type, "mean"): nw.col(f"_rate_{event_type}") for event_type in _POOLED_RATE},
    }
    minima = {f"{key}_popularity_min": nw.col("_popularity")}
    maxima = {
        f"{key}_trend_max": nw.col("_trend"),
        **{_rate_name(key, event_type, "max"): nw.col(f"_rate_{event_type}") for event_type in _POOLED_RATE},
    }
    summary = log.aggregate(
        items,
        count="_n",
        sums=means,
        minima={"_start": nw.col(VISIT_START), **minima},
        maxima={"_last_seen": nw.col(LAST_SEEN), **maxima},
    )
    return summary.with_columns(
        *(nw.col(name) / (nw.col("_n") * ONE) for name in means),
        *(nw.col(name) / ONE for name in (*minima, *maxima)),
        (nw.col("_start") - nw.col("_last_seen")).alias(f"{key}_seconds_since"),
    )


def _features(key: str) -> tuple[Feature, ...]:
    items = {PRODUCT: "products", CATEGORY: "categories"}[key]
    rates = {BUY: "purchases", ADD_CART: "cart additions"}
    return (
        Feature(
            f"{key}_popularity_mean",
            "log(1 + events a week)",
            f"Events on the session's {items} in other sessions per week, average over its {items}.",
        ),
        Feature(
            f"{key}_popularity_min",
            "log(1 + events a week)",
            f"Events per week in other sessions on the rarest of the session's {items}.",
        ),
        Feature(
            f"{key}_users_mean",
            "log(1 + users a week)",
            f"Users per week with events on the session's {items} in other sessions, average over its {items}.",
        ),
        Feature(
            f"{key}_trend_mean",
            "log ratio",
            f"Events on its {items} in the last seven days relative to an average week, average over its {items}.",
        ),
        Feature(
            f"{key}_trend_max",
            "log ratio",
            f"The same for the one of its {items} with the strongest rise.",
        ),
        Feature(
            f"{key}_seconds_since",
            "seconds",
            f"Time since the latest earlier event on one of its {items} in another session; empty without one.",
        ),
        *(
            Feature(
                _rate_name(key, event_type, statistic),
                "share",
                f"Share of {rates[event_type]} among events on its {items} in other sessions, {label}.",
            )
            for statistic, label in (("mean", f"average over its {items}"), ("max", f"highest of its {items}"))
            for event_type in _POOLED_RATE
        ),
    )


PRODUCT_HISTORY = FeatureGroup("product_history", _features(PRODUCT), partial(_compute, key=PRODUCT), "history")
CATEGORY_HISTORY = FeatureGroup("category_history", _features(CATEGORY), partial(_compute, key=CATEGORY), "history")
