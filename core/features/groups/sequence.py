"""The order of events: the first and last type, transitions between types, and the time to and from a type."""

from __future__ import annotations

from typing import Final

import narwhals as nw

from core.features.columns import IS_LAST, POSITION, PREVIOUS_TYPE, SAME_PRODUCT, STREAK, names_by_type
from core.features.definition import Feature, FeatureGroup, features_by_type
from core.features.session_log import Frame, SessionLog
from core.schema import ADD_CART, BUY, EVENT_CODE, EVENT_NOUNS, EVENT_TYPES, PRODUCT, REMOVE_CART, TIME, TYPE, VIEW

_FIRST_IS = names_by_type("first_is_{}")
_LAST_IS = names_by_type("last_is_{}")
_NEXT_TYPES = {VIEW: (VIEW, ADD_CART, BUY), ADD_CART: EVENT_TYPES, REMOVE_CART: (ADD_CART,), BUY: (VIEW, BUY)}
"""Event type -> types of the next event. These pairs show how a session progresses, and each has a feature."""
TRANSITIONS: Final = {
    (before, after): f"{before.lower()}_then_{after.lower()}"
    for before, next_types in _NEXT_TYPES.items()
    for after in next_types
}
"""Type of an event and type of the next one -> feature that counts such pairs."""
_MILESTONES = (ADD_CART, BUY)
"""Event types whose first and last occurrence is timed."""
_EVENTS_TO = names_by_type("events_to_{}", _MILESTONES)
_SECONDS_TO = names_by_type("seconds_to_{}", _MILESTONES)
_SECONDS_AFTER = names_by_type("seconds_after_{}", _MILESTONES)

_START, _END = "_start", "_end"
"""Times of the first and the last event."""
_FIRST_TIME, _LAST_TIME = names_by_type("_first_time_{}", _MILESTONES), names_by_type("_last_time_{}", _MILESTONES)
"""Event type -> time of its first and of its last event; null without one."""
_FIRST_PRODUCT, _LAST_PRODUCT = "_first_product", "_last_product"
_IS_FIRST = nw.col(POSITION) == 0


def _compute(log: SessionLog) -> Frame:
    """Return the features, and helper columns that begin with an underscore, which the group drops."""
    return log.aggregate(log.events, sums=_counts(), minima=_minima(), maxima=_maxima()).with_columns(
        (nw.col(_FIRST_PRODUCT) == nw.col(_LAST_PRODUCT)).cast(nw.Int64).alias("ends_where_it_began"),
        *((nw.col(_FIRST_TIME[milestone]) - nw.col(_START)).alias(name) for milestone, name in _SECONDS_TO.items()),
        *((nw.col(_END) - nw.col(_LAST_TIME[milestone])).alias(name) for milestone, name in _SECONDS_AFTER.items()),
    )


def _counts() -> dict[str, nw.Expr]:
    """Return what is counted. The first event has no previous one, so comparisons with it are null and do not count."""
    follows = {event_type: nw.col(PREVIOUS_TYPE) == code for event_type, code in EVENT_CODE.items()}
    return {
        **{name: _IS_FIRST & _is_type(event_type) for event_type, name in _FIRST_IS.items()},
        **{name: nw.col(IS_LAST) & _is_type(event_type) for event_type, name in _LAST_IS.items()},
        **{name: follows[before] & _is_type(after) for (before, after), name in TRANSITIONS.items()},
        "type_changes": nw.col(TYPE) != nw.col(PREVIOUS_TYPE),
        "stays_on_product": nw.col(SAME_PRODUCT),
    }


def _minima() -> dict[str, nw.Expr]:
    return {
        _START: nw.col(TIME),
        **{_FIRST_TIME[milestone]: nw.when(_is_type(milestone)).then(nw.col(TIME)) for milestone in _MILESTONES},
        **{name: nw.when(_is_type(milestone)).then(nw.col(POSITION)) for milestone, name in _EVENTS_TO.items()},
    }


def _maxima() -> dict[str, nw.Expr]:
    """Return maxima. One over a single event, such as the last, is the number of that event."""
    return {
        _END: nw.col(TIME),
        **{_LAST_TIME[milestone]: nw.when(_is_type(milestone)).then(nw.col(TIME)) for milestone in _MILESTONES},
        _FIRST_PRODUCT: nw.when(_IS_FIRST).then(nw.col(PRODUCT)),
        _LAST_PRODUCT: nw.when(nw.col(IS_LAST)).then(nw.col(PRODUCT)),
        "streak_max": nw.col(STREAK),
        "streak_last": nw.when(nw.col(IS_LAST)).then(nw.col(STREAK)),
    }


def _is_type(event_type: str) -> nw.Expr:
    return nw.col(TYPE) == EVENT_CODE[event_type]


def _transition(name: str, before: str, after: str) -> Feature:
    """Return the feature of a transition from an event type to another or the same."""
    noun_before, plural_before = EVENT_NOUNS[before]
    noun_after, _ = EVENT_NOUNS[after]
    meaning = f"Number of {plural_before} directly followed by a {noun_after}."
    return Feature(name, "events", meaning, f"{noun_before.capitalize()} followed by {noun_after}")


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
