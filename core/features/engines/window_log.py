"""A log on any query engine that Narwhals supports, implemented with window functions, `group_by` and joins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import narwhals as nw

from core.features.columns import (
    GAP,
    IS_LAST,
    N_CELLS,
    OWN,
    OWN_FILLED,
    OWN_SUM,
    POSITION,
    PREVIOUS_TYPE,
    SAME_PRODUCT,
    STREAK,
    event_order,
)
from core.features.engines.window_history import counts_before_start, counts_in_other_rows
from core.features.engines.window_sums import sums, sums_before_start, sums_in_other_rows
from core.features.session_log import Aggregation, Frame, SessionLog
from core.schema import EVENT_CODE, PRODUCT, TIME, TYPE, UNIT


@dataclass(frozen=True)
class WindowLog(SessionLog):
    """A log that describes all of its units; `events` has the column VISIT as well."""

    def _aggregate(self, rows: Frame, count: str | None, aggregations: Sequence[Aggregation]) -> Frame:
        """Aggregate by `group_by`; see `SessionLog.aggregate`."""
        numbers = (each.expression.cast(nw.Int64).alias(each.name) for each in aggregations)
        results: list[nw.Expr] = [getattr(nw.col(each.name), each.statistic)() for each in aggregations]
        if count is not None:
            results.append(nw.len().cast(nw.Int64).alias(count))
        return rows.select(UNIT, *numbers).group_by(UNIT).agg(*results)

    def join_by_unit(self, left: Frame, right: Frame) -> Frame:
        """Left-join frames; see `SessionLog.join_by_unit`."""
        return left.join(right, on=UNIT, how="left")

    def own_counts(self, key: str) -> Frame:
        """Count the events of each unit by value of a key and by type; see `SessionLog.own_counts`."""
        is_type = ((nw.col(TYPE) == code).cast(nw.Int64).alias(OWN[name]) for name, code in EVENT_CODE.items())
        return self.events.with_columns(*is_type).group_by(UNIT, key).agg(nw.col(name).sum() for name in OWN.values())

    def _counts_elsewhere(self, key: str) -> Frame:
        """Count by window functions; see `SessionLog.counts_elsewhere`."""
        count = counts_in_other_rows if self.history == "all_rows" else counts_before_start
        return count(self.events, self.units, key)

    def category_counts(self, column: str, is_counted: nw.Expr) -> Frame:
        """Count by `group_by`; see `SessionLog.category_counts`."""
        rows = self.events.filter(is_counted & ~nw.col(column).is_null())
        return rows.group_by(UNIT, column).agg(nw.len().cast(nw.Int64).alias(N_CELLS)).select(UNIT, N_CELLS)

    def sums_elsewhere(self, key: str, cell: nw.Expr, own_cell: nw.Expr) -> Frame:
        """Add up by window functions; see `SessionLog.sums_elsewhere`."""
        add_up = sums_in_other_rows if self.history == "all_rows" else sums_before_start
        own = sums(self.events, (UNIT, key), own_cell, (OWN_SUM, OWN_FILLED))
        return add_up(self.events, self.units, key, cell, own)


def with_step_columns(events: Frame) -> Frame:
    """Add the columns of an event within its session (core.features.columns) by window functions."""
    order = event_order(events.collect_schema().names())

    def neighbour(column: str, offset: int = 1) -> nw.Expr:
        return nw.col(column).shift(offset).over(UNIT, order_by=order)

    stepped = events.with_columns(
        (nw.col(TIME).cum_count().over(UNIT, order_by=order) - 1).alias(POSITION),
        (nw.col(TIME) - neighbour(TIME)).alias(GAP),
        neighbour(TYPE).alias(PREVIOUS_TYPE),
        (nw.col(PRODUCT) == neighbour(PRODUCT)).alias(SAME_PRODUCT),
        neighbour(TIME, -1).is_null().alias(IS_LAST),
    )
    begins_streak = (nw.col(POSITION) == 0) | (nw.col(TYPE) != nw.col(PREVIOUS_TYPE))
    # -1 instead of null, because a running maximum is null where its input is null.
    streak_start = nw.when(begins_streak).then(nw.col(POSITION)).otherwise(nw.lit(-1).cast(nw.Int64))
    # Ordered by the position, which is unique, because two windows may order identical events differently.
    streak = nw.col(POSITION) - nw.col("_streak_start").cum_max().over(UNIT, order_by=POSITION) + 1
    stepped = stepped.with_columns(streak_start.alias("_streak_start"))
    return stepped.with_columns(streak.alias(STREAK)).drop("_streak_start")
