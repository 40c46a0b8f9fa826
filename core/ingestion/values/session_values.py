"""Compute the value of each train session, or the reason why it is not known."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import polars as pl

from core.dataset import UnknownValue
from core.ingestion.mapping import Mapping
from core.ingestion.values.money import ORDER, RATE, STATUS, UNCLEAR, VOID
from core.schema import BUY, EVENT_CODE, REASON, REMAINING, SESSION, TIME, TYPE, USER, VALUE

_MILLION: Final = 1_000_000
"""Prices are added up as integer millionths, because the last bit of a float sum depends on the order."""
_TOLERANCE: Final = 1e-9
"""Relative difference up to which two totals of an order count as equal; other programs round differently."""


@dataclass(frozen=True)
class LostPurchases:
    """Quarantined purchases, by session or user.

    Attributes:
        sessions: one row per session that lost a purchase; column session.
        users: one row per (user, time) of a lost purchase without a session; columns user and time (null if it could
            not be parsed). Any session of the user may have lost it.
        max_pause: seconds; longest pause within a session if sessions end after a gap; else None.
    """

    sessions: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema={SESSION: pl.Int64}))
    users: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema={USER: pl.Int64, TIME: pl.Int64}))
    max_pause: float | None = None

    @classmethod
    def from_rows(cls, rows: pl.DataFrame, mapping: Mapping) -> LostPurchases:
        """Attribute lost purchases, one row each; see `lost_purchases.NO_LOST_PURCHASES` for the columns."""
        gap = mapping.session_gap_minutes
        sessions = rows.filter(pl.col(SESSION).is_not_null()).select(SESSION).unique()
        # A cell of an unparsable line may be a session or a user, so it counts as both.
        has_no_session = pl.col(SESSION).is_null() | (pl.col(SESSION) == pl.col(USER))
        users = rows.filter(has_no_session, pl.col(USER).is_not_null()).select(USER, TIME).unique()
        return cls(sessions, users, None if gap is None else gap * 60)

    def affected_sessions(self, rows: pl.DataFrame) -> pl.Series:
        """Return the sessions that may have lost a purchase, sorted, each once.

        Args:
            rows: events with session, user and time.
        """
        if self.sessions.is_empty() and self.users.is_empty():
            return pl.Series(SESSION, [], dtype=pl.Int64)
        by_session = rows.join(self.sessions, on=SESSION, how="semi")
        by_user = rows.join(self.users, on=USER, how="inner", suffix="_lost")
        if self.max_pause is not None:
            is_near = (pl.col(TIME) - pl.col(f"{TIME}_lost")).abs() <= self.max_pause
            by_user = by_user.filter(is_near | pl.col(f"{TIME}_lost").is_null())
        return pl.concat([by_session.get_column(SESSION), by_user.get_column(SESSION)]).unique().sort()


def column_values(train: pl.DataFrame, changed: pl.Series) -> pl.DataFrame:
    """Return the train sessions with different values on their rows.

    Args:
        train: events of whole sessions, sorted by session.
        changed: mask of the rows whose value differs from that of the previous row in the session.

    Returns:
        One row per such session: session, value (null), reason (see UnknownValue) and remaining (null).
    """
    differing = train.filter(changed).select(pl.col(SESSION).unique())
    none = pl.lit(None, dtype=pl.Float64)
    return differing.select(
        SESSION, none.alias(VALUE), pl.lit(UnknownValue.DIFFERING_VALUES).alias(REASON), none.alias(REMAINING)
    )


def purchase_values(train: pl.DataFrame, mapping: Mapping, lost: pl.Series) -> pl.DataFrame:
    """Add up the purchases of train sessions.

    Args:
        train: events of whole sessions, with session, user, time, type, value (the amount of a BUY row), and order,
            status and rate if the mapping names their columns.
        mapping: decides what prices are, and which orders count.
        lost: sessions that may have lost a purchase, each once.

    Returns:
        One row per session with a purchase or a possible loss, sorted: session, value (null if unknown), reason
        (see UnknownValue; null if the value is known) and remaining (sum of its usable purchases).
    """
    bought = train.filter(pl.col(TYPE) == EVENT_CODE[BUY])
    key = ORDER if mapping.columns.order_id is not None else SESSION if mapping.has_orders else None
    counted = _order_totals(_with_statuses(bought, key), key, mapping)
    sums = counted.group_by(SESSION).agg(
        (pl.col(VALUE) * _MILLION).round().cast(pl.Int128).sum().cast(pl.Float64).alias(REMAINING),
        pl.col(REASON).drop_nulls().sort().first(),
    )
    # NumPy divides exactly; Polars multiplies by the inverse, and 50532.55 would become 50532.549999.
    sums = sums.with_columns(pl.Series(REMAINING, sums.get_column(REMAINING).to_numpy() / _MILLION))
    marked = lost.to_frame().with_columns(pl.lit(value=True).alias("lost"))
    sessions = sums.join(marked, on=SESSION, how="full", coalesce=True)
    reason = (
        pl.when(pl.col("lost"))
        .then(pl.lit(UnknownValue.LOST_PURCHASE))
        .when(pl.col(REASON).is_null() & (pl.col(REMAINING) < 0))
        .then(pl.lit(UnknownValue.MORE_RETURNED))
        .otherwise(REASON)
    )
    return (
        sessions.with_columns(reason.alias(REASON), pl.col(REMAINING).fill_null(0.0))
        .with_columns(pl.when(pl.col(REASON).is_null()).then(REMAINING).alias(VALUE))
        .select(SESSION, VALUE, REASON, REMAINING)
        .sort(SESSION)
    )


def _with_statuses(bought: pl.DataFrame, key: str | None) -> pl.DataFrame:
    """Apply currencies and statuses, which apply to a whole order even if only one of its rows has them."""
    reason, value = pl.lit(None, dtype=pl.String), pl.col(VALUE)
    if RATE in bought.columns:
        rate = _of_order(RATE, key)
        reason = pl.when(rate.is_nan() | rate.is_null()).then(pl.lit(UnknownValue.UNKNOWN_CURRENCY)).otherwise(reason)
        value = value * rate.fill_nan(None)
    if STATUS in bought.columns:
        status = _of_order(STATUS, key)
        unclear = (status == UNCLEAR) | status.is_null()
        if key is not None:  # an order with a paid and a refunded row is partly refunded, or refunded later
            differ = pl.col(STATUS).min().over(key, SESSION) != pl.col(STATUS).max().over(key, SESSION)
            unclear |= pl.col(key).is_not_null() & differ.fill_null(value=False)
        reason = pl.when(unclear).then(pl.lit(UnknownValue.UNCLEAR_STATUS)).otherwise(reason)
        reason = pl.when((status == VOID) & ~unclear).then(pl.lit(None, dtype=pl.String)).otherwise(reason)
        value = pl.when(status == VOID).then(0.0).otherwise(value)
    return bought.with_columns(value.alias(VALUE), reason.alias(REASON))


def _of_order(column: str, key: str | None) -> pl.Expr:
    """Return a cell; if it is empty, the cell of the order's other rows, provided they agree."""
    if key is None:
        return pl.col(column)
    low, high = pl.col(column).min().over(key, SESSION), pl.col(column).max().over(key, SESSION)
    return pl.coalesce(column, pl.when(pl.col(key).is_not_null() & (low == high)).then(low))


def _order_totals(bought: pl.DataFrame, key: str | None, mapping: Mapping) -> pl.DataFrame:
    """Keep the total of each order on its first row and set it to 0 on the others."""
    if not mapping.has_order_totals or key is None:
        return bought
    order = [key, SESSION] if key != SESSION else [SESSION]
    low, high = pl.col(VALUE).min().over(order), pl.col(VALUE).max().over(order)
    is_first = pl.int_range(pl.len()).over(order) == 0
    reason = (
        pl.when(pl.col(REASON).is_not_null())
        .then(REASON)
        .when(pl.col(key).is_null())
        .then(pl.lit(UnknownValue.NO_ORDER))
        .when(high.is_null())
        .then(pl.lit(UnknownValue.NO_TOTAL))
        .when(high - low > _TOLERANCE * high.abs())
        .then(pl.lit(UnknownValue.DIFFERING_TOTALS))
    )
    return bought.with_columns(
        pl.when(is_first).then(high).otherwise(0.0).fill_null(0.0).alias(VALUE), reason.alias(REASON)
    )
