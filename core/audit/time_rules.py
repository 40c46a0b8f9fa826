"""When do the events happen? The two files in time, wrong clocks, missing days, and truncated times."""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl

from core.audit.audited_dataset import EVENTS, AuditedDataset
from core.audit.rule import Finding, Rule
from core.audit.span import FAR_LENGTHS, Span
from core.audit.text import MAX_EXAMPLES, format_day, time_span
from core.base.text import count, number, percent, verb, whole
from core.check_result import Requirement
from core.schema import ROLE, ROLES, SECONDS_PER_DAY, TEST_ROLE, TIME

LOG_CHART: Final = "log_span"
CLOSED: Final = 0.01
"""Share of the whole days: three holidays a year on which a shop may be closed."""
LOW_SHARE: Final = 0.1
"""Share of the median day's events. The slowest open day in a year of The Complete Journey has 39%; 10% is a gap."""
MIN_DAYS: Final = 7
MIN_DAILY_EVENTS: Final = 20
"""Events on a median day. With 20, a day with fewer than 2 happens by chance once in 20 million days (Poisson); with 5,
once in 150."""
NEARLY_ALL: Final = 0.99
"""Share of the events. A few events from another source must not hide that the other times are truncated."""
MIN_EVENTS: Final = 100
"""Fewer events may be on full minutes by chance."""

_PERIODS: Final = ((SECONDS_PER_DAY, "time of day"), (3_600, "minutes"), (60, "seconds"))
"""A period in seconds, and what the times do not show if all of them are the same within it; longest first."""


