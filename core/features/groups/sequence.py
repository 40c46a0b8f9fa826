"""The order of events: how the session began and ended, which type followed which, and how soon."""

from __future__ import annotations

import narwhals as nw

from core.features.columns import IS_LAST, POSITION, PREVIOUS_TYPE, SAME_PRODUCT, STREAK
from core.features.definition import Feature, FeatureGroup
from core.features.session_log import Frame, SessionLog
from core.schema import (
    ADD_CART,
    BUY,
    EVENT_CODE,
    EVENT_TYPES,
    PRODUCT,
    REMOVE_CART,
    TIME,
    TYPE,
    UNIT,
    VIEW,
)

_FIRST_IS = {event_type: f"first_is_{event_type.lower()}" for event_type in EVENT_TYPES}
_LAST_IS = {event_type: f"last_is_{event_type.lower()}" for event_type in EVENT_TYPES}
_TRANSITIONS = {
    (before, after): f"{before.lower()}_then_{after.lower()}"
    for before, after in (
        (VIEW, VIEW),
        (VIEW, ADD_CART),
        (VIEW, BUY),
        (ADD_CART, VIEW),
        (ADD_CART, ADD_CART),
        (ADD_CART, REMOVE_CART),
        (ADD_CART, BUY),
        (REMOVE_CART, ADD_CART),
        (BUY, VIEW),
        (BUY, BUY),
    )
}
"""Ten of the sixteen possible pairs of consecutive types: those that say how a session progresses."""
_MILESTONES = (ADD_CART, BUY)
_EVENTS_TO = {event_type: f"events_to_{event_type.lower()}" for event_type in _MILESTONES}
_SECONDS_TO = {event_type: f"seconds_to_{event_type.lower()}" for event_type in _MILESTONES}
_SECONDS_AFTER = {event_type: f"seconds_after_{event_type.lower()}" for event_type in _MILESTONES}


def _compute(log: SessionLog) -> Frame:
    code, previous, is_first, is_last = nw.col(TYPE), nw.col(PREVIOUS_TYPE), nw.col(POSITION) == 0, nw.col(IS_LAST)
    is_type = {event_type: code == number for event_type, number in EVENT_CODE.items()}
    totals = log.aggregate(
        log.events,
        sums={
            **{name: is_first & is_type[event_type] for event_type, name in _FIRST_IS.items()},
            **{name: is_last & is_type[event_type] for event_type, name in _LAST_IS.items()},
            **{
                name: (previous == EVENT_CODE[before]) & is_type[after]
                for (before, after), name in _TRANSITIONS.items()
            },
            "type_changes": code != previous,
            "stays_on_product": nw.col(SAME_PRODUCT),
        },
        minima={
            "_start": nw.col(TIME),
            **{name: nw.when(is_type[event_type]).then(nw.col(POSITION)) for event_type, name in _EVENTS_TO.items()},
            **{f"_first_{event_type}": nw.when(is_type[event_type]).then(nw.col(TIME)) for event_type in _MILESTONES},
        },
        maxima={
            "_end": nw.col(TIME),
            "_first_product": nw.when(is_first).then(nw.col(PRODUCT)),
            "_last_product": nw.when(is_last).then(nw.col(PRODUCT)),
            "streak_max": nw.col(STREAK),
            "streak_last": nw.when(is_last).then(nw.col(STREAK)),
            **{f"_latest_{event_type}": nw.when(is_type[event_type]).then(nw.col(TIME)) for event_type in _MILESTONES},
        },
    )
    return totals.with_columns(
        (nw.col("_first_product") == nw.col("_last_product")).cast(nw.Int64).alias("ends_where_it_began"),
        *((nw.col(f"_first_{event_type}") - nw.col("_start")).alias(name) for event_type, name in _SECONDS_TO.items()),
        *(
            (nw.col("_end") - nw.col(f"_latest_{event_type}")).alias(name)
            for event_type, name in _SECONDS_AFTER.items()
        ),
    ).select(UNIT, *(feature.name for feature in SEQUENCE.features))


SEQUENCE = FeatureGroup(
    name="sequence",
    features=(
        *(
            Feature(name, "0 or 1", f"Whether the session's first event is {event_type}.")
            for event_type, name in _FIRST_IS.items()
        ),
        *(
            Feature(name, "0 or 1", f"Whether the session's latest event is {event_type}.")
            for event_type, name in _LAST_IS.items()
        ),
        *(
            Feature(name, "events", f"How often {after} directly followed {before}.")
            for (before, after), name in _TRANSITIONS.items()
        ),
        Feature("type_changes", "events", "How often the event type differed from the previous event's."),
        Feature("stays_on_product", "events", "How often an event was on the same product as the previous one."),
        Feature("streak_max", "events", "Most events of one type in a row."),
        Feature("streak_last", "events", "Number of consecutive events of the latest type at the end of the session."),
        Feature("ends_where_it_began", "0 or 1", "Whether the latest event is on the same product as the first."),
        *(
            Feature(name, "events", f"Number of events before the first {event_type}; empty without one.")
            for event_type, name in _EVENTS_TO.items()
        ),
        *(
            Feature(name, "seconds", f"Time from the start to the first {event_type}; empty without one.")
            for event_type, name in _SECONDS_TO.items()
        ),
        *(
            Feature(name, "seconds", f"Time from the latest {event_type} to the latest event; empty without one.")
            for event_type, name in _SECONDS_AFTER.items()
        ),
    ),
    compute=_compute,
)
