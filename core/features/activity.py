"""Counts, shares and ratios by event type: what was done in the session."""

from __future__ import annotations

import narwhals as nw

from core.features.definition import Feature, FeatureGroup, Frame, SessionLog
from core.features.history import done_to
from core.features.per_unit import beside, per_unit
from core.schema import ADD_CART, BUY, EVENT_CODE, EVENT_TYPES, PRODUCT, REMOVE_CART, TYPE, VIEW

_COUNT = {word: f"n_{word.lower()}" for word in EVENT_TYPES}
_SHARE = {word: f"share_{word.lower()}" for word in EVENT_TYPES}
_RATIOS = ((BUY, VIEW), (BUY, ADD_CART), (ADD_CART, VIEW), (REMOVE_CART, ADD_CART))


def _ratio_name(over: str, under: str) -> str:
    return f"{over.lower()}_per_{under.lower()}"


def _compute(log: SessionLog) -> Frame:
    kind = nw.col(TYPE)
    counts = per_unit(
        log.events, count="n_events", sums={_COUNT[word]: kind == code for word, code in EVENT_CODE.items()}
    )
    met = per_unit(done_to(log, PRODUCT), count="_products")
    total = nw.col("n_events")
    return (
        beside(counts, met)
        .with_columns(
            *((nw.col(_COUNT[word]) / total).alias(_SHARE[word]) for word in EVENT_TYPES),
            # +1 below the line: 0 of 0 is 0, and a first event moves the ratio by half, not without bound
            *((nw.col(_COUNT[a]) / (nw.col(_COUNT[b]) + 1)).alias(_ratio_name(a, b)) for a, b in _RATIOS),
            (nw.col(_COUNT[ADD_CART]) - nw.col(_COUNT[REMOVE_CART])).alias("net_cart"),
            (total - nw.col("_products")).alias("n_repeats"),
        )
        .drop("_products")
    )


ACTIVITY = FeatureGroup(
    name="activity",
    features=(
        Feature("n_events", "events", "How many events the session has."),
        *(Feature(_COUNT[word], "events", f"How many {word} events the session has.") for word in EVENT_TYPES),
        *(Feature(_SHARE[word], "share", f"Which part of its events are {word}.") for word in EVENT_TYPES),
        *(Feature(_ratio_name(a, b), "ratio", f"{a} events for each {b} event (plus one).") for a, b in _RATIOS),
        Feature("net_cart", "events", "Items put into the cart minus items taken out of it."),
        Feature("n_repeats", "events", "Events on a product that the session had already met."),
    ),
    compute=_compute,
)
