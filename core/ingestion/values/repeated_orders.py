"""Find purchases that were sent twice: the same line item of the same order, at a later time.

Web shops send a purchase again when its page is reloaded. All line items of an order are sent at the same time, so an
equal line item at a later time is a repetition. Two orders are the same if they have the same id and the same user or
session. Returns are never repetitions. A log that consists of purchases only, such as receipts, has no repetitions.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from core.ingestion.mapping import Mapping
from core.ingestion.values.money import ORDER
from core.schema import BUY, EVENT_CODE, PRODUCT, SESSION, TIME, TYPE, USER, VALUE

_LINE_ITEM: Final = (ORDER, PRODUCT, VALUE)
_MAX_PURCHASE_SHARE: Final = 0.95
"""Share of the rows. With fewer other events, the log consists of receipts, which list equal products separately."""


class RepeatedOrders:
    """Purchases of a file that were sent twice. Call `add` for each block, then `find`, then `without_repeats`."""

    def __init__(self, mapping: Mapping) -> None:
        self._is_enabled = mapping.columns.order_id is not None and mapping.every_event_is is None
        self._has_totals = mapping.has_order_totals and mapping.session_gap_minutes is None
        self._n_rows = self._n_purchases = 0
        self._purchases: list[pl.DataFrame] = []
        self._first_times: pl.DataFrame | None = None
        self._first_sessions: pl.DataFrame | None = None

    def add(self, rows: pl.DataFrame) -> None:
        """Store the purchases of a block that have an order id."""
        if self._is_enabled:
            purchases = rows.filter(pl.col(TYPE) == EVENT_CODE[BUY])
            self._n_rows += rows.height
            self._n_purchases += purchases.height
            with_order = purchases.filter(pl.col(ORDER).is_not_null())
            self._purchases.append(with_order.select(*_LINE_ITEM, USER, SESSION, TIME))

    def find(self) -> None:
        """Find the repeated line items. Call this once, after the last `add`."""
        self._is_enabled = self._is_enabled and self._n_purchases < _MAX_PURCHASE_SHARE * self._n_rows
        if self._is_enabled and self._purchases:
            purchases = pl.concat(self._purchases)
            first, last = pl.col(TIME).min().alias("first"), pl.col(TIME).max().alias("last")
            items = purchases.group_by(*_LINE_ITEM, USER).agg(first, last)
            self._first_times = items.filter(pl.col("last") > pl.col("first")).drop("last")
            if self._has_totals:  # the total of an order counts only in its first session
                first_session = pl.col(SESSION).sort_by(TIME).first().alias("first_session")
                orders = purchases.group_by(ORDER, USER).agg(first_session, pl.col(SESSION).n_unique().alias("count"))
                self._first_sessions = orders.filter(pl.col("count") > 1).drop("count")
        self._purchases = []

    def without_repeats(self, rows: pl.DataFrame, *, within_sessions: bool) -> pl.DataFrame:
        """Return the events without repeated purchases.

        Args:
            rows: events of whole sessions.
            within_sessions: whether to compare purchases only within their session, so that no session loses all
                its events.
        """
        if not self._is_enabled or rows.is_empty():
            return rows
        is_return = (pl.col(VALUE) < 0).fill_null(value=False)
        may_repeat = (pl.col(TYPE) == EVENT_CODE[BUY]) & pl.col(ORDER).is_not_null() & ~is_return
        positions = rows.select(may_repeat).to_series().arg_true()
        is_repeat = self._is_repeat(rows[positions], within_sessions=within_sessions)
        if not is_repeat.any():
            return rows
        is_kept = pl.repeat(value=True, n=rows.height, eager=True).scatter(positions.filter(is_repeat), values=False)
        return rows.filter(is_kept)

    def _is_repeat(self, purchases: pl.DataFrame, *, within_sessions: bool) -> pl.Series:
        """Return a mask of the purchases that their session or, unless `within_sessions`, their user sent before."""
        is_repeat = pl.col(TIME) > pl.col(TIME).min().over(SESSION, *_LINE_ITEM)
        if within_sessions or self._first_times is None:
            return purchases.select(is_repeat).to_series()
        item = [*_LINE_ITEM, USER]
        marked = purchases.join(self._first_times, on=item, how="left", nulls_equal=True, maintain_order="left")
        is_repeat |= (pl.col(TIME) > pl.col("first")).fill_null(value=False)
        if self._first_sessions is not None:
            marked = marked.join(self._first_sessions, on=[ORDER, USER], how="left", maintain_order="left")
            is_repeat |= (pl.col("first_session") != pl.col(SESSION)).fill_null(value=False)
        return marked.select(is_repeat).to_series()
