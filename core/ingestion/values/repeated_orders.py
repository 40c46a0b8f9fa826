"""Find purchases that were sent twice: the same line item of the same order, at a later time.

Web shops send a purchase again when its page is reloaded. All line items of an order are sent at the same time, so an
equal line item at a later time is a repetition. The rules:

- A line item is the order id, the product and the amount of a BUY row. Two missing amounts are equal, because a test
  file has no amounts.
- A line item is a repetition if its session sent it at an earlier time, or its user in any session.
- If prices are totals of orders, a total counts only in the first session of a user that has the order. The purchases
  of this order in the user's other sessions are repetitions.
- Returns (negative amounts) and purchases without an order id are never repetitions.
- A log that consists of purchases only, such as receipts, has no repetitions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import polars as pl

from core.ingestion.mapping import Mapping
from core.ingestion.values.money import ORDER
from core.schema import BUY, EVENT_CODE, PRODUCT, SESSION, TIME, TYPE, USER, VALUE

_LINE_ITEM: Final = (ORDER, PRODUCT, VALUE)
_MAX_PURCHASE_SHARE: Final = 0.95
"""Share of the rows. With fewer other events, the log consists of receipts, which list equal products separately."""


@dataclass(frozen=True)
class _Firsts:
    """Where line items and orders of a file come first.

    Attributes:
        times: one row per line item of a user that was sent at several times: the line item, user, first (time).
        sessions: one row per order that a user has in several sessions: order, user, first_session (code). None if
            prices are not totals of orders.
    """

    times: pl.DataFrame
    sessions: pl.DataFrame | None


class RepeatedOrders:
    """Purchases of a file that were sent twice. Call `add` for each block, then `find` once, then `without_repeats`.

    Calls in another order raise a RuntimeError.
    """

    def __init__(self, mapping: Mapping) -> None:
        self._may_repeat = mapping.columns.order_id is not None and mapping.every_event_is is None
        self._has_totals = mapping.has_order_totals and mapping.session_gap_minutes is None
        self._n_rows = self._n_purchases = 0
        self._purchases: list[pl.DataFrame] = []
        self._is_found = False
        self._firsts: _Firsts | None = None
        """None until `find`, and in a log without repetitions."""

    def add(self, rows: pl.DataFrame) -> None:
        """Store the purchases of a block that have an order id."""
        if self._is_found:
            raise RuntimeError("`add` was called after `find`")
        if not self._may_repeat:
            return
        purchases = rows.filter(pl.col(TYPE) == EVENT_CODE[BUY])
        self._n_rows += rows.height
        self._n_purchases += purchases.height
        with_order = purchases.filter(pl.col(ORDER).is_not_null())
        self._purchases.append(with_order.select(*_LINE_ITEM, USER, SESSION, TIME))

    def find(self) -> None:
        """Find the line items and orders that occur again."""
        if self._is_found:
            raise RuntimeError("`find` was called twice")
        self._is_found = True
        if self._n_purchases < _MAX_PURCHASE_SHARE * self._n_rows:
            purchases = pl.concat(self._purchases)
            self._firsts = _Firsts(_first_times(purchases), _first_sessions(purchases) if self._has_totals else None)
        self._purchases = []

    def without_repeats(self, rows: pl.DataFrame, *, within_sessions: bool) -> pl.DataFrame:
        """Return the events without repeated purchases, in the same order.

        Args:
            rows: events of whole sessions.
            within_sessions: whether to compare purchases only within their session, so that no session loses all
                its events.
        """
        if not self._is_found:
            raise RuntimeError("`without_repeats` was called before `find`")
        if self._firsts is None or rows.is_empty():
            return rows
        is_return = (pl.col(VALUE) < 0).fill_null(value=False)
        may_repeat = (pl.col(TYPE) == EVENT_CODE[BUY]) & pl.col(ORDER).is_not_null() & ~is_return
        positions = rows.select(may_repeat).to_series().arg_true()
        purchases = rows[positions]
        is_repeat = _repeats_in_session(purchases)
        if not within_sessions:
            is_repeat |= _repeats_of_user(purchases, self._firsts)
        if not is_repeat.any():
            return rows
        is_kept = pl.repeat(value=True, n=rows.height, eager=True).scatter(positions.filter(is_repeat), values=False)
        return rows.filter(is_kept)


def _first_times(purchases: pl.DataFrame) -> pl.DataFrame:
    """Return `_Firsts.times`."""
    first, last = pl.col(TIME).min().alias("first"), pl.col(TIME).max().alias("last")
    items = purchases.group_by(*_LINE_ITEM, USER).agg(first, last)
    return items.filter(pl.col("last") > pl.col("first")).drop("last")


def _first_sessions(purchases: pl.DataFrame) -> pl.DataFrame:
    """Return `_Firsts.sessions`. Of sessions that begin an order in the same second, the one with the least code."""
    first_session = pl.col(SESSION).sort_by(TIME, SESSION).first().alias("first_session")
    orders = purchases.group_by(ORDER, USER).agg(first_session, pl.col(SESSION).n_unique().alias("count"))
    return orders.filter(pl.col("count") > 1).drop("count")


def _repeats_in_session(purchases: pl.DataFrame) -> pl.Series:
    """Return a mask of the purchases that their session sent before."""
    return purchases.select(pl.col(TIME) > pl.col(TIME).min().over(SESSION, *_LINE_ITEM)).to_series()


def _repeats_of_user(purchases: pl.DataFrame, firsts: _Firsts) -> pl.Series:
    """Return a mask of the purchases that their user sent before, in any session."""
    # A line item may lack its amount; orders and users have no nulls.
    item = [*_LINE_ITEM, USER]
    marked = purchases.join(firsts.times, on=item, how="left", nulls_equal=True, maintain_order="left")
    is_repeat = marked.select((pl.col(TIME) > pl.col("first")).fill_null(value=False)).to_series()
    if firsts.sessions is None:
        return is_repeat
    marked = purchases.join(firsts.sessions, on=[ORDER, USER], how="left", maintain_order="left")
    is_later_session = pl.col("first_session") != pl.col(SESSION)
    return is_repeat | marked.select(is_later_session.fill_null(value=False)).to_series()
