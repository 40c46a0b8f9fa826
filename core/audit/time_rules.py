"""When do the events happen? The two files in time, wrong clocks, holes, and times without a time of day."""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl

from core.audit.case import EVENTS, FAR_LENGTHS, AuditCase, Span
from core.audit.finding import Finding
from core.audit.phrases import DAY, MOST_EXAMPLES, day, lasting, verb
from core.audit.rule import Need, Rule
from core.base.text import count, number, percent
from core.schema import ROLE, ROLES, TEST_ROLE, TIME

LOG_CHART: Final = "log_span"
CLOSED: Final = 0.01
"""Of the whole days: three holidays a year on which a shop may be closed."""
LOW_SHARE: Final = 0.1
"""Of the median day's events. The slowest open day in a year of The Complete Journey has 39 %; a tenth is a hole."""
FEWEST_DAYS: Final = 7
FEWEST_A_DAY: Final = 20
"""On a usual day. At 20 a day of less than 2 comes by chance once in 20 million days (Poisson); at 5 once in 150."""
NEARLY_ALL: Final = 0.99
"""A few events from another source must not hide that the rest has no time of day."""
FEWEST_EVENTS: Final = 100
"""Fewer events may fall on full minutes by chance."""

_KEPT_TIME: Final = ((DAY, "time of day"), (3_600, "minutes"), (60, "seconds"))
"""Longest first: seconds after which times repeat, and what is lost then."""


class FilesInTime(Rule):
    """Test is not simply what came after train."""

    code = "files_in_time"
    title = "Train and test apart in time, overlapping, or in the wrong order"

    def look(self, case: AuditCase) -> Finding | None:
        train, test = case.spans
        where = (
            f"Train runs from {day(train.first)} to {day(train.last)}, test from {day(test.first)} to {day(test.last)}"
        )
        if test.first >= train.last:
            return self._apart(train, test, where)
        if test.last <= train.first:
            return self.finding(
                "serious",
                "Test lies before train",
                explanation=f"{where}: the sessions to predict are older than those that have values.",
                advice="See whether the right files were given; history features know nothing of what comes later.",
                chart=LOG_CHART,
            )
        inside = pl.col(TIME).is_between(train.first, train.last)
        events = case.dataset.events("test").select(inside.sum()).collect().item()
        share = events / case.of_role(TEST_ROLE).get_column(EVENTS).sum()
        return self.finding(
            "note",
            "Train and test overlap in time",
            count=events,
            explanation=f"{where}; {count(events, 'test event')} ({percent(share)}) {verb(events, 'lies', 'lie')} "
            "within train's time: the files were not split by time alone.",
            advice=(
                "Nothing to do: history features look at both files, but only at what came before. The score then "
                "holds for sessions of the same days, not for later ones."
            ),
            chart=LOG_CHART,
        )

    def _apart(self, train: Span, test: Span, where: str) -> Finding | None:
        gap = test.first - train.last
        if gap <= DAY:
            return None
        long = gap > train.last - train.first
        return self.finding(
            "warning" if long else "note",
            f"Test begins {lasting(gap)} after train ends",
            explanation=f"{where}: between them lie {lasting(gap)} without an event"
            f"{', more than train is long' if long else ''}.",
            advice="Prices, products and seasons may have changed; a log without the gap would predict better.",
            chart=LOG_CHART,
        )


class FarTimes(Rule):
    """Events years away from the log."""

    code = "far_times"
    title = "Events far outside the time of the log"

    def look(self, case: AuditCase) -> Finding | None:
        parts = []
        for role, span in enumerate(case.spans):
            low, high = span.bounds
            outside = (pl.col("day") * DAY + DAY <= low) | (pl.col("day") * DAY > high)
            parts.append(case.days.filter((pl.col(ROLE) == role) & outside))
        far = pl.concat(parts).sort([EVENTS, ROLE, "day"], descending=[True, False, False])
        if far.is_empty():
            return None
        found = int(far.get_column(EVENTS).sum())
        usual = case.spans[far.get_column(ROLE)[0]]
        return self.finding(
            "serious",
            f"{count(found, 'event')} {verb(found, 'lies', 'lie')} far outside the log",
            count=found,
            explanation=(
                f"{count(found, 'event')} {verb(found, 'is', 'are')} more than {FAR_LENGTHS} times the log's length "
                f"away from the rest, of which nine tenths lie between {day(usual.low)} and {day(usual.high)}."
            ),
            advice=(
                "Take these rows out or mend their clock and read the files again: history is divided by the weeks "
                "since the log's first event, so one wrong year dilutes all of it."
            ),
            examples=[
                f"{day(row['day'] * DAY)} in {ROLES[row[ROLE]]}: {count(row[EVENTS], 'event')}"
                for row in far.head(MOST_EXAMPLES).iter_rows(named=True)
            ],
            chart=LOG_CHART,
        )


