"""History counts by window functions, for `WindowLog`.

Counting events before a visit's start needs no as-of join. Every unit adds a marker at its visit's start to the stream
of events. Running sums in time order pass over the stream, and each marker keeps the sums at its place. A marker sorts
before the events of its own second, so only strictly earlier events count, and no events of the visit itself.
"""

from __future__ import annotations

import narwhals as nw

from core.features.columns import BEFORE, DISTINCT_ELSEWHERE, ELSEWHERE, LAST_SEEN, RECENT, VISIT, VISIT_START
from core.features.session_log import WEEK, Frame
from core.schema import EVENT_CODE, TIME, TYPE, UNIT, USER

_COUNTS = (*ELSEWHERE.values(), DISTINCT_ELSEWHERE)
_KIND = "_kind"
_WEEK_AGO, _START, _EVENT = 0, 1, 2
"""Kinds of rows in the stream: marker a week before the start, marker at the start, event. They sort ties in time."""
_NEVER = -(2**62)
"""Stands for "no event yet" in a running maximum, which is null where its input is. Earlier than any time in a file."""
_N_DISTINCT, _N_VISITS, _EVENTS_WEEK_AGO = "_n_distinct", "_n_visits", "_events_week_ago"


def _integer(value: int) -> nw.Expr:
    return nw.lit(value).cast(nw.Int64)


_NO_UNIT, _IS_EVENT = _integer(-1).alias(UNIT), _integer(_EVENT).alias(_KIND)


def counts_before_start(events: Frame, units: Frame, key: str) -> Frame:
    """Count events strictly before the visit's start; see `SessionLog.counts_elsewhere`.

    Args:
        events: unit, visit, user, product, category, type and time of all events of the log.
        units: unit and VISIT_START of all units.
        key: the column user, product or category.

    Returns:
        The columns of `SessionLog.counts_elsewhere` without WEEKS and WEEKS_BEFORE, and `key`.
    """
    pairs = events.select(UNIT, key).unique().join(units.select(UNIT, VISIT_START), on=UNIT, how="left")
    stream = nw.concat(
        [
            _markers(pairs, key, nw.col(VISIT_START) - WEEK, _WEEK_AGO),
            _markers(pairs, key, nw.col(VISIT_START), _START),
            events.select(_NO_UNIT, key, TIME, *_is_type(), _integer(0).alias(DISTINCT_ELSEWHERE), _IS_EVENT),
            _first_events(events, key),
        ],
        how="vertical",
    )
    order = [TIME, _KIND]
    event_time = nw.when(nw.col(_KIND) == _EVENT).then(nw.col(TIME)).otherwise(nw.lit(_NEVER))
    running = stream.with_columns(
        *(nw.col(name).cum_sum().over(key, order_by=order) for name in _COUNTS),
        event_time.cum_max().over(key, order_by=order).alias(LAST_SEEN),
    )
    total = nw.sum_horizontal(*(nw.col(name) for name in ELSEWHERE.values()))
    week_ago = running.filter(nw.col(_KIND) == _WEEK_AGO).select(UNIT, key, total.alias(_EVENTS_WEEK_AGO))
    at_start = running.filter(nw.col(_KIND) == _START).join(week_ago, on=[UNIT, key], how="left")
    return at_start.select(
        UNIT,
        key,
        nw.col(TIME).alias(VISIT_START),
        *_COUNTS,
        total.alias(BEFORE),
        (total - nw.col(_EVENTS_WEEK_AGO)).alias(RECENT),
        nw.when(nw.col(LAST_SEEN) > _NEVER).then(nw.col(LAST_SEEN)).alias(LAST_SEEN),
    )


def counts_in_other_rows(events: Frame, units: Frame, key: str) -> Frame:
    """Count the rows of both files outside the visit; see `counts_before_start` for the arguments and columns.

    BEFORE, RECENT and LAST_SEEN still describe only what happened before the visit's start.
    """
    totals = [nw.col(name).sum() for name in ELSEWHERE.values()]
    typed = events.with_columns(*_is_type())
    by_visit = typed.group_by(*dict.fromkeys((VISIT, USER, key))).agg(*totals)  # `key` may be USER
    everywhere = typed.group_by(key).agg(*totals)
    pairs = events.select(UNIT, VISIT, key).unique()
    both = pairs.join(by_visit, on=[VISIT, key], how="left").join(everywhere, on=key, how="left", suffix="_everywhere")
    other_rows = [(nw.col(f"{name}_everywhere") - nw.col(name)).alias(name) for name in ELSEWHERE.values()]
    if key == USER:
        counted = both.join(_group_sizes(by_visit, USER, size=_N_DISTINCT), on=USER, how="left")
        elsewhere = nw.col(_N_DISTINCT) - 1
    else:
        visits_of_user = _group_sizes(by_visit, USER, key, size=_N_VISITS)
        n_users = _group_sizes(visits_of_user, key, size=_N_DISTINCT)
        counted = both.join(n_users, on=key, how="left").join(visits_of_user, on=[USER, key], how="left")
        # The visit's own user counts only if another of the user's visits has the value.
        elsewhere = nw.col(_N_DISTINCT) - (nw.col(_N_VISITS) == 1).cast(nw.Int64)
    before = counts_before_start(events, units, key).select(UNIT, key, BEFORE, RECENT, LAST_SEEN, VISIT_START)
    return counted.select(UNIT, key, *other_rows, elsewhere.alias(DISTINCT_ELSEWHERE)).join(
        before, on=[UNIT, key], how="left"
    )


def _markers(pairs: Frame, key: str, time: nw.Expr, kind: int) -> Frame:
    zeros = (_integer(0).alias(name) for name in _COUNTS)
    return pairs.select(UNIT, key, time.alias(TIME), *zeros, _integer(kind).alias(_KIND))


def _first_events(events: Frame, key: str) -> Frame:
    """Return one row per (user, value) at the user's first event on it; for the key user, one row per visit."""
    first = events.group_by(VISIT if key == USER else USER, key).agg(nw.col(TIME).min())
    zeros = (_integer(0).alias(name) for name in ELSEWHERE.values())
    return first.select(_NO_UNIT, key, TIME, *zeros, _integer(1).alias(DISTINCT_ELSEWHERE), _IS_EVENT)


def _group_sizes(frame: Frame, *keys: str, size: str) -> Frame:
    """Return the number of rows per combination of the keys, in a column named `size`."""
    return frame.group_by(*keys).agg(nw.len().cast(nw.Int64).alias(size))


def _is_type() -> list[nw.Expr]:
    return [(nw.col(TYPE) == code).cast(nw.Int64).alias(ELSEWHERE[name]) for name, code in EVENT_CODE.items()]
