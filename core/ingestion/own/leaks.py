"""Find own columns that leak the session value: computed from values, or known only when a session is over.

A column that is known before a session can explain its value only as well as knowing the user or product itself. For
these, the similarity of the values of several sessions is the limit. A column made from session values explains more,
most of all for products and users that occur in a single session.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from core.base.text import percent
from core.ingestion.own.leak_evidence import MIN_CLASS, Reason
from core.ingestion.own.product_user_leaks import (
    check_product_aggregates,
    check_product_cells,
    check_user_aggregates,
    check_user_cells,
)
from core.ingestion.own.sample import IS_BUY, OwnSample
from core.ingestion.own.session_leaks import check_late_cells, check_session_cells
from core.own_columns import Exclusion, OwnColumn
from core.schema import PRODUCT, UNIT, USER

PURCHASE_ONLY: Final = 0.99
"""Share of the filled cells that are on BUY events."""
OTHER_EVENTS: Final = 0.05
"""Share of events that are not BUY. With fewer, the log is one of receipts."""
MOSTLY: Final = 0.95
"""Share of the products or users with the same cell in all sessions, from which a column describes them."""


def find_leak(sample: OwnSample, column: OwnColumn) -> Reason | None:
    """Return the first reason why a column may not be used, or None if nothing is wrong with it.

    Args:
        column: a column with the level that its cells have, and with at least one train cell.
    """
    checks = [_check_purchase_only]
    if column.level in {"event", "session"}:
        checks += [check_late_cells, check_session_cells]
    if column.level == "product" or (column.level == "event" and _is_constant(sample, column, PRODUCT)):
        checks.append(check_product_cells)
    if column.level == "user" or (column.level in {"event", "session"} and _is_constant(sample, column, USER)):
        checks.append(check_user_cells)
    if column.level == "product":
        checks.append(check_product_aggregates)
    if column.level == "user":
        checks.append(check_user_aggregates)
    return next((reason for check in checks if (reason := check(sample, column))), None)


def _is_constant(sample: OwnSample, column: OwnColumn, key: str) -> bool:
    """Return whether the cells are the same in different sessions with a product or of a user."""
    cell = pl.col(column.stored)
    groups = sample.train_events.filter(cell.is_not_null()).group_by(key)
    table = groups.agg(
        (cell.min() == cell.max()).alias("same"), (pl.col(UNIT).min() < pl.col(UNIT).max()).alias("many")
    )
    same = table.filter("many").get_column("same")
    return same.len() >= MIN_CLASS and same.sum() >= MOSTLY * same.len()


def _check_purchase_only(sample: OwnSample, column: OwnColumn) -> Reason | None:
    events = sample.train_events
    is_filled = events.get_column(column.stored).is_not_null()
    is_buy = events.select(IS_BUY).to_series()
    n_filled, n_on_buys, n_buys = (int(mask.sum()) for mask in (is_filled, is_filled & is_buy, is_buy))
    if not n_filled or n_on_buys < PURCHASE_ONLY * n_filled or n_buys > (1 - OTHER_EVENTS) * events.height:
        return None
    return Reason(
        Exclusion.KNOWN_BY_PURCHASE,
        f"{percent(n_on_buys / n_filled)} of its cells are on BUY events, which are {percent(n_buys / events.height)} "
        "of all events.",
    )
