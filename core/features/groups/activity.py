"""What was done in the session: counts, shares and ratios by event type."""

from __future__ import annotations

import narwhals as nw

from core.features.definition import Feature, FeatureGroup
from core.features.session_log import Frame, SessionLog
from core.schema import ADD_CART, BUY, EVENT_CODE, EVENT_TYPES, PRODUCT, REMOVE_CART, TYPE, VIEW

_COUNT = {event_type: f"n_{event_type.lower()}" for event_type in EVENT_TYPES}
_SHARE = {event_type: f"share_{event_type.lower()}" for event_type in EVENT_TYPES}
_RATIO = {
    (numerator, denominator): f"{numerator.lower()}_per_{denominator.lower()}"
    for numerator, denominator in ((BUY, VIEW), (BUY, ADD_CART), (ADD_CART, VIEW), (REMOVE_CART, ADD_CART))
}


def _compute(log: SessionLog) -> Frame:
    counts = log.aggregate(
        log.events,
        count="n_events",
        sums={_COUNT[event_type]: nw.col(TYPE) == code for event_type, code in EVENT_CODE.items()},
    )
    products = log.aggregate(log.own_counts(PRODUCT), count="_products")
    total = nw.col("n_events")
    return (
        log.join_by_unit(counts, products)
        .with_columns(
            *((nw.col(_COUNT[event_type]) / total).alias(name) for event_type, name in _SHARE.items()),
            # The plus one avoids 0/0 and keeps the ratio small while there are few events.
            *(
                (nw.col(_COUNT[top]) / (nw.col(_COUNT[bottom]) + 1)).alias(name)
                for (top, bottom), name in _RATIO.items()
            ),
            (nw.col(_COUNT[ADD_CART]) - nw.col(_COUNT[REMOVE_CART])).alias("net_cart"),
            (total - nw.col("_products")).alias("n_repeats"),
        )
        .drop("_products")
    )


ACTIVITY = FeatureGroup(
    name="activity",
    features=(
        Feature("n_events", "events", "Number of events in the session."),
        *(
            Feature(name, "events", f"Number of {event_type} events in the session.")
            for event_type, name in _COUNT.items()
        ),
        *(
            Feature(name, "share", f"Share of the session's events that are {event_type}.")
            for event_type, name in _SHARE.items()
        ),
        *(
            Feature(name, "ratio", f"Number of {top} events divided by the number of {bottom} events plus one.")
            for (top, bottom), name in _RATIO.items()
        ),
        Feature("net_cart", "events", "Items added to the cart minus items removed from it."),
        Feature("n_repeats", "events", "Events on a product that had an earlier event in the session."),
    ),
    compute=_compute,
)
