"""How busy the shop was when the session began, compared with the day before.

Only whole minutes before the minute of the session's start are looked at, in both regimes: an open session knows no
more. All sessions of a minute share the load, so that its exact size would tell the learners the minute, and with it
train from test; it comes in steps, which many minutes share.
"""

from __future__ import annotations

import math

import narwhals as nw

from core.features.definition import Feature, FeatureGroup, Frame, SessionLog
from core.features.steps import EVENTS, MINUTE
from core.schema import UNIT

_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400
_STEPS = 2
"""Steps for each doubling of the load."""
_TIE = 1e-6
_AT, _EVENTS, _IS_COUNT = "_minute", "_events", "_is_count"
_NOW, _HOUR_AGO, _DAY_AGO = "_now", "_hour_ago", "_day_ago"
_BACK = {_NOW: 0, _HOUR_AGO: _HOUR // _MINUTE, _DAY_AGO: _DAY // _MINUTE}
"""Moments that are asked for, in minutes before the session's start."""


def _compute(log: SessionLog) -> Frame:
    starts = log.units.select(UNIT, (nw.col("start") // _MINUTE).alias(_AT))
    minutes = starts.select(_AT).unique()
    asked = nw.concat([minutes.select(nw.col(_AT) - back) for back in _BACK.values()], how="vertical").unique()
    counts = log.minutes.select(nw.col(MINUTE).alias(_AT), nw.col(EVENTS).alias(_EVENTS))
    known = _events_before(asked, counts)
    for name, back in _BACK.items():
        then = known.select((nw.col(_AT) + back).alias(_AT), nw.col(_EVENTS).alias(name))
        minutes = minutes.join(then, on=_AT, how="left")
    hour, day = nw.col(_NOW) - nw.col(_HOUR_AGO), nw.col(_NOW) - nw.col(_DAY_AGO)
    watched = ((nw.col(_AT) * _MINUTE - log.began) / _HOUR).clip(1.0, _DAY / _HOUR)  # hours, in the log's first day
    steps = ((hour + 1) / (day / watched + 1)).log() / math.log(2) * _STEPS
    # the little more keeps a ratio that lies between two steps on one side on every engine
    loads = minutes.select(_AT, ((steps + _TIE).round() / _STEPS).alias("shop_load_hour"))
    return starts.join(loads, on=_AT, how="left")


def _events_before(asked: Frame, counts: Frame) -> Frame:
    """How many events there were before each of the minutes asked for; a minute's own events are not before it."""
    zero, one = nw.lit(0).cast(nw.Int64), nw.lit(1).cast(nw.Int64)
    markers = asked.select(_AT, zero.alias(_EVENTS), zero.alias(_IS_COUNT))
    stream = nw.concat([markers, counts.with_columns(one.alias(_IS_COUNT))], how="vertical")
    summed = stream.with_columns(nw.col(_EVENTS).cum_sum().over(order_by=[_AT, _IS_COUNT]))
    return summed.filter(nw.col(_IS_COUNT) == 0).select(_AT, _EVENTS)


CONTEXT = FeatureGroup(
    name="context",
    features=(
        Feature(
            "shop_load_hour",
            "doublings",
            "How busy the shop was in the hour before, against an hour of the day before; 1 is twice as busy.",
        ),
    ),
    compute=_compute,
    looks_at="history",
)
