"""The load of the shop just before the session, relative to the previous day.

Both history modes count only whole minutes before the minute in which the session starts, because later events are not
known while the session is open. All sessions of a minute share the same load. Its exact value would identify the
minute, and with it the file, so the load is rounded to steps that many minutes share.
"""

from __future__ import annotations

import math

import narwhals as nw

from core.features.columns import EVENTS, MINUTE
from core.features.definition import Feature, FeatureGroup
from core.features.session_log import DAY, Frame, SessionLog
from core.schema import START, UNIT

MINUTE_SECONDS, HOUR_SECONDS = 60, 3_600
STEPS = 2
"""Number of rounding steps per doubling of the load."""
TIE_BREAK = 1e-6
"""Added before rounding, so that a load halfway between two steps is rounded the same way on every engine."""
_START, _N_EVENTS, _IS_COUNT = "_start_minute", "_n_events", "_is_count"
_NOW, _HOUR_AGO, _DAY_AGO = "_now", "_hour_ago", "_day_ago"
_MINUTES_BACK = {_NOW: 0, _HOUR_AGO: HOUR_SECONDS // MINUTE_SECONDS, _DAY_AGO: DAY // MINUTE_SECONDS}


def _compute(log: SessionLog) -> Frame:
    starts = log.units.select(UNIT, (nw.col(START) // MINUTE_SECONDS).alias(_START))
    minutes = starts.select(_START).unique()
    moments = [minutes.select(nw.col(_START) - back) for back in _MINUTES_BACK.values()]
    counts = log.minutes.select(nw.col(MINUTE).alias(_START), nw.col(EVENTS).alias(_N_EVENTS))
    n_before = _events_before(nw.concat(moments, how="vertical").unique(), counts)
    for name, back in _MINUTES_BACK.items():
        shifted = n_before.select((nw.col(_START) + back).alias(_START), nw.col(_N_EVENTS).alias(name))
        minutes = minutes.join(shifted, on=_START, how="left")
    last_hour, last_day = nw.col(_NOW) - nw.col(_HOUR_AGO), nw.col(_NOW) - nw.col(_DAY_AGO)
    # On the first day of the log, fewer than 24 hours have been observed.
    hours_observed = ((nw.col(_START) * MINUTE_SECONDS - log.first_second) * (1 / HOUR_SECONDS)).clip(
        1.0, DAY / HOUR_SECONDS
    )
    steps = ((last_hour + 1) / (last_day / hours_observed + 1)).log() * (1 / math.log(2)) * STEPS
    loads = minutes.select(_START, ((steps + TIE_BREAK).round() / STEPS).alias("shop_load_hour"))
    return starts.join(loads, on=_START, how="left")


def _events_before(minutes: Frame, counts: Frame) -> Frame:
    """Return the number of events of the log before each of the minutes."""
    zero, one = nw.lit(0).cast(nw.Int64), nw.lit(1).cast(nw.Int64)
    markers = minutes.select(_START, zero.alias(_N_EVENTS), zero.alias(_IS_COUNT))
    stream = nw.concat([markers, counts.with_columns(one.alias(_IS_COUNT))], how="vertical")
    running = stream.with_columns(nw.col(_N_EVENTS).cum_sum().over(order_by=[_START, _IS_COUNT]))
    return running.filter(nw.col(_IS_COUNT) == 0).select(_START, _N_EVENTS)


CONTEXT = FeatureGroup(
    name="context",
    features=(
        Feature(
            "shop_load_hour",
            "doublings",
            "Events of the whole shop in the previous hour compared with an average hour of the previous day;"
            " 1 is twice as many, -1 half as many.",
            "How busy the shop was",
        ),
    ),
    compute=_compute,
    looks_at="history",
    lean=False,
)
