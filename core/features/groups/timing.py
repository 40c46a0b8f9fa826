"""When the session took place, and how much time passed between its events."""

from __future__ import annotations

import math

import narwhals as nw

from core.features.columns import GAP, IS_LAST, POSITION
from core.features.definition import Feature, FeatureGroup
from core.features.session_log import DAY, WEEK, Frame, SessionLog
from core.schema import TIME, UNIT

_MINUTE, _HOUR = 60, 3_600
MONDAY = 4 * DAY
"""1970-01-01 was a Thursday, so the first Monday is four days after the epoch."""
QUICK = 10
"""Longest gap in seconds that counts as quick, such as between clicks on the same page."""
MAX_GAP = 30 * 365 * DAY
"""Upper limit in seconds of a gap that is squared. The gaps of a session span at most 300 years, so the sum of their
squares stays below 2^63. Only a wrong timestamp can cause a longer gap."""


def _compute(log: SessionLog) -> Frame:
    gap = nw.col(GAP)
    bounded = gap.clip(upper_bound=MAX_GAP)
    totals = log.aggregate(
        log.events,
        sums={"_gaps": ~gap.is_null(), "_bounded": bounded, "_squares": bounded * bounded, "_quick": gap <= QUICK},
        minima={"_start": nw.col(TIME)},
        maxima={
            "_end": nw.col(TIME),
            "gap_max": gap,
            "gap_first": nw.when(nw.col(POSITION) == 1).then(gap),
            "gap_last": nw.when(nw.col(IS_LAST)).then(gap),
        },
    )
    start, n_gaps = nw.col("_start"), nw.col("_gaps")
    duration = nw.col("_end") - start
    hour_sin, hour_cos = _cycle(start, DAY)
    week_sin, week_cos = _cycle(start - MONDAY, WEEK)
    has_gap = n_gaps > 0
    # n * (sum of squares) - (sum)^2 is exact below 2^53, so rounding cannot make it negative there.
    total = nw.col("_bounded").cast(nw.Float64)
    spread = n_gaps.cast(nw.Float64) * nw.col("_squares") - total * total
    return totals.select(
        UNIT,
        "gap_max",
        "gap_first",
        "gap_last",
        duration.alias("duration"),
        ((n_gaps + 1) * _MINUTE / (duration + _MINUTE)).alias("events_per_minute"),
        nw.when(has_gap).then(duration / n_gaps).alias("gap_mean"),
        nw.when(has_gap).then(spread.clip(0.0).sqrt() / n_gaps).alias("gap_sd"),
        nw.when(has_gap).then(nw.col("_quick") / n_gaps).alias("share_quick"),
        ((start % DAY) // _HOUR).alias("start_hour"),
        (((start - MONDAY) % WEEK) // DAY).alias("start_weekday"),
        hour_sin.alias("hour_sin"),
        hour_cos.alias("hour_cos"),
        week_sin.alias("week_sin"),
        week_cos.alias("week_cos"),
    )


def _cycle(seconds: nw.Expr, period: int) -> tuple[nw.Expr, nw.Expr]:
    """Return the sine and cosine of the position in the period, so that 23:59 is as close to midnight as 00:01."""
    angle = (seconds % period) * (2 * math.pi / period)
    return angle.sin(), angle.cos()


TIMING = FeatureGroup(
    name="timing",
    features=(
        Feature("duration", "seconds", "Time from the session's first event to its last.", "Duration of the session"),
        Feature(
            "events_per_minute",
            "events a minute",
            "Number of events divided by the duration plus one minute.",
            "Events per minute",
        ),
        Feature(
            "gap_mean",
            "seconds",
            "Average time between two events; empty for a session of one event.",
            "Average pause between events",
        ),
        Feature("gap_sd", "seconds", "Standard deviation of the times between events.", "Variation of the pauses"),
        Feature(
            "gap_max", "seconds", "Longest time between two events; empty for a session of one event.", "Longest pause"
        ),
        Feature(
            "gap_first",
            "seconds",
            "Time from the first event to the second; empty for a session of one event.",
            "First pause",
        ),
        Feature(
            "gap_last", "seconds", "Time between the last two events; empty for a session of one event.", "Last pause"
        ),
        Feature(
            "share_quick",
            "share",
            f"Share of the times between events that are at most {QUICK} seconds.",
            "Share of quick clicks",
        ),
        Feature("start_hour", "hour (UTC)", "Hour of the day at which the session began.", "Hour of the start"),
        Feature(
            "start_weekday", "day", "Day of the week on which the session began; 0 is Monday.", "Weekday of the start"
        ),
        Feature(
            "hour_sin",
            "-1 to 1",
            "Time of day as a point on a circle, first coordinate (sine).",
            "Time of day (first coordinate)",
        ),
        Feature(
            "hour_cos",
            "-1 to 1",
            "Time of day as a point on a circle, second coordinate (cosine).",
            "Time of day (second coordinate)",
        ),
        Feature(
            "week_sin",
            "-1 to 1",
            "Time of the week as a point on a circle, first coordinate (sine).",
            "Time of the week (first coordinate)",
        ),
        Feature(
            "week_cos",
            "-1 to 1",
            "Time of the week as a point on a circle, second coordinate (cosine).",
            "Time of the week (second coordinate)",
        ),
    ),
    compute=_compute,
)
