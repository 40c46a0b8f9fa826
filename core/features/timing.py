"""When the session was and how its events follow each other."""

from __future__ import annotations

import math

import narwhals as nw

from core.features.definition import Feature, FeatureGroup, Frame, SessionLog
from core.features.per_unit import per_unit
from core.features.steps import GAP, IS_LAST, PLACE
from core.schema import TIME, UNIT

_DAY = 86_400
_WEEK = 7 * _DAY
_HOUR = 3_600
_MINUTE = 60
_MONDAY = 4 * _DAY  # 1970-01-01 was a Thursday: the first Monday came four days later
_QUICK = 10
"""Seconds within which the next event counts as quick: a click on something already in sight."""
_LONGEST = 30 * 365 * _DAY
"""Seconds that a gap counts at most where it is squared, so that the squares of a session's gaps, 300 years in all, sum
to less than 2^63. Only a wrong time makes longer ones."""


def _cycle(seconds: nw.Expr, period: int) -> tuple[nw.Expr, nw.Expr]:
    """Sine and cosine of a time's place in its period, so that midnight is as near to 23:59 as to 00:01."""
    angle = (seconds % period) * (2 * math.pi / period)
    return angle.sin(), angle.cos()


def _compute(log: SessionLog) -> Frame:
    gap = nw.col(GAP)
    bounded = gap.clip(upper_bound=_LONGEST)
    spans = per_unit(
        log.events,
        sums={"_gaps": ~gap.is_null(), "_bounded": bounded, "_squares": bounded * bounded, "_quick": gap <= _QUICK},
        lows={"_start": nw.col(TIME)},
        highs={
            "_end": nw.col(TIME),
            "gap_max": gap,
            "gap_first": nw.when(nw.col(PLACE) == 1).then(gap),
            "gap_last": nw.when(nw.col(IS_LAST)).then(gap),
        },
    )
    start, gaps = nw.col("_start"), nw.col("_gaps")
    duration = nw.col("_end") - start
    hour_sin, hour_cos = _cycle(start, _DAY)
    week_sin, week_cos = _cycle(start - _MONDAY, _WEEK)
    total = nw.col("_bounded").cast(nw.Float64)
    # m times the sum of squares less the square of the sum: exact as long as it is below 2^53, so never below 0 there
    spread = gaps.cast(nw.Float64) * nw.col("_squares") - total * total
    has_gap = gaps > 0
    return spans.select(
        UNIT,
        "gap_max",
        "gap_first",
        "gap_last",
        duration.alias("duration"),
        ((gaps + 1) * _MINUTE / (duration + _MINUTE)).alias("events_per_minute"),
        nw.when(has_gap).then(duration / gaps).alias("gap_mean"),
        nw.when(has_gap).then(spread.clip(0.0).sqrt() / gaps).alias("gap_sd"),
        nw.when(has_gap).then(nw.col("_quick") / gaps).alias("share_quick"),
        ((start % _DAY) // _HOUR).alias("start_hour"),
        (((start - _MONDAY) % _WEEK) // _DAY).alias("start_weekday"),
        hour_sin.alias("hour_sin"),
        hour_cos.alias("hour_cos"),
        week_sin.alias("week_sin"),
        week_cos.alias("week_cos"),
    )


TIMING = FeatureGroup(
    name="timing",
    features=(
        Feature("duration", "seconds", "Time from the session's first event to its last."),
        Feature("events_per_minute", "events a minute", "Events for each minute of the session (and one minute more)."),
        Feature("gap_mean", "seconds", "Mean time between two events; nothing for a session of one event."),
        Feature("gap_sd", "seconds", "How uneven the times between events are: their standard deviation."),
        Feature("gap_max", "seconds", "Longest time between two events; nothing for a session of one event."),
        Feature("gap_first", "seconds", "Time from the first event to the second; nothing for a session of one event."),
        Feature("gap_last", "seconds", "Time from the last event but one to the last; nothing for a single event."),
        Feature("share_quick", "share", f"Part of the pauses between events that lasted at most {_QUICK} seconds."),
        Feature("start_hour", "hour (UTC)", "Hour of the day at which the session began."),
        Feature("start_weekday", "day", "Day of the week on which the session began; 0 is Monday."),
        Feature("hour_sin", "-1 to 1", "Time of day as a point on a circle, first coordinate."),
        Feature("hour_cos", "-1 to 1", "Time of day as a point on a circle, second coordinate."),
        Feature("week_sin", "-1 to 1", "Time of the week as a point on a circle, first coordinate."),
        Feature("week_cos", "-1 to 1", "Time of the week as a point on a circle, second coordinate."),
    ),
    compute=_compute,
)
