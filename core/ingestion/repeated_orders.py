"""Finds purchases that were sent twice: the same product is bought again in the same order, some time after.

Shops send a purchase again when its page is loaded again. The lines of one sending have one moment, so an equal line of
the order at a later moment is the same purchase. It is the same order if the user or the session is the same. Returned
lines are never taken for repeats, and in a log of purchases alone, such as one of tills, nothing is sent.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from core.ingestion.mapping import Mapping
from core.ingestion.money import ORDER
from core.schema import BUY, EVENT_CODE, PRODUCT, SESSION, TIME, TYPE, USER, VALUE

_LINE: Final = (ORDER, PRODUCT, VALUE)
_MOSTLY_BOUGHT: Final = 0.95
"""Of the rows. A log with fewer other events is one of receipts: the till scans the same product again and again."""


class SentTwice:
    """Collects the purchases of one file while it is read, and takes the repeated ones away."""

    def __init__(self, mapping: Mapping) -> None:
        self._looks = mapping.columns.order_id is not None and mapping.every_event_is is None
        self._total = mapping.price_is == "order_total" and mapping.session_gap_minutes is None
        self._rows = self._bought = 0
        self._seen: list[pl.DataFrame] = []
        self._first: pl.DataFrame | None = None
        self._sessions: pl.DataFrame | None = None

    def add(self, rows: pl.DataFrame) -> None:
        """Note the purchases of a block that name an order."""
        if self._looks:
            bought = rows.filter(pl.col(TYPE) == EVENT_CODE[BUY])
            self._rows += rows.height
            self._bought += bought.height
            self._seen.append(bought.filter(pl.col(ORDER).is_not_null()).select(*_LINE, USER, SESSION, TIME))

    def find(self) -> None:
        """Find the lines that come again; called once, when all rows are noted."""
        self._looks = self._looks and self._bought < _MOSTLY_BOUGHT * self._rows
        if self._looks and self._seen:
            seen = pl.concat(self._seen)
            lines = seen.group_by(*_LINE, USER).agg(pl.col(TIME).min().alias("first"), pl.col(TIME).max().alias("last"))
            self._first = lines.filter(pl.col("last") > pl.col("first")).drop("last")
            if self._total:  # the total of an order counts in the session that has it first
                first, sessions = pl.col(SESSION).sort_by(TIME).first(), pl.col(SESSION).n_unique()
                orders = seen.group_by(ORDER, USER).agg(first.alias("owner"), sessions.alias("count"))
                self._sessions = orders.filter(pl.col("count") > 1).drop("count")
        self._seen = []

    def without_repeats(self, rows: pl.DataFrame, *, within_sessions: bool) -> pl.DataFrame:
        """The rows but for purchases that were sent before.

        Args:
            rows: the events of whole sessions.
            within_sessions: only a purchase that the same session sent before is taken away, so that no session is left
                without an event.
        """
        if not self._looks:
            return rows
        is_return = (pl.col(VALUE) < 0).fill_null(value=False)
        bought = (pl.col(TYPE) == EVENT_CODE[BUY]) & pl.col(ORDER).is_not_null() & ~is_return
        places = rows.select(bought).to_series().arg_true()
        again = self._is_repeat(rows[places], within_sessions=within_sessions)
        if not again.any():
            return rows
        gone = pl.Series([False]).new_from_index(0, rows.height).scatter(places.filter(again), values=True)
        return rows.filter(~gone)

    def _is_repeat(self, bought: pl.DataFrame, *, within_sessions: bool) -> pl.Series:
        """Whether each of these purchases was sent before, by its session or (unless `within_sessions`) its user."""
        again = pl.col(TIME) > pl.col(TIME).min().over(SESSION, *_LINE)
        if within_sessions or self._first is None:
            return bought.select(again).to_series()
        marked = bought.join(self._first, on=[*_LINE, USER], how="left", nulls_equal=True, maintain_order="left")
        again |= (pl.col(TIME) > pl.col("first")).fill_null(value=False)
        if self._sessions is not None:
            marked = marked.join(self._sessions, on=[ORDER, USER], how="left", maintain_order="left")
            again |= (pl.col("owner") != pl.col(SESSION)).fill_null(value=False)
        return marked.select(again).to_series()
