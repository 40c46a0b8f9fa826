"""Find purchases that were sent twice: the same line of the same order, at a later time.

Web shops send a purchase again when its page is reloaded. All lines of an order are sent at the same time, so an equal
line at a later time is a repetition. Two orders are the same if their id and the user or session are the same. Returns
are never repetitions. A log of purchases only, such as one of till receipts, has none.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from core.ingestion.mapping import Mapping
from core.ingestion.values.money import ORDER
from core.schema import BUY, EVENT_CODE, PRODUCT, SESSION, TIME, TYPE, USER, VALUE

_LINE: Final = (ORDER, PRODUCT, VALUE)
_MAX_PURCHASE_SHARE: Final = 0.95
"""Share of rows. With fewer other events, the log is one of receipts, where a till scans equal products."""


class RepeatedOrders:
    """Purchases of a file that were sent twice: call `add` for each block, then `find`, then `without_repeats`."""

    def __init__(self, mapping: Mapping) -> None:
        self._is_enabled = mapping.columns.order_id is not None and mapping.every_event_is is None
        self._has_totals = mapping.has_order_totals and mapping.session_gap_minutes is None
        self._n_rows = self._n_purchases = 0
        self._purchases: list[pl.DataFrame] = []
        self._first_times: pl.DataFrame | None = None
        self._first_sessions: pl.DataFrame | None = None

    def add(self, rows: pl.DataFrame) -> None:
        """Store the purchases of a block that have an order."""
        if self._is_enabled:
            bought = rows.filter(pl.col(TYPE) == EVENT_CODE[BUY])
            self._n_rows += rows.height
            self._n_purchases += bought.height
            self._purchases.append(bought.filter(pl.col(ORDER).is_not_null()).select(*_LINE, USER, SESSION, TIME))

    def find(self) -> None:
        """Find the repeated lines; called once, after the last `add`."""
        self._is_enabled = self._is_enabled and self._n_purchases < _MAX_PURCHASE_SHARE * self._n_rows
        if self._is_enabled and self._purchases:
            purchases = pl.concat(self._purchases)
            lines = purchases.group_by(*_LINE, USER).agg(
                pl.col(TIME).min().alias("first"), pl.col(TIME).max().alias("last")
            )
            self._first_times = lines.filter(pl.col("last") > pl.col("first")).drop("last")
            if self._has_totals:  # the total of an order counts only in its first session
                first, sessions = pl.col(SESSION).sort_by(TIME).first(), pl.col(SESSION).n_unique()
                orders = purchases.group_by(ORDER, USER).agg(first.alias("owner"), sessions.alias("count"))
                self._first_sessions = orders.filter(pl.col("count") > 1).drop("count")
        self._purchases = []

    def without_repeats(self, rows: pl.DataFrame, *, within_sessions: bool) -> pl.DataFrame:
        """Return the events without repeated purchases.

        Args:
            rows: events of whole sessions.
            within_sessions: whether to compare within sessions only, so that each session keeps an event.
        """
        if not self._is_enabled:
            return rows
        is_return = (pl.col(VALUE) < 0).fill_null(value=False)
        bought = (pl.col(TYPE) == EVENT_CODE[BUY]) & pl.col(ORDER).is_not_null() & ~is_return
        positions = rows.select(bought).to_series().arg_true()
        is_repeat = self._is_repeat(rows[positions], within_sessions=within_sessions)
        if not is_repeat.any():
            return rows
        is_removed = pl.Series([False]).new_from_index(0, rows.height).scatter(positions.filter(is_repeat), values=True)
        return rows.filter(~is_removed)

    def _is_repeat(self, bought: pl.DataFrame, *, within_sessions: bool) -> pl.Series:
        """Return a mask of the purchases that their session or, unless `within_sessions`, their user sent before."""
        is_repeat = pl.col(TIME) > pl.col(TIME).min().over(SESSION, *_LINE)
        if within_sessions or self._first_times is None:
            return bought.select(is_repeat).to_series()
        marked = bought.join(self._first_times, on=[*_LINE, USER], how="left", nulls_equal=True, maintain_order="left")
        is_repeat |= (pl.col(TIME) > pl.col("first")).fill_null(value=False)
        if self._first_sessions is not None:
            marked = marked.join(self._first_sessions, on=[ORDER, USER], how="left", maintain_order="left")
            is_repeat |= (pl.col("owner") != pl.col(SESSION)).fill_null(value=False)
        return marked.select(is_repeat).to_series()
