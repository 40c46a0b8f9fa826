"""A log on any query engine that Narwhals supports, implemented with window functions, `group_by` and joins.

What each method returns is described in `SessionLog`, and the columns in core.features.columns.
"""

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
from core.features.session_log import Aggregation, Frame, SessionLog, Statistic
from core.schema import EVENT_CODE, PRODUCT, TIME, TYPE, UNIT

_STREAK_START = "_streak_start"
"""Column: the position of an event that begins a streak; -1 for the other events."""


@dataclass(frozen=True)
class WindowLog(SessionLog):
    """A log that describes all of its units.

    Attributes:
        events: see `SessionLog`; with the column VISIT, by which the history functions leave out a unit's own visit.
    """

    def _aggregate(self, rows: Frame, count: str | None, aggregations: Sequence[Aggregation]) -> Frame:
        inputs = (each.expression.cast(nw.Int64).alias(each.name) for each in aggregations)
        results = [_statistic(nw.col(each.name), each.statistic) for each in aggregations]
        if count is not None:
            results.append(nw.len().cast(nw.Int64).alias(count))
        return rows.select(UNIT, *inputs).group_by(UNIT).agg(*results)

    def join_by_unit(self, left: Frame, right: Frame) -> Frame:
        return left.join(right, on=UNIT, how="left")

    def own_counts(self, key: str) -> Frame:
        is_type = ((nw.col(TYPE) == code).cast(nw.Int64).alias(OWN[name]) for name, code in EVENT_CODE.items())
        return self.events.with_columns(*is_type).group_by(UNIT, key).agg(nw.col(name).sum() for name in OWN.values())

    def _counts_elsewhere(self, key: str) -> Frame:
        count_events = counts_in_other_rows if self._counts_all_rows else counts_before_start
        return count_events(self.events, self.units, key)

    def category_counts(self, column: str, is_counted: nw.Expr) -> Frame:
        rows = self.events.filter(is_counted & ~nw.col(column).is_null())
        # the category itself is dropped: features only need how often each one occurs
        return rows.group_by(UNIT, column).agg(nw.len().cast(nw.Int64).alias(N_CELLS)).select(UNIT, N_CELLS)

    def sums_elsewhere(self, key: str, cell: nw.Expr, own_cell: nw.Expr) -> Frame:
        add_up = sums_in_other_rows if self._counts_all_rows else sums_before_start
        own = sums(self.events, (UNIT, key), own_cell, (OWN_SUM, OWN_FILLED))
        return add_up(self.events, self.units, key, cell, own)

    @property
    def _counts_all_rows(self) -> bool:
        """Whether history features also count the events after a visit's start."""
        return self.history == "all_rows"


def _statistic(column: nw.Expr, statistic: Statistic) -> nw.Expr:
    match statistic:
        case "sum":
            return column.sum()
        case "min":
            return column.min()
        case "max":
            return column.max()


def with_step_columns(events: Frame) -> Frame:
    """Add the columns of an event within its session (core.features.columns) by window functions.

    The time and the type of an event are never null.
    """
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
    # -1 instead of null, because a running maximum is null where its input is null
    streak_start = nw.when(begins_streak).then(nw.col(POSITION)).otherwise(nw.lit(-1).cast(nw.Int64))
    stepped = stepped.with_columns(streak_start.alias(_STREAK_START))
    # ordered by the position, which is unique, because two windows may order identical events differently
    current_start = nw.col(_STREAK_START).cum_max().over(UNIT, order_by=POSITION)
    return stepped.with_columns((nw.col(POSITION) - current_start + 1).alias(STREAK)).drop(_STREAK_START)
