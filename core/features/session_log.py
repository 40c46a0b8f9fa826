"""The event log as feature groups see it, whatever engine computes them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import narwhals as nw

from core.features.columns import BEFORE, EVENTS, MINUTE, RECENT, VISIT_START, WEEKS, WEEKS_BEFORE
from core.schema import TIME

Frame = nw.LazyFrame[Any]
"""A lazy frame of the engine in use."""
HistoryMode = Literal["as_of", "all_rows"]
"""Which events history features count: those strictly before the visit, or all rows of both files but its own."""
Aggregations = Mapping[str, nw.Expr]
"""Name of the result -> expression over rows with whole numbers or booleans."""

DAY, WEEK = 86_400, 7 * 86_400
"""In seconds."""


@dataclass(frozen=True)
class SessionLog(ABC):
    """A log opened on an engine: events, the units to describe, and the counts that features are built from.

    Attributes:
        events: one row per event of these units: unit, user, product, category, type, time (epoch seconds), and the
            columns of an event within its session (core.features.columns).
        units: one row per unit: unit, user, start (epoch seconds of its first event), VISIT and VISIT_START.
        minutes: MINUTE and EVENTS of the whole log, train and test together. Minutes without events have no row.
        history: which events history features count.
        first_second, last_second: epoch seconds of the log's first and last event.
    """

    events: Frame
    units: Frame
    minutes: Frame
    history: HistoryMode
    first_second: int
    last_second: int

    @abstractmethod
    def aggregate(
        self,
        rows: Frame,
        *,
        count: str | None = None,
        sums: Aggregations | None = None,
        minima: Aggregations | None = None,
        maxima: Aggregations | None = None,
    ) -> Frame:
        """Return one row per unit with sums, minima and maxima of whole numbers (Int64) over the unit's rows.

        Nulls are ignored: a sum of nothing is 0, a minimum or maximum of nothing is null.

        Args:
            rows: a frame of this log with the column `unit`, sorted by it if this log's events are.
            count: name of a column for the number of rows.
            sums: name of the sum -> expression over `rows`.
            minima: the same for minima.
            maxima: the same for maxima.
        """

    @abstractmethod
    def join_by_unit(self, left: Frame, right: Frame) -> Frame:
        """Return the rows of `left` with the columns of `right`; null where `right` lacks the unit."""

    @abstractmethod
    def own_counts(self, key: str) -> Frame:
        """Return one row per (unit, value of `key` in it): the unit and the columns of OWN."""

    @abstractmethod
    def _counts_elsewhere(self, key: str) -> Frame:
        """Return what `counts_elsewhere` does, without WEEKS and WEEKS_BEFORE."""

    def counts_elsewhere(self, key: str) -> Frame:
        """Count what happened outside the visit to every user, product or category of a unit.

        Args:
            key: the column user, product or category.

        Returns:
            One row per (unit, value of `key` in it): unit, the columns of ELSEWHERE, DISTINCT_ELSEWHERE, BEFORE,
            RECENT, LAST_SEEN, WEEKS, WEEKS_BEFORE and VISIT_START. Counts are never null.
        """
        until = nw.col(VISIT_START) if self.history == "as_of" else nw.lit(self.last_second)
        return self._counts_elsewhere(key).with_columns(
            ((until - self.first_second + DAY) / WEEK).alias(WEEKS),
            ((nw.col(VISIT_START) - self.first_second) / WEEK).alias(WEEKS_BEFORE),
        )


def trend() -> nw.Expr:
    """Return the events of the last seven days relative to an average week before the visit.

    It is 1 in the log's first week, and near 1 for a steady pace. For rows of `SessionLog.counts_elsewhere`.
    """
    weeks = nw.col(WEEKS_BEFORE).clip(1.0)
    return (nw.col(RECENT) + 1) / (nw.col(BEFORE) / weeks + 1)


def events_by_minute(events: Frame) -> Frame:
    """Count the events in each minute that has any: MINUTE and EVENTS."""
    return events.select((nw.col(TIME) // 60).alias(MINUTE)).group_by(MINUTE).agg(nw.len().cast(nw.Int64).alias(EVENTS))
