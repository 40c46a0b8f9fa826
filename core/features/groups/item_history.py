"""The history of the session's products and categories in other sessions: popularity, trend and purchase rates."""

from __future__ import annotations

from functools import partial

import narwhals as nw

from core.features.columns import DISTINCT_ELSEWHERE, ELSEWHERE, LAST_SEEN, VISIT_START, WEEKS, names_by_type
from core.features.definition import Feature, FeatureGroup
from core.features.fixed_point import ONE, to_fixed_point
from core.features.session_log import Frame, SessionLog, trend
from core.schema import ADD_CART, BUY, CATEGORY, PRODUCT

PRIOR_EVENTS = 10
"""Weight of the typical rate, in events. The fewer events an item has, the closer its rate is to the typical one."""
TYPICAL_RATES = {BUY: 0.1, ADD_CART: 0.3}
"""About the shares of purchases and cart additions among events: the rates of an item without any event."""
_RATES = names_by_type("{}_rate", TYPICAL_RATES)


def _compute(log: SessionLog, key: str) -> Frame:
    """Summarize popularity, trend and rates over the session's distinct products or categories."""
    events = nw.sum_horizontal(*(nw.col(column) for column in ELSEWHERE.values()))
    weeks = nw.col(WEEKS)
    measures = {
        "popularity": (1 + events / weeks).log(),
        "users": (1 + nw.col(DISTINCT_ELSEWHERE) / weeks).log(),
        "trend": trend().log(),
        **{
            name: (nw.col(ELSEWHERE[event_type]) + PRIOR_EVENTS * TYPICAL_RATES[event_type]) / (events + PRIOR_EVENTS)
            for event_type, name in _RATES.items()
        },
    }
    items = log.counts_elsewhere(key).with_columns(
        *(to_fixed_point(each).alias(name) for name, each in measures.items())
    )
    means = {f"{key}_{name}_mean": nw.col(name) for name in measures}
    minima = {f"{key}_popularity_min": nw.col("popularity")}
    maxima = {f"{key}_{name}_max": nw.col(name) for name in ("trend", *_RATES.values())}
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
    mean, minimum, maximum = (f"{word} the session's {items}" for word in ("average over", "lowest of", "highest of"))
    popularity = f"Events per week on a {key} in other sessions"
    of_items = f"of the {items}"
    rise = f"Events on a {key} in the last seven days relative to its average week"
    since = f"Time since the latest earlier event on one of the session's {items}; empty without one."
    return (
        Feature(
            f"{key}_popularity_mean",
            "log(1 + events a week)",
            f"{popularity}; {mean}.",
            f"Average popularity {of_items}",
        ),
        Feature(
            f"{key}_popularity_min",
            "log(1 + events a week)",
            f"{popularity}; {minimum}.",
            f"Lowest popularity {of_items}",
        ),
        Feature(
            f"{key}_users_mean",
            "log(1 + users a week)",
            f"Users per week of a {key} in other sessions; {mean}.",
            f"Average number of users {of_items}",
        ),
        Feature(f"{key}_trend_mean", "log ratio", f"{rise}; {mean}.", f"Average trend {of_items}"),
        Feature(f"{key}_trend_max", "log ratio", f"{rise}; {maximum}.", f"Highest trend {of_items}"),
        Feature(f"{key}_seconds_since", "seconds", since, f"Time since the last interest in the {items}"),
        *(
            Feature(
                f"{key}_{name}_{statistic}",
                "share",
                f"Share of {rates[event_type]} among events on a {key} in other sessions, shrunk towards the typical"
                f" share ({TYPICAL_RATES[event_type]:.0%}); {summary}.",
                f"{word} share of {rates[event_type]} {of_items}",
            )
            for statistic, summary, word in (("mean", mean, "Average"), ("max", maximum, "Highest"))
            for event_type, name in _RATES.items()
        ),
    )


PRODUCT_HISTORY = FeatureGroup("product_history", _features(PRODUCT), partial(_compute, key=PRODUCT), "history")
CATEGORY_HISTORY = FeatureGroup("category_history", _features(CATEGORY), partial(_compute, key=CATEGORY), "history")
