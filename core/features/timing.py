"""When the session was and how its events follow each other."""

from __future__ import annotations

import math

import narwhals as nw

from core.features.definition import Feature, FeatureGroup, Frame, SessionLog
from core.schema import TIME, UNIT

_DAY = 86_400
_WEEK = 7 * _DAY
_HOUR = 3_600
_MONDAY = 4 * _DAY  # 1970-01-01 was a Thursday: the first Monday came four days later


def _cycle(seconds: nw.Expr, period: int) -> tuple[nw.Expr, nw.Expr]:
    """Sine and cosine of a time's place in its period, so that midnight is as near to 23:59 as to 00:01."""
    angle = (seconds % period) * (2 * math.pi / period)
    return angle.sin(), angle.cos()


def _compute(log: SessionLog) -> Frame:
    gap = nw.col(TIME) - nw.col(TIME).shift(1).over(UNIT, order_by=TIME)
    spans = (
        log.events.with_columns(gap.alias("_gap"))
        .group_by(UNIT)
        .agg(
            (nw.col(TIME).max() - nw.col(TIME).min()).alias("duration"),
            nw.col(TIME).min().alias("_start"),
            nw.col("_gap").mean().alias("gap_mean"),
            nw.col("_gap").max().alias("gap_max"),
        )
    )
    start = nw.col("_start")
    hour_sin, hour_cos = _cycle(start, _DAY)
    week_sin, week_cos = _cycle(start - _MONDAY, _WEEK)
    return spans.with_columns(
        ((start % _DAY) // _HOUR).alias("start_hour"),
        (((start - _MONDAY) % _WEEK) // _DAY).alias("start_weekday"),
        hour_sin.alias("hour_sin"),
        hour_cos.alias("hour_cos"),
        week_sin.alias("week_sin"),
        week_cos.alias("week_cos"),
    ).drop("_start")


TIMING = FeatureGroup(
    name="timing",
    features=(
        Feature("duration", "seconds", "Time from the session's first event to its last."),
        Feature("gap_mean", "seconds", "Mean time between two events; nothing for a session of one event."),
        Feature("gap_max", "seconds", "Longest time between two events; nothing for a session of one event."),
        Feature("start_hour", "hour (UTC)", "Hour of the day at which the session began."),
        Feature("start_weekday", "day", "Day of the week on which the session began; 0 is Monday."),
        Feature("hour_sin", "-1 to 1", "Time of day as a point on a circle, first coordinate."),
        Feature("hour_cos", "-1 to 1", "Time of day as a point on a circle, second coordinate."),
        Feature("week_sin", "-1 to 1", "Time of the week as a point on a circle, first coordinate."),
        Feature("week_cos", "-1 to 1", "Time of the week as a point on a circle, second coordinate."),
    ),
    compute=_compute,
)
