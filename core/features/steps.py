"""What an event is within its session: its place, the time since the event before, and what that one was.

Groups that look at the order of events share these columns, which are computed once. Events of one second are ordered
by type and product, so that the order of the file's rows cannot matter.
"""

from __future__ import annotations

import narwhals as nw
import polars as pl

from core.features.definition import Frame
from core.schema import PRODUCT, TIME, TYPE, UNIT

PLACE = "_place"
"""0 for the session's first event."""
GAP = "_gap"
"""Seconds since the event before; null for the first."""
TYPE_BEFORE = "_type_before"
"""Type of the event before; null for the first."""
SAME_PRODUCT = "_same_product"
"""Whether the event before was on the same product; null for the first."""
RUN = "_run"
"""How many events of this type there are in a row up to here, this one with them."""
IS_LAST = "_is_last"
"""Whether it is the session's last event."""

MINUTE = "minute"
"""Minutes since the epoch."""
EVENTS = "events"
"""How many events a minute had."""

_ORDER = (TIME, TYPE, PRODUCT)
_LOOKED_AT = 1_000_000
"""Events that are compared with their neighbours at a time."""


def by_windows(events: Frame) -> Frame:
    """Add the columns above to the events by window functions, which every engine has."""

    def before(column: str, rows: int = 1) -> nw.Expr:
        return nw.col(column).shift(rows).over(UNIT, order_by=_ORDER)

    stepped = events.with_columns(
        ((nw.col(TIME) * 0 + 1).cum_sum().over(UNIT, order_by=_ORDER) - 1).alias(PLACE),
        (nw.col(TIME) - before(TIME)).alias(GAP),
        before(TYPE).alias(TYPE_BEFORE),
        (nw.col(PRODUCT) == before(PRODUCT)).alias(SAME_PRODUCT),
        before(TIME, -1).is_null().alias(IS_LAST),
    )
    begins = nw.when((nw.col(PLACE) == 0) | (nw.col(TYPE) != nw.col(TYPE_BEFORE))).then(nw.col(PLACE))
    since = stepped.with_columns(begins.otherwise(nw.lit(-1).cast(nw.Int64)).alias("_begins"))
    # by the place, which no two events share: two windows may order events that are alike in all else differently
    run = nw.col(PLACE) - nw.col("_begins").cum_max().over(UNIT, order_by=PLACE) + 1
    return since.with_columns(run.alias(RUN)).drop("_begins")


def in_order(events: pl.DataFrame) -> pl.DataFrame:
    """By unit, and within it by time, type and product; stored events of one file stand so already."""
    return (events if _is_in_order(events) else events.sort(UNIT, *_ORDER)).with_columns(pl.col(UNIT).set_sorted())


def by_neighbours(rows: pl.DataFrame) -> pl.DataFrame:
    """The same as by_windows of events in order, by comparing neighbouring rows.

    Windows over half a million sessions take Polars 80 times as long.
    """
    row = pl.int_range(pl.len(), dtype=pl.Int32 if rows.height < 2**31 else pl.Int64)
    first = (pl.col(UNIT) != pl.col(UNIT).shift(1)).fill_null(value=True)
    other_type = first | (pl.col(TYPE) != pl.col(TYPE).shift(1))
    return rows.with_columns(
        (row - pl.when(first).then(row).forward_fill()).alias(PLACE),
        pl.when(~first).then(pl.col(TIME) - pl.col(TIME).shift(1)).alias(GAP),
        pl.when(~first).then(pl.col(TYPE).shift(1)).alias(TYPE_BEFORE),
        pl.when(~first).then(pl.col(PRODUCT) == pl.col(PRODUCT).shift(1)).alias(SAME_PRODUCT),
        (row - pl.when(other_type).then(row).forward_fill() + 1).alias(RUN),
        (pl.col(UNIT) != pl.col(UNIT).shift(-1)).fill_null(value=True).alias(IS_LAST),
    )


def _is_in_order(events: pl.DataFrame) -> bool:
    """Whether the rows stand by unit, time, type and product, as stored events of one file do."""
    # a piece at a time, each with the row before it: what is compared stays small
    pieces = range(0, events.height, _LOOKED_AT)
    return all(_piece_is_in_order(events[max(first - 1, 0) : first + _LOOKED_AT]) for first in pieces)


def _piece_is_in_order(events: pl.DataFrame) -> bool:
    in_order: pl.Expr = pl.lit(value=True)
    for column in reversed((UNIT, *_ORDER)):
        this, before = pl.col(column), pl.col(column).shift(1)
        in_order = (this > before) | ((this == before) & in_order)
    return bool(events.select(in_order.all()).item())


def by_minute(events: Frame) -> Frame:
    """How many events the shop had in each minute that had any: MINUTE and EVENTS."""
    return events.select((nw.col(TIME) // 60).alias(MINUTE)).group_by(MINUTE).agg(nw.len().cast(nw.Int64).alias(EVENTS))
