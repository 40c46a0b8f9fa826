"""The order of events: the first and last type, transitions between types, and the time to and from a type."""

from __future__ import annotations

import narwhals as nw

from core.features.columns import IS_LAST, POSITION, PREVIOUS_TYPE, SAME_PRODUCT, STREAK, names_by_type
from core.features.definition import Feature, FeatureGroup, features_by_type
from core.features.session_log import Frame, SessionLog
from core.schema import ADD_CART, BUY, EVENT_CODE, EVENT_NOUNS, EVENT_TYPES, PRODUCT, REMOVE_CART, TIME, TYPE, VIEW

_FIRST_IS = names_by_type("first_is_{}")
_LAST_IS = names_by_type("last_is_{}")
_NEXT_TYPES = {VIEW: (VIEW, ADD_CART, BUY), ADD_CART: EVENT_TYPES, REMOVE_CART: (ADD_CART,), BUY: (VIEW, BUY)}
"""Ten of the sixteen possible pairs of consecutive types: those that show how a session progresses."""
TRANSITIONS = {
    (before, after): f"{before.lower()}_then_{after.lower()}"
    for before, next_types in _NEXT_TYPES.items()
    for after in next_types
}
_MILESTONES = (ADD_CART, BUY)
"""Event types whose first and latest occurrence is timed."""
_EVENTS_TO = names_by_type("events_to_{}", _MILESTONES)
_SECONDS_TO = names_by_type("seconds_to_{}", _MILESTONES)
_SECONDS_AFTER = names_by_type("seconds_after_{}", _MILESTONES)


def _compute(log: SessionLog) -> Frame:
    is_first, is_last = nw.col(POSITION) == 0, nw.col(IS_LAST)
    is_type = {event_type: nw.col(TYPE) == code for event_type, code in EVENT_CODE.items()}
    follows = {event_type: nw.col(PREVIOUS_TYPE) == code for event_type, code in EVENT_CODE.items()}
    times = {event_type: nw.when(is_type[event_type]).then(nw.col(TIME)) for event_type in _MILESTONES}
    totals = log.aggregate(
        log.events,
        sums={
            **{name: is_first & is_type[event_type] for event_type, name in _FIRST_IS.items()},
            **{name: is_last & is_type[event_type] for event_type, name in _LAST_IS.items()},
            **{name: follows[before] & is_type[after] for (before, after), name in TRANSITIONS.items()},
            "type_changes": nw.col(TYPE) != nw.col(PREVIOUS_TYPE),
            "stays_on_product": nw.col(SAME_PRODUCT),
        },
        minima={
            "_start": nw.col(TIME),
            **{name: nw.when(is_type[event_type]).then(nw.col(POSITION)) for event_type, name in _EVENTS_TO.items()},
            **{f"_first_{event_type}": time for event_type, time in times.items()},
        },
        maxima={
            "_end": nw.col(TIME),
            "_first_product": nw.when(is_first).then(nw.col(PRODUCT)),
            "_last_product": nw.when(is_last).then(nw.col(PRODUCT)),
            "streak_max": nw.col(STREAK),
            "streak_last": nw.when(is_last).then(nw.col(STREAK)),
            **{f"_latest_{event_type}": time for event_type, time in times.items()},
        },
    )
    return totals.with_columns(
        (nw.col("_first_product") == nw.col("_last_product")).cast(nw.Int64).alias("ends_where_it_began"),
        *((nw.col(f"_first_{event_type}") - nw.col("_start")).alias(name) for event_type, name in _SECONDS_TO.items()),
        *(
            (nw.col("_end") - nw.col(f"_latest_{event_type}")).alias(name)
            for event_type, name in _SECONDS_AFTER.items()
        ),
    )


def _transition(name: str, before: str, after: str) -> Feature:
    """Return the feature of an event type directly followed by another one."""
    (first, firsts), (second, _) = EVENT_NOUNS[before], EVENT_NOUNS[after]
    meaning = f"Number of {firsts} directly followed by a {second}."
    return Feature(name, "events", meaning, f"{first.capitalize()} followed by {second}")


SEQUENCE = FeatureGroup(
    name="sequence",
    features=(
        *features_by_type(_FIRST_IS, "0 or 1", "Whether the session's first event is a {one}.", "Begins with a {one}"),
        *features_by_type(
            _LAST_IS, "0 or 1", "Whether the session's latest event is a {one}.", "Last event is a {one}"
        ),
        *(_transition(name, before, after) for (before, after), name in TRANSITIONS.items()),
        Feature(
            "type_changes",
            "events",
            "Number of events whose type differs from that of the previous event.",
            "Changes between kinds of events",
        ),
        Feature(
            "stays_on_product",
            "events",
            "Number of events on the same product as the previous event.",
            "Events on the same product in a row",
        ),
        Feature(
            "streak_max",
            "events",
            "Largest number of consecutive events of one type.",
            "Longest row of events of one kind",
        ),
        Feature(
            "streak_last",
            "events",
            "Number of consecutive events of one type at the end of the session.",
            "Last row of events of one kind",
        ),
        Feature(
            "ends_where_it_began",
            "0 or 1",
            "Whether the latest event is on the same product as the first.",
            "Ends on the first product",
        ),
        *features_by_type(
            _EVENTS_TO,
            "events",
            "Number of events before the first {one}; empty without one.",
            "Events before the first {one}",
        ),
        *features_by_type(
            _SECONDS_TO,
            "seconds",
            "Time from the start to the first {one}; empty without one.",
            "Time to the first {one}",
        ),
        *features_by_type(
            _SECONDS_AFTER,
            "seconds",
            "Time from the latest {one} to the latest event; empty without one.",
            "Time since the last {one}",
        ),
    ),
    compute=_compute,
    lean=False,
)
