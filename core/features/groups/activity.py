"""Counts, shares and ratios of the session's event types."""

from __future__ import annotations

import narwhals as nw

from core.features.columns import names_by_type
from core.features.definition import Feature, FeatureGroup, features_by_type
from core.features.session_log import Frame, SessionLog
from core.schema import ADD_CART, BUY, EVENT_CODE, EVENT_NOUNS, PRODUCT, REMOVE_CART, TYPE, VIEW

_COUNT = names_by_type("n_{}")
_SHARE = names_by_type("share_{}")
_RATIO = {
    (top, bottom): f"{top.lower()}_per_{bottom.lower()}"
    for top, bottom in ((BUY, VIEW), (BUY, ADD_CART), (ADD_CART, VIEW), (REMOVE_CART, ADD_CART))
}


def _compute(log: SessionLog) -> Frame:
    counts = log.aggregate(
        log.events,
        count="n_events",
        sums={_COUNT[event_type]: nw.col(TYPE) == code for event_type, code in EVENT_CODE.items()},
    )
    products = log.aggregate(log.own_counts(PRODUCT), count="_products")
    total = nw.col("n_events")
    return log.join_by_unit(counts, products).with_columns(
        *((nw.col(_COUNT[event_type]) / total).alias(name) for event_type, name in _SHARE.items()),
        # Plus one, to avoid 0/0 and to keep the ratio small while there are few events.
        *((nw.col(_COUNT[top]) / (nw.col(_COUNT[bottom]) + 1)).alias(name) for (top, bottom), name in _RATIO.items()),
        (nw.col(_COUNT[ADD_CART]) - nw.col(_COUNT[REMOVE_CART])).alias("net_cart"),
        (total - nw.col("_products")).alias("n_repeats"),
    )


def _ratio(name: str, top: str, bottom: str, bottoms: str) -> Feature:
    meaning = f"Number of {top}, divided by one more than the number of {bottoms}."
    return Feature(name, "ratio", meaning, f"{top.capitalize()} per {bottom}")


ACTIVITY = FeatureGroup(
    name="activity",
    features=(
        Feature("n_events", "events", "Number of events in the session.", "Number of events"),
        *features_by_type(_COUNT, "events", "Number of {many} in the session.", "Number of {many}"),
        *features_by_type(_SHARE, "share", "Share of the session's events that are {many}.", "Share of {many}"),
        *(_ratio(name, EVENT_NOUNS[top][1], *EVENT_NOUNS[bottom]) for (top, bottom), name in _RATIO.items()),
        Feature(
            "net_cart",
            "events",
            "Number of cart additions minus the number of cart removals.",
            "Additions left in cart",
        ),
        Feature(
            "n_repeats",
            "events",
            "Number of events on a product that had an earlier event in the session.",
            "Returns to the same product",
        ),
    ),
    compute=_compute,
)
