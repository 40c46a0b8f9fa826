"""How often a user, product or category was seen outside the session: the one place that knows the two regimes.

`as_of` counts what happened strictly before the session's first event. The session is the whole visit, with its rows in
the other file (see visits.py). It needs no as-of join: every session puts a
marker at its start into the stream of events, all are summed in time order, and the markers keep what they read. A
marker sorts before the events of its own second, so "before" is strict, and a session's own events, none of which is
earlier than its start, never count.

`all_rows` counts all rows of both files but the session's own.

On Polars the same is done by sorted arrays (history_lookup.py); a test holds the two together.
"""

from __future__ import annotations

import narwhals as nw
import polars as pl

from core.features.definition import Frame, SessionLog
from core.features.history_arrays import UnitArrays
from core.features.history_lookup import seen_pairs
from core.features.visits import VISIT, VISIT_START
from core.schema import EVENT_CODE, EVENT_TYPES, TIME, TYPE, UNIT, USER

SEEN = {word: f"_seen_{word.lower()}" for word in EVENT_TYPES}
"""Event type -> column with the number of events of that type seen outside the session."""
DONE = {word: f"_done_{word.lower()}" for word in EVENT_TYPES}
"""Event type -> column with the number of events of that type in the session itself."""
MET = "_met"
"""Who met the value outside the session: users, or of a user the sessions. Under as_of those that met it earlier."""
BEFORE, RECENT = "_before", "_recent"
"""Events of all types before the session's start, and of these the ones of the last seven days, in both regimes."""
LAST_SEEN = "_last_seen"
"""Epoch seconds of the latest event before the session's start, in both regimes; null when there is none."""

WEEKS = "_weeks"
"""For how long the history was watched, in weeks: from the log's first event to the session's start (under all_rows to
the log's last event), and a day more, so that the first hours of a log do not count for much. A count grows with the
log: undivided it would only tell the learners how late a session is, and mislead them on every session after train."""
WEEKS_BEFORE = "_weeks_before"
"""Weeks from the log's first event to the session's start, in both regimes, without the day more."""

_DAY, _WEEK = 86_400, 7 * 86_400
_KIND = "_kind"
_READ_RECENT, _READ_NOW, _IS_EVENT = 0, 1, 2
"""Kinds of rows in the stream, in the order in which those of one second stand."""
_NEVER = -(2**62)  # earlier than any time a file can hold; a running maximum would lose a null
_COUNTS = (*SEEN.values(), MET)


def seen_outside(log: SessionLog, key: str) -> Frame:
    """Count, for every unit and every value of `key` in it, what was seen of that value outside the unit.

    Returns:
        One row a (unit, key value): unit, the columns of SEEN, MET, BEFORE, RECENT, LAST_SEEN, WEEKS, WEEKS_BEFORE,
        VISIT_START. Counts are never null.
    """
    seen = _by_windows(log, key) if log.arrays is None else _by_arrays(log, log.arrays, key)
    until = nw.col(VISIT_START) if log.history == "as_of" else nw.lit(log.ended)
    return seen.with_columns(
        ((until - log.began + _DAY) / _WEEK).alias(WEEKS),
        ((nw.col(VISIT_START) - log.began) / _WEEK).alias(WEEKS_BEFORE),
    )


def done_to(log: SessionLog, key: str) -> Frame:
    """What every unit itself did to every value of `key` in it: unit and the columns of DONE, by unit on Polars."""
    if log.arrays is None:
        flags = ((nw.col(TYPE) == code).cast(nw.Int64).alias(DONE[word]) for word, code in EVENT_CODE.items())
        return log.events.with_columns(*flags).group_by(UNIT, key).agg(nw.col(name).sum() for name in DONE.values())
    own = log.arrays.own(key)
    units = log.arrays.frame.get_column(UNIT).gather(own.row).set_sorted()
    counts = {DONE[word]: own.counts[:, code] for word, code in EVENT_CODE.items()}
    return nw.from_native(pl.DataFrame({UNIT: units, **counts}).lazy())


def trend() -> nw.Expr:
    """Events of the last seven days for each that a week had on average until then; 1 in the log's first week."""
    weeks = nw.col(WEEKS_BEFORE).clip(1.0)
    return (nw.col(RECENT) + 1) / (nw.col(BEFORE) / weeks + 1)


def _by_arrays(log: SessionLog, arrays: UnitArrays, key: str) -> Frame:
    seen = seen_pairs(arrays, key, _WEEK, all_rows=log.history == "all_rows")
    units = arrays.frame
    frame = pl.DataFrame(
        {
            UNIT: units.get_column(UNIT).gather(seen.row).set_sorted(),
            VISIT_START: units.get_column(VISIT_START).gather(seen.row),
            **{SEEN[word]: seen.counts[:, code] for word, code in EVENT_CODE.items()},
            MET: seen.met,
            BEFORE: seen.before,
            RECENT: seen.recent,
            LAST_SEEN: seen.last,
        }
    )
    last = pl.when(pl.col(BEFORE) > 0).then(pl.col(LAST_SEEN).cast(pl.Int64) + log.began)
    return nw.from_native(frame.lazy().with_columns(last.alias(LAST_SEEN)))


