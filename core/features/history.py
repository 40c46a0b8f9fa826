"""How often a user, product or category was seen outside the session: the one place that knows the two regimes.

`as_of` counts what happened strictly before the session's first event. It needs no as-of join: every session puts a
marker at its start into the stream of events, all are summed in time order, and the markers keep what they read. A
marker sorts before the events of its own second, so "before" is strict, and a session's own events, none of which is
earlier than its start, never count.

`all_rows` counts all rows of both files but the session's own.
"""

from __future__ import annotations

import narwhals as nw

from core.features.definition import Frame, SessionLog
from core.schema import EVENT_CODE, EVENT_TYPES, TIME, TYPE, UNIT

SEEN = {word: f"_seen_{word.lower()}" for word in EVENT_TYPES}
"""Event type -> column with the number of events of that type seen outside the session."""
SEEN_SESSIONS = "_seen_sessions"
"""Other sessions with the key: under as_of those that met it earlier."""
LAST_SEEN = "_last_seen"
"""Epoch seconds of the latest event before the session's start, in both regimes; null when there is none."""

WEEKS = "_weeks"
"""For how long the history was watched, in weeks: from the log's first event to the session's start (under all_rows to
the log's last event), and a day more, so that the first hours of a log do not count for much. A count grows with the
log: undivided it would only tell the learners how late a session is, and mislead them on every session after train."""

_DAY, _WEEK = 86_400, 7 * 86_400
_START = "start"
_IS_EVENT = "_is_event"
_NEVER = -(2**62)  # earlier than any time a file can hold; a running maximum would lose a null
_COUNTS = (*SEEN.values(), SEEN_SESSIONS)


def seen_outside(log: SessionLog, key: str) -> Frame:
    """Count, for every unit and every value of `key` in it, what was seen of that value outside the unit.

    Returns:
        One row a (unit, key value): unit, key, the columns of SEEN, SEEN_SESSIONS, LAST_SEEN, WEEKS, start. Counts are
        never null.
    """
    starts = log.units.select(UNIT, _START)
    until = nw.col(_START) if log.history == "as_of" else nw.lit(log.ended)
    seen = _before_start(log, key) if log.history == "as_of" else _in_all_other_rows(log, key)
    return seen.join(starts, on=UNIT, how="left").with_columns(((until - log.began + _DAY) / _WEEK).alias(WEEKS))


def _in_all_other_rows(log: SessionLog, key: str) -> Frame:
    before = _before_start(log, key)
    own = _totals(log.events, [UNIT, key])
    everything = _totals(own.rename({name: f"{name}_own" for name in _COUNTS}), [key], suffix="_own")
    other = own.join(everything, on=key, how="left", suffix="_all").select(
        UNIT, key, *((nw.col(f"{name}_all") - nw.col(name)).alias(name) for name in _COUNTS)
    )
    return other.join(before.select(UNIT, key, LAST_SEEN), on=[UNIT, key], how="left")


def _totals(rows: Frame, keys: list[str], suffix: str = "") -> Frame:
    """Sum the counts of a stream by keys; a stream of raw events is counted, one of counts is added up."""
    if suffix:
        return rows.group_by(keys).agg(nw.col(f"{name}{suffix}").sum().alias(name) for name in _COUNTS)
    counted = rows.with_columns(
        (nw.col(TYPE) == code).cast(nw.Int64).alias(SEEN[word]) for word, code in EVENT_CODE.items()
    )
    summed = counted.group_by(keys).agg(nw.col(name).sum() for name in SEEN.values())
    return summed.with_columns(nw.lit(1).cast(nw.Int64).alias(SEEN_SESSIONS))


def _before_start(log: SessionLog, key: str) -> Frame:
    starts = log.units.select(UNIT, _START)
    pairs = log.events.select(UNIT, key).unique().join(starts, on=UNIT, how="left")
    zero = nw.lit(0).cast(nw.Int64)
    markers = pairs.select(
        UNIT, key, nw.col(_START).alias(TIME), *(zero.alias(name) for name in _COUNTS), zero.alias(_IS_EVENT)
    )
    events = log.events.select(
        nw.lit(-1).cast(nw.Int64).alias(UNIT),
        key,
        TIME,
        *((nw.col(TYPE) == code).cast(nw.Int64).alias(SEEN[word]) for word, code in EVENT_CODE.items()),
        zero.alias(SEEN_SESSIONS),
        nw.lit(1).cast(nw.Int64).alias(_IS_EVENT),
    )
    sessions = (
        log.events.group_by(UNIT, key)
        .agg(nw.col(TIME).min())
        .select(
            nw.lit(-1).cast(nw.Int64).alias(UNIT),
            key,
            TIME,
            *(zero.alias(name) for name in SEEN.values()),
            nw.lit(1).cast(nw.Int64).alias(SEEN_SESSIONS),
            nw.lit(1).cast(nw.Int64).alias(_IS_EVENT),
        )
    )
    order = [TIME, _IS_EVENT]
    event_time = nw.when(nw.col(_IS_EVENT) == 1).then(nw.col(TIME)).otherwise(nw.lit(_NEVER))
    stream = nw.concat([markers, events, sessions], how="vertical").with_columns(
        *(nw.col(name).cum_sum().over(key, order_by=order) for name in _COUNTS),
        event_time.cum_max().over(key, order_by=order).alias(LAST_SEEN),
    )
    return stream.filter(nw.col(_IS_EVENT) == 0).select(
        UNIT, key, *_COUNTS, nw.when(nw.col(LAST_SEEN) > _NEVER).then(nw.col(LAST_SEEN)).alias(LAST_SEEN)
    )
