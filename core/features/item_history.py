"""What is known of the session's products and categories from other sessions: how popular, how often bought."""

from __future__ import annotations

import narwhals as nw

from core.features.definition import Feature, FeatureGroup, Frame, SessionLog
from core.features.exact_sums import ONE, as_whole
from core.features.history import LAST_SEEN, MET, SEEN, WEEKS, seen_outside, trend
from core.features.per_unit import per_unit
from core.features.visits import VISIT_START
from core.schema import ADD_CART, BUY, CATEGORY, PRODUCT

_PRIOR_EVENTS = 10
"""Weight of the pooled rates in an item's own, in events: a product seen once tells little by itself."""
_POOLED_RATE = {BUY: 0.1, ADD_CART: 0.3}
"""About the usual shares of purchases and cart additions; they set where an unseen item stands, not the order."""


def _rate_name(key: str, word: str, how: str) -> str:
    return f"{key}_{word.lower()}_rate_{how}"


def _popularity_name(key: str, how: str) -> str:
    return f"{key}_popularity_{how}"


def _summary(log: SessionLog, key: str) -> Frame:
    """Mean and maximum over the session's different products (or categories) of their rates and popularity."""
    seen = seen_outside(log, key)
    events = nw.sum_horizontal(*(nw.col(column) for column in SEEN.values()))
    rates = seen.with_columns(
        as_whole((1 + events / nw.col(WEEKS)).log()).alias("_popularity"),
        as_whole((1 + nw.col(MET) / nw.col(WEEKS)).log()).alias("_users"),
        as_whole(trend().log()).alias("_trend"),
        *(
            as_whole((nw.col(SEEN[word]) + _PRIOR_EVENTS * pooled) / (events + _PRIOR_EVENTS)).alias(f"_rate_{word}")
            for word, pooled in _POOLED_RATE.items()
        ),
    )
    summed = per_unit(
        rates,
        count="_n",
        sums={
            _popularity_name(key, "mean"): nw.col("_popularity"),
            f"{key}_users_mean": nw.col("_users"),
            f"{key}_trend_mean": nw.col("_trend"),
            **{_rate_name(key, word, "mean"): nw.col(f"_rate_{word}") for word in _POOLED_RATE},
        },
        lows={"_start": nw.col(VISIT_START), _popularity_name(key, "min"): nw.col("_popularity")},
        highs={
            "_last_seen": nw.col(LAST_SEEN),
            f"{key}_trend_max": nw.col("_trend"),
            **{_rate_name(key, word, "max"): nw.col(f"_rate_{word}") for word in _POOLED_RATE},
        },
    )
    means = [
        _popularity_name(key, "mean"),
        f"{key}_users_mean",
        f"{key}_trend_mean",
        *(_rate_name(key, word, "mean") for word in _POOLED_RATE),
    ]
    extremes = [
        _popularity_name(key, "min"),
        f"{key}_trend_max",
        *(_rate_name(key, word, "max") for word in _POOLED_RATE),
    ]
    return summed.with_columns(
        *(nw.col(name) / (nw.col("_n") * ONE) for name in means),
        *(nw.col(name) / ONE for name in extremes),
        (nw.col("_start") - nw.col("_last_seen")).alias(f"{key}_seconds_since"),
    )


def _features(key: str) -> tuple[Feature, ...]:
    things = {PRODUCT: "products", CATEGORY: "categories"}[key]
    rates = {BUY: "purchases", ADD_CART: "cart additions"}
    return (
        Feature(
            _popularity_name(key, "mean"),
            "log(1 + events a week)",
            f"How often its {things} were seen elsewhere, on average.",
        ),
        Feature(
            _popularity_name(key, "min"),
            "log(1 + events a week)",
            f"How often the rarest of its {things} was seen elsewhere.",
        ),
        Feature(
            f"{key}_users_mean", "log(1 + users a week)", f"How many users met its {things} elsewhere, on average."
        ),
        Feature(
            f"{key}_trend_mean",
            "log ratio",
            f"Whether its {things} are on the rise: events of the last seven days against a usual week, on average.",
        ),
        Feature(f"{key}_trend_max", "log ratio", f"The same for the one of its {things} that rises most."),
        Feature(
            f"{key}_seconds_since",
            "seconds",
            f"Time since one of its {things} was last seen elsewhere before the session; nothing where none was.",
        ),
        *(
            Feature(
                _rate_name(key, word, how),
                "share",
                f"Part of {rates[word]} among other events on its {things}: {'mean' if how == 'mean' else 'highest'}.",
            )
            for how in ("mean", "max")
            for word in _POOLED_RATE
        ),
    )


PRODUCT_HISTORY = FeatureGroup("product_history", _features(PRODUCT), lambda log: _summary(log, PRODUCT), "history")
CATEGORY_HISTORY = FeatureGroup("category_history", _features(CATEGORY), lambda log: _summary(log, CATEGORY), "history")
