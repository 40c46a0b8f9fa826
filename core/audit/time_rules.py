"""When do the events happen? The two files in time, wrong clocks, missing days, and truncated times."""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl

from core.audit.case import EVENTS, FAR_LENGTHS, AuditCase, Span
from core.audit.finding import Finding
from core.audit.rule import Rule
from core.audit.text import MAX_EXAMPLES, format_day, time_span
from core.base.text import count, number, percent, verb
from core.checks import Requirement
from core.schema import ROLE, ROLES, SECONDS_PER_DAY, TEST_ROLE, TIME

LOG_CHART: Final = "log_span"
CLOSED: Final = 0.01
"""Of the whole days: three holidays a year on which a shop may be closed."""
LOW_SHARE: Final = 0.1
"""Of the median day's events. The slowest open day in a year of The Complete Journey has 39%; below 10% is a gap."""
MIN_DAYS: Final = 7
MIN_DAILY_EVENTS: Final = 20
"""On a median day. With 20, a day with fewer than 2 happens by chance once in 20 million days (Poisson); with 5, once
in 150."""
NEARLY_ALL: Final = 0.99
"""A few events from another source must not hide that the rest is truncated."""
MIN_EVENTS: Final = 100
"""Fewer events may be on full minutes by chance."""

_PERIODS: Final = ((SECONDS_PER_DAY, "time of day"), (3_600, "minutes"), (60, "seconds"))
"""The period in seconds within which all times would be the same, and what is missing then; longest first."""


class FilesInTime(Rule):
    code = "files_in_time"
    title = "A gap, an overlap or the wrong order between train and test"

    def find(self, case: AuditCase) -> Finding | None:
        train, test = case.spans
        dates = (
            f"Train runs from {format_day(train.first)} to {format_day(train.last)}, "
            f"test from {format_day(test.first)} to {format_day(test.last)}"
        )
        if test.first >= train.last:
            return self._gap(train, test, dates)
        if test.last <= train.first:
            return self.finding(
                "serious",
                "Test is earlier than train",
                explanation=f"{dates}. The sessions to predict are older than those with values.",
                advice="Check whether the files were swapped: history features know nothing of what comes later.",
                chart=LOG_CHART,
            )
        inside = pl.col(TIME).is_between(train.first, train.last)
        events = case.dataset.events("test").select(inside.sum()).collect().item()
        share = events / case.units_of(TEST_ROLE).get_column(EVENTS).sum()
        return self.finding(
            "note",
            "Train and test overlap in time",
            count=events,
            explanation=f"{dates}. {count(events, 'test event')} ({percent(share)}) {verb(events, 'is', 'are')} within "
            "the time of train, so the files were not split by time alone.",
            advice=(
                "Nothing to do. History features use both files, but only earlier events. The score then holds for "
                "sessions of the same days, not for later ones."
            ),
            chart=LOG_CHART,
        )

    def _gap(self, train: Span, test: Span, dates: str) -> Finding | None:
        gap = test.first - train.last
        if gap <= SECONDS_PER_DAY:
            return None
        is_long = gap > train.last - train.first
        return self.finding(
            "warning" if is_long else "note",
            f"Test begins {time_span(gap)} after train ends",
            explanation=f"{dates}. Between them are {time_span(gap)} without an event"
            f"{', which is longer than train' if is_long else ''}.",
            advice="Prices, products and seasons may have changed. A log without the gap would predict better.",
            chart=LOG_CHART,
        )


class FarTimes(Rule):
    code = "far_times"
    title = "Events far outside the time of the log"

    def find(self, case: AuditCase) -> Finding | None:
        parts = []
        for role, span in enumerate(case.spans):
            low, high = span.bounds
            outside = (pl.col("day") * SECONDS_PER_DAY + SECONDS_PER_DAY <= low) | (
                pl.col("day") * SECONDS_PER_DAY > high
            )
            parts.append(case.events_by_day.filter((pl.col(ROLE) == role) & outside))
        far = pl.concat(parts).sort([EVENTS, ROLE, "day"], descending=[True, False, False])
        if far.is_empty():
            return None
        n_far = int(far.get_column(EVENTS).sum())
        span = case.spans[far.get_column(ROLE)[0]]
        return self.finding(
            "serious",
            f"{count(n_far, 'event')} {verb(n_far, 'is', 'are')} far outside the log",
            count=n_far,
            explanation=(
                f"90% of the events are between {format_day(span.low)} and {format_day(span.high)}. "
                f"{count(n_far, 'event')} {verb(n_far, 'is', 'are')} more than {FAR_LENGTHS} times that length away."
            ),
            advice=(
                "Remove these rows or correct their times, and read the files again. History is divided by the weeks "
                "since the first event of the log, so one wrong year dilutes all of it."
            ),
            examples=[
                f"{format_day(row['day'] * SECONDS_PER_DAY)} in {ROLES[row[ROLE]]}: {count(row[EVENTS], 'event')}"
                for row in far.head(MAX_EXAMPLES).iter_rows(named=True)
            ],
            chart=LOG_CHART,
        )


