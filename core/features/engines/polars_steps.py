"""Columns of an event within its session on Polars, by comparing neighbouring rows.

Window functions over half a million sessions would take Polars 80 times as long.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from core.features.columns import (
    EVENT_ORDER,
    GAP,
    IS_LAST,
    POSITION,
    PREVIOUS_TYPE,
    SAME_PRODUCT,
    STREAK,
    event_order,
)
from core.schema import PRODUCT, TIME, TYPE, UNIT

_ROWS_COMPARED_AT_ONCE = 1_000_000
"""Keeps the intermediate columns of the order check small."""


def in_event_order(events: pl.DataFrame) -> pl.DataFrame:
    """Sort by unit and `event_order`, unless the rows are in that order already, as stored events of one file are."""
    in_order = events if _is_in_order(events) else events.sort(UNIT, *EVENT_ORDER)
    order = event_order(events.columns)
    if order != EVENT_ORDER:
        in_order = _with_sorted_ties(in_order, order)
    return in_order.with_columns(pl.col(UNIT).set_sorted())


def with_step_columns(events: pl.DataFrame) -> pl.DataFrame:
    """Add the columns of an event within its session (core.features.columns) to events in order."""
    row = pl.int_range(pl.len(), dtype=pl.Int32 if events.height < 2**31 else pl.Int64)
    is_first = (pl.col(UNIT) != pl.col(UNIT).shift(1)).fill_null(value=True)
    begins_streak = is_first | (pl.col(TYPE) != pl.col(TYPE).shift(1))
    return events.with_columns(
        (row - pl.when(is_first).then(row).forward_fill()).alias(POSITION),
        pl.when(~is_first).then(pl.col(TIME) - pl.col(TIME).shift(1)).alias(GAP),
        pl.when(~is_first).then(pl.col(TYPE).shift(1)).alias(PREVIOUS_TYPE),
        pl.when(~is_first).then(pl.col(PRODUCT) == pl.col(PRODUCT).shift(1)).alias(SAME_PRODUCT),
        (row - pl.when(begins_streak).then(row).forward_fill() + 1).alias(STREAK),
        (pl.col(UNIT) != pl.col(UNIT).shift(-1)).fill_null(value=True).alias(IS_LAST),
    )


def _with_sorted_ties(in_order: pl.DataFrame, order: Sequence[str]) -> pl.DataFrame:
    """Sort the rows that are equal in unit and EVENT_ORDER, which are few, by the own columns."""
    is_equal = pl.all_horizontal(pl.col(name) == pl.col(name).shift(1) for name in (UNIT, *EVENT_ORDER))
    equal = in_order.select(is_equal.fill_null(value=False)).to_series()
    tied = (equal | equal.shift(-1, fill_value=False)).arg_true()
    if tied.is_empty():
        return in_order
    ordered = in_order[tied].select(pl.arg_sort_by(UNIT, *order)).to_series()
    rows = pl.int_range(in_order.height, eager=True, dtype=pl.UInt32).scatter(tied, tied.gather(ordered))
    return in_order[rows]


def _is_in_order(events: pl.DataFrame) -> bool:
    in_order: pl.Expr = pl.lit(value=True)
    for column in reversed((UNIT, *EVENT_ORDER)):
        current, previous = pl.col(column), pl.col(column).shift(1)
        in_order = (current > previous) | ((current == previous) & in_order)
    # Each chunk starts with the last row of the previous one. Its first row has no predecessor, so the result is null,
    # which `all` ignores.
    firsts = range(0, events.height, _ROWS_COMPARED_AT_ONCE)
    chunks = (events[max(first - 1, 0) : first + _ROWS_COMPARED_AT_ONCE] for first in firsts)
    return all(chunk.select(in_order.all()).item() for chunk in chunks)