class FilesInTime(Rule):
    code = "files_in_time"
    title = "A gap, an overlap or the wrong order between the train and the test file"

    def find(self, data: AuditedDataset) -> Finding | None:
        train, test = data.spans
        dates = (
            f"The train file covers {format_day(train.first)} to {format_day(train.last)}, the test file "
            f"{format_day(test.first)} to {format_day(test.last)}"
        )
        if test.first >= train.last:
            return self._gap(train, test, dates)
        if test.last <= train.first:
            return self.finding(
                "serious",
                "The test file is earlier than the train file",
                explanation=f"{dates}. The sessions to predict are older than those with values.",
                advice="Check whether the files were swapped: history features use only events from before a session.",
                chart=LOG_CHART,
            )
        inside = pl.col(TIME).is_between(train.first, train.last)
        n_inside = data.dataset.events("test").select(inside.sum()).collect().item()
        share = n_inside / data.units_of(TEST_ROLE).get_column(EVENTS).sum()
        return self.finding(
            "note",
            "The train and the test file overlap in time",
            count=n_inside,
            explanation=(
                f"{dates}. {count(n_inside, 'test event')} ({percent(share)}) {verb(n_inside, 'is', 'are')} within the "
                "time of the train file, so the files were not split by time alone."
            ),
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
        comparison = ", which is longer than the train file" if is_long else ""
        return self.finding(
            "warning" if is_long else "note",
            f"The test file begins {time_span(gap)} after the end of the train file",
            explanation=f"{dates}. Between them are {time_span(gap)} without an event{comparison}.",
            advice="Prices, products and seasons may have changed. A log without the gap would predict better.",
            chart=LOG_CHART,
        )


class FarTimes(Rule):
    code = "far_times"
    title = "Events far outside the time of the log"

    def find(self, data: AuditedDataset) -> Finding | None:
        start = pl.col("day") * SECONDS_PER_DAY
        outside = [
            (pl.col(ROLE) == role) & ((start + SECONDS_PER_DAY <= span.earliest) | (start > span.latest))
            for role, span in enumerate(data.spans)
        ]
        far = data.events_by_day.filter(pl.any_horizontal(outside))
        if far.is_empty():
            return None
        far = far.sort([EVENTS, ROLE, "day"], descending=[True, False, False])
        n_far, span = int(far[EVENTS].sum()), data.spans[far[ROLE][0]]
        return self.finding(
            "serious",
            f"{count(n_far, 'event')} {verb(n_far, 'is', 'are')} far outside the log",
            count=n_far,
            explanation=(
                f"90% of the events are between {format_day(span.low)} and {format_day(span.high)}. "
                f"{count(n_far, 'event')} {verb(n_far, 'is', 'are')} more than {FAR_LENGTHS} times that length away."
            ),
            advice=(
                "Remove these rows or correct their times, and read the files again. History features are rates per "
                "week since the first event of the log, so a single wrong year makes all of them too small."
            ),
            examples=[
                f"{format_day(day * SECONDS_PER_DAY)} in {ROLES[role]}: {count(n_events, 'event')}"
                for role, day, n_events in far.head(MAX_EXAMPLES).iter_rows()
            ],
            chart=LOG_CHART,
        )


def _whole_days(data: AuditedDataset) -> pl.DataFrame:
    """Return one row per whole day that either file covers: day (since 1970-01-01), events of both files.

    The first and last day of a file are not whole. Days without events have 0. Ordered by day.
    """
    ends = [(span.first // SECONDS_PER_DAY + 1, span.last // SECONDS_PER_DAY) for span in data.spans]
    days = pl.concat(pl.int_range(first, end, dtype=pl.Int64, eager=True).alias("day") for first, end in ends)
    counts = data.events_by_day.group_by("day").agg(pl.col(EVENTS).sum())
    covered = days.unique().sort().to_frame().join(counts, on="day", how="left", maintain_order="left")
    return covered.with_columns(pl.col(EVENTS).fill_null(0))


def _median_day(data: AuditedDataset) -> float:
    """Return the events of the median day; requires whole days."""
    return float(np.median(_whole_days(data).get_column(EVENTS).to_numpy()))


class MissingDays(Rule):
    code = "missing_days"
    title = "Days with hardly any events"
    requirements = (
        Requirement[AuditedDataset](
            lambda data: _whole_days(data).height >= MIN_DAYS, f"the log has fewer than {MIN_DAYS} whole days"
        ),
        Requirement[AuditedDataset](
            lambda data: _median_day(data) >= MIN_DAILY_EVENTS,
            f"a median day has fewer than {MIN_DAILY_EVENTS} events",
        ),
    )

    def find(self, data: AuditedDataset) -> Finding | None:
        days, median = _whole_days(data), _median_day(data)
        low = days.filter(pl.col(EVENTS) < LOW_SHARE * median)
        if low.is_empty():
            return None
        n_low = low.height
        is_weekly = n_low > 1 and low.select((pl.col("day") % 7).n_unique()).item() == 1
        is_closed = is_weekly or n_low <= CLOSED * days.height
        have = verb(n_low, "has", "have")
        return self.finding(
            "note" if is_closed else "warning",
            f"{count(n_low, 'day')} {have} hardly any events",
            count=n_low,
            explanation=(
                f"{whole(n_low)} of {count(days.height, 'whole day')} {have} less than {LOW_SHARE:.0%} of the "
                f"{number(median)} events of a median day"
                f"{'; all fall on the same day of the week' if is_weekly else ''}."
            ),
            advice=(
                "Nothing to do if the shop is closed on these days."
                if is_closed
                else "Check whether a part of the export is missing: sessions and histories have a gap there."
            ),
            examples=[
                f"{format_day(day * SECONDS_PER_DAY)}: {count(n_events, 'event')}"
                for day, n_events in low.head(MAX_EXAMPLES).iter_rows()
            ],
            chart=LOG_CHART,
        )


class CoarseTimes(Rule):
    code = "coarse_times"
    title = "Times truncated to days, hours or minutes"
    requirements = (
        Requirement[AuditedDataset](
            lambda data: data.total_events >= MIN_EVENTS, f"there are fewer than {MIN_EVENTS} events"
        ),
        Requirement[AuditedDataset](
            lambda data: min(span.first for span in data.spans) < max(span.last for span in data.spans),
            "all events have the same time",
        ),
    )

    def find(self, data: AuditedDataset) -> Finding | None:
        for period, missing in _PERIODS:
            n_same = data.events.group_by(pl.col(TIME) % period).len().select(pl.col("len").max()).collect().item()
            share = n_same / data.total_events
            if share >= NEARLY_ALL:
                is_day = period == SECONDS_PER_DAY
                return self.finding(
                    "warning" if is_day else "note",
                    f"Event times have no {missing}",
                    count=n_same,
                    explanation=(
                        f"{percent(share)} of the {whole(data.total_events)} event times have the same {missing}."
                    ),
                    advice=(
                        "Export the full times. Without them, the hour of the day, the order of events and the gaps "
                        "between them are unknown, and the features that describe them carry no information."
                        if is_day
                        else "Export the full times if you can. Events with the same time have no order, and short "
                        "gaps are 0."
                    ),
                )
        return None