def _by_windows(log: SessionLog, key: str) -> Frame:
    before = _before_start(log, key)
    if log.history == "all_rows":
        kept = [UNIT, key, BEFORE, RECENT, LAST_SEEN]
        before = _in_all_other_rows(log, key).join(before.select(kept), on=[UNIT, key], how="left")
    return before.join(log.units.select(UNIT, VISIT_START), on=UNIT, how="left")


def _in_all_other_rows(log: SessionLog, key: str) -> Frame:
    flags = ((nw.col(TYPE) == code).cast(nw.Int64).alias(SEEN[word]) for word, code in EVENT_CODE.items())
    events = log.events.with_columns(*flags)
    sums = [nw.col(name).sum() for name in SEEN.values()]
    own = events.group_by(*dict.fromkeys((VISIT, USER, key))).agg(*sums)
    met, others = _met_in_all(own, key)
    everything = events.group_by(key).agg(*sums).join(met, on=key, how="left")
    pairs = events.select(UNIT, VISIT, key).unique().join(own, on=[VISIT, key], how="left")
    both = pairs.join(everything, on=key, how="left", suffix="_all")
    if key == USER:
        return both.select(UNIT, key, *_differences(), (nw.col("_partners") - 1).alias(MET))
    return both.join(others, on=[USER, key], how="left").select(
        UNIT, key, *_differences(), (nw.col("_partners") - (nw.col("_visits") == 1).cast(nw.Int64)).alias(MET)
    )


def _differences() -> list[nw.Expr]:
    return [(nw.col(f"{name}_all") - nw.col(name)).alias(name) for name in SEEN.values()]


def _met_in_all(own: Frame, key: str) -> tuple[Frame, Frame]:
    """Key -> how many users (of a user: sessions) met it; and for the pairs of user and key in how many visits."""
    if key == USER:
        return own.group_by(key).agg(nw.len().cast(nw.Int64).alias("_partners")), own
    pairs = own.group_by(USER, key).agg(nw.len().cast(nw.Int64).alias("_visits"))
    return pairs.group_by(key).agg(nw.len().cast(nw.Int64).alias("_partners")), pairs


def _before_start(log: SessionLog, key: str) -> Frame:
    starts = log.units.select(UNIT, VISIT_START)
    pairs = log.events.select(UNIT, key).unique().join(starts, on=UNIT, how="left")
    zero = nw.lit(0).cast(nw.Int64)

    def marker(time: nw.Expr, kind: int) -> Frame:
        return pairs.select(UNIT, key, time.alias(TIME), *(zero.alias(name) for name in _COUNTS), _of_kind(kind))

    nobody = nw.lit(-1).cast(nw.Int64).alias(UNIT)
    events = log.events.select(
        nobody,
        key,
        TIME,
        *((nw.col(TYPE) == code).cast(nw.Int64).alias(SEEN[word]) for word, code in EVENT_CODE.items()),
        zero.alias(MET),
        _of_kind(_IS_EVENT),
    )
    partner = VISIT if key == USER else USER
    meetings = (
        log.events.group_by(partner, key)
        .agg(nw.col(TIME).min())
        .select(
            nobody,
            key,
            TIME,
            *(zero.alias(name) for name in SEEN.values()),
            nw.lit(1).cast(nw.Int64).alias(MET),
            _of_kind(_IS_EVENT),
        )
    )
    order = [TIME, _KIND]
    event_time = nw.when(nw.col(_KIND) == _IS_EVENT).then(nw.col(TIME)).otherwise(nw.lit(_NEVER))
    stream = nw.concat(
        [marker(nw.col(VISIT_START) - _WEEK, _READ_RECENT), marker(nw.col(VISIT_START), _READ_NOW), events, meetings],
        how="vertical",
    ).with_columns(
        *(nw.col(name).cum_sum().over(key, order_by=order) for name in _COUNTS),
        event_time.cum_max().over(key, order_by=order).alias(LAST_SEEN),
    )
    total = nw.sum_horizontal(*(nw.col(name) for name in SEEN.values()))
    week_ago = stream.filter(nw.col(_KIND) == _READ_RECENT).select(UNIT, key, total.alias("_week_ago"))
    now = stream.filter(nw.col(_KIND) == _READ_NOW).join(week_ago, on=[UNIT, key], how="left")
    return now.select(
        UNIT,
        key,
        *_COUNTS,
        total.alias(BEFORE),
        (total - nw.col("_week_ago")).alias(RECENT),
        nw.when(nw.col(LAST_SEEN) > _NEVER).then(nw.col(LAST_SEEN)).alias(LAST_SEEN),
    )


def _of_kind(kind: int) -> nw.Expr:
    return nw.lit(kind).cast(nw.Int64).alias(_KIND)