def expected_days(case: AuditCase) -> pl.DataFrame:
    """The whole days within either file's time and their events in both files (0 too): day, events; by day.

    The first and the last day of a file are left out, for they may be half, and so are times far outside.
    """
    inside: list[pl.Series] = []
    for span in case.spans:
        inside.append(pl.int_range(span.first // DAY + 1, span.last // DAY, dtype=pl.Int64, eager=True))
    wanted = pl.concat(inside).unique().sort().alias("day").to_frame()
    counted = case.days.group_by("day").agg(pl.col(EVENTS).sum())
    return wanted.join(counted, on="day", how="left", maintain_order="left").with_columns(pl.col(EVENTS).fill_null(0))


def _usual(case: AuditCase) -> float:
    """The median day's events; asked when there are whole days."""
    return float(np.median(expected_days(case).get_column(EVENTS).to_numpy()))


class MissingDays(Rule):
    """Days that were hardly recorded."""

    code = "missing_days"
    title = "Days with hardly an event"
    needs = (
        Need(
            lambda case: expected_days(case).height >= FEWEST_DAYS, f"the log has fewer than {FEWEST_DAYS} whole days"
        ),
        Need(lambda case: _usual(case) >= FEWEST_A_DAY, f"a usual day has fewer than {FEWEST_A_DAY} events"),
    )

    def look(self, case: AuditCase) -> Finding | None:
        days, usual = expected_days(case), _usual(case)
        low = days.filter(pl.col(EVENTS) < LOW_SHARE * usual)
        if low.is_empty():
            return None
        weekly = low.height > 1 and low.select((pl.col("day") % 7).n_unique()).item() == 1
        closed = weekly or low.height <= CLOSED * days.height
        return self.finding(
            "note" if closed else "warning",
            f"{count(low.height, 'day')} {verb(low.height, 'has', 'have')} hardly an event",
            count=low.height,
            explanation=(
                f"{low.height:,} of {count(days.height, 'whole day')} {verb(low.height, 'has', 'have')} less than "
                f"{LOW_SHARE:.0%} of the {number(usual)} events of a usual day"
                f"{'; all are the same day of the week' if weekly else ''}."
            ),
            advice=(
                "If the shop is closed then, all is well."
                if closed
                else "See whether a part of the export is missing: sessions and histories have a hole there."
            ),
            examples=[
                f"{day(row['day'] * DAY)}: {count(row[EVENTS], 'event')}"
                for row in low.head(MOST_EXAMPLES).iter_rows(named=True)
            ],
            chart=LOG_CHART,
        )


class CoarseTimes(Rule):
    """Times without a time of day, without minutes or without seconds."""

    code = "coarse_times"
    title = "Times that were cut to days, hours or minutes"
    needs = (
        Need(lambda case: case.total_events >= FEWEST_EVENTS, f"there are fewer than {FEWEST_EVENTS} events"),
        Need(
            lambda case: min(span.first for span in case.spans) < max(span.last for span in case.spans),
            "all events have the same time",
        ),
    )

    def look(self, case: AuditCase) -> Finding | None:
        for period, lost in _KEPT_TIME:
            top = case.events.group_by(pl.col(TIME) % period).len().select(pl.col("len").max()).collect().item()
            share = top / case.total_events
            if share >= NEARLY_ALL:
                daily = period == DAY
                return self.finding(
                    "warning" if daily else "note",
                    f"Event times have no {lost}",
                    count=top,
                    explanation=f"{percent(share)} of the {case.total_events:,} event times have the same {lost}.",
                    advice=(
                        "Export the times in full: the hour of the day, the order of events and the gaps between them "
                        "are lost, and features made of them say nothing."
                        if daily
                        else "Events of the same time have no order, and short gaps are 0; a full export would help."
                    ),
                )
        return None
