"""Finds purchases that were sent twice: the same user buys the same product in the same order again, some time after.

Shops send a purchase again when its page is loaded again. Lines of one order have the same moment, so an equal line
that follows later is the same purchase. Orders are known by an id in the log; in a log of receipts they are the
sessions, and nothing is sent.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from core.ingestion.mapping import Mapping
from core.ingestion.money import ORDER
from core.schema import BUY, EVENT_CODE, PRODUCT, SESSION, TIME, TYPE, USER, VALUE

_SAME_MOMENT: Final = 2
"""Seconds within which the lines of one order are sent."""
_LINE: Final = (ORDER, USER, PRODUCT)


class SentTwice:
    """Collects the purchases of one file while it is read, and takes the repeated ones away."""

    def __init__(self, mapping: Mapping) -> None:
        self._looks = mapping.columns.order_id is not None and mapping.every_event_is is None
        self._seen: list[pl.DataFrame] = []
        self._first: pl.DataFrame | None = None

    def add(self, rows: pl.DataFrame) -> None:
        """Note the purchases of a block that name an order."""
        if self._looks:
            wanted = rows.filter(pl.col(TYPE) == EVENT_CODE[BUY], pl.col(ORDER).is_not_null())
            self._seen.append(wanted.select(*_LINE, VALUE, TIME))

    def find(self) -> None:
        """Find the lines that come again; called once, when all rows are noted."""
        if self._seen:
            lines = (
                pl.concat(self._seen)
                .group_by(*_LINE, VALUE)
                .agg(pl.col(TIME).min().alias("first"), last=pl.col(TIME).max())
            )
            self._first = lines.filter(pl.col("last") > pl.col("first") + _SAME_MOMENT).drop("last")
        self._seen = []

    def without_repeats(self, rows: pl.DataFrame, *, within_sessions: bool) -> pl.DataFrame:
        """The rows but for purchases that were sent before.

        Args:
            rows: the events of whole sessions.
            within_sessions: only a purchase that the same session sent before is taken away, so that no session is left
                without an event.
        """
        if self._first is None or self._first.is_empty():
            return rows
        line = [*_LINE, VALUE]
        marked = rows.join(self._first, on=line, how="left", nulls_equal=True, maintain_order="left")
        first = pl.col("first")
        if within_sessions:
            first = pl.when(first.is_not_null()).then(pl.col(TIME).min().over(SESSION, *line))
        again = (pl.col(TYPE) == EVENT_CODE[BUY]) & pl.col(ORDER).is_not_null() & (pl.col(TIME) > first + _SAME_MOMENT)
        return marked.filter(~again.fill_null(value=False)).drop("first")
