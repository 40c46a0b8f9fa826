"""The event log as feature groups see it, on any engine."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import narwhals as nw

from core.features.columns import BEFORE, EVENTS, MINUTE, RECENT, VISIT_START, WEEKS, WEEKS_BEFORE
from core.schema import TIME

Frame = nw.LazyFrame[Any]
"""A lazy frame of the engine in use."""
HistoryMode = Literal["as_of", "all_rows"]
"""Events that history features count: those before the visit's start, or all rows of both files outside the visit."""
Expressions = Mapping[str, nw.Expr]
"""Name of a result -> expression of integers or booleans, whose sums are exact on every engine."""
Statistic = Literal["sum", "min", "max"]
"""Methods of a Narwhals expression."""

DAY, WEEK = 86_400, 7 * 86_400
"""In seconds."""
PER_WEEK = 1 / WEEK
"""Weeks per second. A factor, because the last bit of a division by a constant depends on the number of rows in
Polars."""


class Aggregation(NamedTuple):
    """A statistic of an integer or boolean expression over the rows of a unit, and the name of the result."""

    name: str
    statistic: Statistic
    expression: nw.Expr


@dataclass(frozen=True)
class SessionLog(ABC):
    """A log opened on an engine: events, the units to describe, and the counts that features are built from.

    Attributes:
        events: one row per event of these units: unit, user, product, category, type, time (epoch seconds), and the
            columns of an event within its session (core.features.columns).
        units: one row per unit: unit, user, start (epoch seconds of its first event), VISIT and VISIT_START.
        minutes: MINUTE and EVENTS of the whole log, train and test together. Minutes without events have no row.
        history: which events history features count.
        first_second: epoch seconds of the start of the log: its first event, or that of a model's log.
        last_second: epoch seconds of the last event.
    """

    events: Frame
    units: Frame
    minutes: Frame
    history: HistoryMode
    first_second: int
    last_second: int

    def aggregate(
        self,
        rows: Frame,
        *,
        count: str | None = None,
        sums: Expressions | None = None,
        minima: Expressions | None = None,
        maxima: Expressions | None = None,
    ) -> Frame:
        """Return one row per unit: unit, number of rows, sums, minima and maxima (Int64).

        Nulls are ignored. If all numbers of a unit are null, the sum is 0, and the minimum and maximum are null.

        Args:
            rows: frame of this log with the column `unit`, sorted by it if this log's events are.
            count: name of the column with the number of rows; None for no such column.
            sums, minima, maxima: name of the result -> expression over `rows` to aggregate.
        """
        by_statistic: dict[Statistic, Expressions | None] = {"sum": sums, "min": minima, "max": maxima}
        aggregations = [
            Aggregation(name, statistic, expression)
            for statistic, expressions in by_statistic.items()
            for name, expression in (expressions or {}).items()
        ]
        return self._aggregate(rows, count, aggregations)

    @abstractmethod
    def _aggregate(self, rows: Frame, count: str | None, aggregations: Sequence[Aggregation]) -> Frame:
        """Compute what `aggregate` returns."""

    @abstractmethod
    def join_by_unit(self, left: Frame, right: Frame) -> Frame:
        """Return the rows of `left` with the columns of `right`; null where `right` lacks the unit."""

    @abstractmethod
    def own_counts(self, key: str) -> Frame:
        """Return the unit and the columns of OWN, one row per (unit, value of the column `key` in the unit)."""

    @abstractmethod
    def category_counts(self, column: str, is_counted: nw.Expr) -> Frame:
        """Return the unit and N_CELLS, one row per (unit, category of an own column); empty cells do not count.

        Args:
            is_counted: whether an event counts.
        """

    @abstractmethod
    def _counts_elsewhere(self, key: str) -> Frame:
        """Compute what `counts_elsewhere` returns, without WEEKS and WEEKS_BEFORE."""

    @abstractmethod
    def sums_elsewhere(self, key: str, cell: nw.Expr, own_cell: nw.Expr) -> Frame:
        """Add up a cell over the events outside the visit on every user, product or category of a unit.

        Args:
            key: the column user, product or category.
            cell: expression of an integer over events; nulls do not count.
            own_cell: the same for the events of the unit itself.

        Returns:
            One row per (unit, value of `key` in it): unit, OWN_SUM, OWN_FILLED, SUM_ELSEWHERE and FILLED_ELSEWHERE.
        """

    def counts_elsewhere(self, key: str) -> Frame:
        """Count the events outside the visit on every user, product or category of a unit.

        Args:
            key: the column user, product or category.

        Returns:
            One row per (unit, value of `key` in it): unit, the columns of ELSEWHERE, DISTINCT_ELSEWHERE, BEFORE,
            RECENT, LAST_SEEN, WEEKS, WEEKS_BEFORE and VISIT_START. Only LAST_SEEN can be null.
        """
        until = nw.col(VISIT_START) if self.history == "as_of" else nw.lit(self.last_second)
        return self._counts_elsewhere(key).with_columns(
            # A session that begins before the log is treated as one that begins with it.
            (((until - self.first_second).clip(0) + DAY) * PER_WEEK).alias(WEEKS),
            ((nw.col(VISIT_START) - self.first_second).clip(0) * PER_WEEK).alias(WEEKS_BEFORE),
        )


def trend() -> nw.Expr:
    """Return the events of the last seven days relative to an average week, for rows of `SessionLog.counts_elsewhere`.

    One event is added to both, so a value without events has a trend of 1. So has every value in the log's first week.
    """
    weeks = nw.col(WEEKS_BEFORE).clip(1.0)
    return (nw.col(RECENT) + 1) / (nw.col(BEFORE) / weeks + 1)


def events_by_minute(events: Frame) -> Frame:
    """Return MINUTE and EVENTS, one row per minute with an event."""
    return events.select((nw.col(TIME) // 60).alias(MINUTE)).group_by(MINUTE).agg(nw.len().cast(nw.Int64).alias(EVENTS))