def whole_days(case: AuditCase) -> pl.DataFrame:
    """Return one row per whole day within the time of either file: day (since 1970-01-01), events of both files.

    The first and last day of a file are not whole. Days without events have 0. Ordered by day.
    """
    inside = [pl.Series("day", [], dtype=pl.Int64)]
    for span in case.spans:
        inside.append(
            pl.int_range(span.first // SECONDS_PER_DAY + 1, span.last // SECONDS_PER_DAY, dtype=pl.Int64, eager=True)
        )
    days = pl.concat(inside).unique().sort().alias("day").to_frame()
    counts = case.events_by_day.group_by("day").agg(pl.col(EVENTS).sum())
    return days.join(counts, on="day", how="left", maintain_order="left").with_columns(pl.col(EVENTS).fill_null(0))


def _median_day(case: AuditCase) -> float:
    """Return the events of the median day; requires whole days."""
    return float(np.median(whole_days(case).get_column(EVENTS).to_numpy()))


class MissingDays(Rule):
    code = "missing_days"
    title = "Days with hardly any events"
    requirements = (
        Requirement[AuditCase](
            lambda case: whole_days(case).height >= MIN_DAYS, f"the log has fewer than {MIN_DAYS} whole days"
        ),
        Requirement[AuditCase](
            lambda case: _median_day(case) >= MIN_DAILY_EVENTS,
            f"a median day has fewer than {MIN_DAILY_EVENTS} events",
        ),
    )

    def find(self, case: AuditCase) -> Finding | None:
        days, median = whole_days(case), _median_day(case)
        low = days.filter(pl.col(EVENTS) < LOW_SHARE * median)
        if low.is_empty():
            return None
        weekly = low.height > 1 and low.select((pl.col("day") % 7).n_unique()).item() == 1
        closed = weekly or low.height <= CLOSED * days.height
        return self.finding(
            "note" if closed else "warning",
            f"{count(low.height, 'day')} {verb(low.height, 'has', 'have')} hardly any events",
            count=low.height,
            explanation=(
                f"{low.height:,} of {count(days.height, 'whole day')} {verb(low.height, 'has', 'have')} less than "
                f"{LOW_SHARE:.0%} of the {number(median)} events of a median day"
                f"{'; all are the same day of the week' if weekly else ''}."
            ),
            advice=(
                "Nothing to do if the shop is closed on these days."
                if closed
                else "Check whether a part of the export is missing: sessions and histories have a gap there."
            ),
            examples=[
                f"{format_day(row['day'] * SECONDS_PER_DAY)}: {count(row[EVENTS], 'event')}"
                for row in low.head(MAX_EXAMPLES).iter_rows(named=True)
            ],
            chart=LOG_CHART,
        )


class CoarseTimes(Rule):
    code = "coarse_times"
    title = "Times truncated to days, hours or minutes"
    requirements = (
        Requirement[AuditCase](
            lambda case: case.total_events >= MIN_EVENTS, f"there are fewer than {MIN_EVENTS} events"
        ),
        Requirement[AuditCase](
            lambda case: min(span.first for span in case.spans) < max(span.last for span in case.spans),
            "all events have the same time",
        ),
    )

    def find(self, case: AuditCase) -> Finding | None:
        for period, missing in _PERIODS:
            same = case.events.group_by(pl.col(TIME) % period).len().select(pl.col("len").max()).collect().item()
            if same / case.total_events >= NEARLY_ALL:
                return self._truncated(case, same, missing, by_day=period == SECONDS_PER_DAY)
        return None

    def _truncated(self, case: AuditCase, events: int, missing: str, *, by_day: bool) -> Finding:
        return self.finding(
            "warning" if by_day else "note",
            f"Event times have no {missing}",
            count=events,
            explanation=(
                f"{percent(events / case.total_events)} of the {case.total_events:,} event times have the same "
                f"{missing}."
            ),
            advice=(
                "Export the full times. Without them, the hour of the day, the order of events and the gaps between "
                "them are unknown, and features of these carry no information."
                if by_day
                else "Export the full times if you can. Events with the same time have no order, and short gaps are 0."
            ),
        )
