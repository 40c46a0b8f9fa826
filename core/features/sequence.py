"""In which order things were done: how the session began and ended, what followed what, and how soon."""

from __future__ import annotations

import narwhals as nw

from core.features.definition import Feature, FeatureGroup, Frame, SessionLog
from core.features.per_unit import per_unit
from core.features.steps import IS_LAST, PLACE, RUN, SAME_PRODUCT, TYPE_BEFORE
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

_FIRST = {word: f"first_is_{word.lower()}" for word in EVENT_TYPES}
_LAST = {word: f"last_is_{word.lower()}" for word in EVENT_TYPES}
_TURNS = {
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
"""Of the sixteen ways in which one type can follow another those that say something of how a session goes."""
_REACHED = (ADD_CART, BUY)
_EVENTS_TO = {word: f"events_to_{word.lower()}" for word in _REACHED}
_SECONDS_TO = {word: f"seconds_to_{word.lower()}" for word in _REACHED}
_AFTER = {word: f"seconds_after_{word.lower()}" for word in _REACHED}


def _compute(log: SessionLog) -> Frame:
    kind, before, first, last = nw.col(TYPE), nw.col(TYPE_BEFORE), nw.col(PLACE) == 0, nw.col(IS_LAST)
    found = per_unit(
        log.events,
        sums={
            **{name: first & (kind == EVENT_CODE[word]) for word, name in _FIRST.items()},
            **{name: last & (kind == EVENT_CODE[word]) for word, name in _LAST.items()},
            **{name: (before == EVENT_CODE[was]) & (kind == EVENT_CODE[now]) for (was, now), name in _TURNS.items()},
            "type_changes": kind != before,
            "stays_on_product": nw.col(SAME_PRODUCT),
        },
        lows={
            "_start": nw.col(TIME),
            **{_EVENTS_TO[word]: nw.when(kind == EVENT_CODE[word]).then(nw.col(PLACE)) for word in _REACHED},
            **{f"_first_{word}": nw.when(kind == EVENT_CODE[word]).then(nw.col(TIME)) for word in _REACHED},
        },
        highs={
            "_end": nw.col(TIME),
            "_first_product": nw.when(first).then(nw.col(PRODUCT)),
            "_last_product": nw.when(last).then(nw.col(PRODUCT)),
            "streak_max": nw.col(RUN),
            "streak_last": nw.when(last).then(nw.col(RUN)),
            **{f"_latest_{word}": nw.when(kind == EVENT_CODE[word]).then(nw.col(TIME)) for word in _REACHED},
        },
    )
    return found.with_columns(
        (nw.col("_first_product") == nw.col("_last_product")).cast(nw.Int64).alias("ends_where_it_began"),
        *((nw.col(f"_first_{word}") - nw.col("_start")).alias(_SECONDS_TO[word]) for word in _REACHED),
        *((nw.col("_end") - nw.col(f"_latest_{word}")).alias(_AFTER[word]) for word in _REACHED),
    ).select(UNIT, *(feature.name for feature in SEQUENCE.features))


SEQUENCE = FeatureGroup(
    name="sequence",
    features=(
        *(Feature(name, "0 or 1", f"Whether the session began with {word}.") for word, name in _FIRST.items()),
        *(Feature(name, "0 or 1", f"Whether its latest event is {word}.") for word, name in _LAST.items()),
        *(Feature(name, "events", f"How often {now} came right after {was}.") for (was, now), name in _TURNS.items()),
        Feature("type_changes", "events", "How often an event was of another type than the one before."),
        Feature("stays_on_product", "events", "How often an event was on the same product as the one before."),
        Feature("streak_max", "events", "Most events of one type in a row."),
        Feature("streak_last", "events", "How many events of the latest type came in a row at the end."),
        Feature("ends_where_it_began", "0 or 1", "Whether the latest event is on the product of the first."),
        *(
            Feature(_EVENTS_TO[word], "events", f"Events before the first {word}; nothing where there is none.")
            for word in _REACHED
        ),
        *(
            Feature(_SECONDS_TO[word], "seconds", f"Time to the first {word}; nothing where there is none.")
            for word in _REACHED
        ),
        *(
            Feature(_AFTER[word], "seconds", f"Time since the latest {word}; nothing where there is none.")
            for word in _REACHED
        ),
    ),
    compute=_compute,
)
