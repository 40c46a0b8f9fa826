"""How busy the shop was when the session began, compared with what is usual.

Only whole minutes before the minute of the session's start are looked at, in both regimes: an open session knows no
more. Loads are ratios, for a count of events would tell the learners which file or year a session is from.
"""

from __future__ import annotations

import narwhals as nw

from core.features.definition import Feature, FeatureGroup, Frame, SessionLog
from core.schema import TIME, UNIT

_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400
_AT, _EVENTS, _IS_COUNT = "_minute", "_events", "_is_count"
_NOW, _HOUR_AGO, _DAY_AGO = "_now", "_hour_ago", "_day_ago"
_BACK = {_NOW: 0, _HOUR_AGO: _HOUR // _MINUTE, _DAY_AGO: _DAY // _MINUTE}
"""Moments that are asked for, in minutes before the session's start."""


def _compute(log: SessionLog) -> Frame:
    starts = log.units.select(UNIT, (nw.col("start") // _MINUTE).alias(_AT))
    minutes = starts.select(_AT).unique()
    asked = nw.concat([minutes.select(nw.col(_AT) - back) for back in _BACK.values()], how="vertical").unique()
    counts = log.events.select((nw.col(TIME) // _MINUTE).alias(_AT)).group_by(_AT).agg(nw.len().alias(_EVENTS))
    known = _events_before(asked, counts)
    for name, back in _BACK.items():
        then = known.select((nw.col(_AT) + back).alias(_AT), nw.col(_EVENTS).alias(name))
        minutes = minutes.join(then, on=_AT, how="left")
    now, hour, day = nw.col(_NOW), nw.col(_NOW) - nw.col(_HOUR_AGO), nw.col(_NOW) - nw.col(_DAY_AGO)
    days = (nw.col(_AT) * _MINUTE - log.began + _DAY) / _DAY  # a day more, as for every history
    loads = minutes.select(
        _AT,
        ((hour + 1) / (day / (_DAY // _HOUR) + 1)).alias("shop_load_hour"),
        ((day + 1) / (now / days + 1)).alias("shop_load_day"),
    )
    return starts.join(loads, on=_AT, how="left")


def _events_before(asked: Frame, counts: Frame) -> Frame:
    """How many events there were before each of the minutes asked for; a minute's own events are not before it."""
    zero, one = nw.lit(0).cast(nw.Int64), nw.lit(1).cast(nw.Int64)
    markers = asked.select(_AT, zero.alias(_EVENTS), zero.alias(_IS_COUNT))
    stream = nw.concat(
        [markers, counts.select(_AT, nw.col(_EVENTS).cast(nw.Int64), one.alias(_IS_COUNT))], how="vertical"
    )
    summed = stream.with_columns(nw.col(_EVENTS).cum_sum().over(order_by=[_AT, _IS_COUNT]))
    return summed.filter(nw.col(_IS_COUNT) == 0).select(_AT, _EVENTS)


CONTEXT = FeatureGroup(
    name="context",
    features=(
        Feature(
            "shop_load_hour", "ratio", "Events of the whole shop in the hour before, for each that is usual that day."
        ),
        Feature(
            "shop_load_day", "ratio", "Events of the whole shop in the day before, for each that is usual in a day."
        ),
    ),
    compute=_compute,
    looks_at="history",
)
