"""In which order things were done: how the session began and ended, what followed what, and how soon."""

from __future__ import annotations

import narwhals as nw

from core.features.definition import Feature, FeatureGroup, Frame, SessionLog
from core.features.steps import IS_LAST, PLACE, RUN, SAME_PRODUCT, TYPE_BEFORE
from core.schema import ADD_CART, BUY, EVENT_CODE, EVENT_TYPES, PRODUCT, REMOVE_CART, TIME, TYPE, UNIT, VIEW

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
    marked = log.events.with_columns(
        *((first & (kind == EVENT_CODE[word])).cast(nw.Int64).alias(name) for word, name in _FIRST.items()),
        *((last & (kind == EVENT_CODE[word])).cast(nw.Int64).alias(name) for word, name in _LAST.items()),
        *(
            ((before == EVENT_CODE[was]) & (kind == EVENT_CODE[now])).cast(nw.Int64).alias(name)
            for (was, now), name in _TURNS.items()
        ),
        (kind != before).cast(nw.Int64).alias("type_changes"),
        nw.col(SAME_PRODUCT).cast(nw.Int64).alias("stays_on_product"),
        nw.when(first).then(nw.col(PRODUCT)).alias("_first_product"),
        nw.when(last).then(nw.col(PRODUCT)).alias("_last_product"),
        nw.when(last).then(nw.col(RUN)).alias("streak_last"),
        *(
            nw.when(kind == EVENT_CODE[word]).then(nw.col(column)).alias(f"_{column}_{word}")
            for word in _REACHED
            for column in (PLACE, TIME)
        ),
    )
    counts = [*_FIRST.values(), *_LAST.values(), *_TURNS.values(), "type_changes", "stays_on_product"]
    found = marked.group_by(UNIT).agg(
        *(nw.col(name).sum() for name in counts),
        nw.col(TIME).min().alias("_start"),
        nw.col(TIME).max().alias("_end"),
        nw.col("_first_product").max(),
        nw.col("_last_product").max(),
        nw.col(RUN).max().alias("streak_max"),
        nw.col("streak_last").max(),
        *(nw.col(f"_{PLACE}_{word}").min().alias(_EVENTS_TO[word]) for word in _REACHED),
        *(nw.col(f"_{TIME}_{word}").min().alias(f"_first_{word}") for word in _REACHED),
        *(nw.col(f"_{TIME}_{word}").max().alias(f"_latest_{word}") for word in _REACHED),
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
