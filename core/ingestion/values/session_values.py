"""Compute the value of each train session, or the reason why it is unknown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import polars as pl

from core.dataset import UnknownValue
from core.ingestion.mapping import Mapping
from core.ingestion.values.money import ORDER, RATE, STATUS, UNCLEAR, VOID
from core.schema import BUY, EVENT_CODE, REASON, REMAINING, SESSION, TIME, TYPE, USER, VALUE

_MILLION: Final = 1_000_000
"""Prices are added up as integer millionths, because the last bit of a sum of floats depends on their order."""
_TOLERANCE: Final = 1e-9
"""Relative difference up to which two totals of an order are equal, because other programs round differently."""


@dataclass(frozen=True)
class LostPurchases:
    """Quarantined purchases, by session or user.

    Attributes:
        sessions: one row per session that lost a purchase; column session.
        users: one row per (user, time) of a lost purchase without a session; columns user and time (null if it cannot
            be parsed). Any session of the user may have lost the purchase.
        max_pause: session timeout in seconds; None if the log has session ids.
    """

    sessions: pl.DataFrame
    users: pl.DataFrame
    max_pause: float | None

    @classmethod
    def from_rows(cls, rows: pl.DataFrame, mapping: Mapping) -> LostPurchases:
        """Group lost purchases by session or user; see `lost_purchases.NO_LOST_PURCHASES` for the columns of `rows`."""
        gap = mapping.session_gap_minutes
        sessions = rows.filter(pl.col(SESSION).is_not_null()).select(SESSION).unique()
        # A cell of an unparsable line may be a session or a user, so it counts as both.
        may_be_user = pl.col(SESSION).is_null() | (pl.col(SESSION) == pl.col(USER))
        users = rows.filter(may_be_user, pl.col(USER).is_not_null()).select(USER, TIME).unique()
        return cls(sessions, users, None if gap is None else gap * 60)

    def affected_sessions(self, rows: pl.DataFrame) -> pl.Series:
        """Return the distinct sessions that may have lost a purchase, sorted, given all events."""
        if self.sessions.is_empty() and self.users.is_empty():
            return pl.Series(SESSION, [], dtype=pl.Int64)
        by_session = rows.join(self.sessions, on=SESSION, how="semi")
        by_user = rows.join(self.users, on=USER, how="inner", suffix="_lost")
        if self.max_pause is not None:
            is_near = (pl.col(TIME) - pl.col(f"{TIME}_lost")).abs() <= self.max_pause
            by_user = by_user.filter(is_near | pl.col(f"{TIME}_lost").is_null())
        return pl.concat([by_session.get_column(SESSION), by_user.get_column(SESSION)]).unique().sort()


def column_values(train: pl.DataFrame, changed: pl.Series) -> pl.DataFrame:
    """Return the train sessions whose rows have different values.

    Args:
        train: events of whole sessions.
        changed: mask of the rows whose value differs from that of the previous row in the session.

    Returns:
        The columns of `purchase_values`; value and remaining are null.
    """
    differing = train.filter(changed).select(pl.col(SESSION).unique())
    null = pl.lit(None, dtype=pl.Float64)
    return differing.select(
        SESSION, null.alias(VALUE), pl.lit(UnknownValue.DIFFERING_VALUES).alias(REASON), null.alias(REMAINING)
    )


def purchase_values(train: pl.DataFrame, mapping: Mapping, lost: pl.Series) -> pl.DataFrame:
    """Add up the purchases of train sessions.

    Args:
        train: events of whole sessions, with session, type, value (the amount of a BUY row), and order, status and rate
            if the mapping names their columns.
        mapping: whether prices are order totals, and what identifies an order.
        lost: distinct sessions that may have lost a purchase.

    Returns:
        One row per session that has a purchase or may have lost one, sorted: session, value (null if unknown), reason
        (see UnknownValue; null if the value is known; of several, the first in alphabetical order) and remaining (sum
        of the usable purchases).
    """
    purchases = train.filter(pl.col(TYPE) == EVENT_CODE[BUY])
    key = ORDER if mapping.columns.order_id is not None else SESSION if mapping.has_orders else None
    valid = _order_totals(_with_statuses(purchases, key), key, mapping)
    sums = valid.group_by(SESSION).agg(
        (pl.col(VALUE) * _MILLION).round().cast(pl.Int128).sum().cast(pl.Float64).alias(REMAINING),
        pl.col(REASON).drop_nulls().sort().first(),
    )
    # NumPy divides exactly. Polars multiplies by the inverse, so 50532.55 would become 50532.549999.
    sums = sums.with_columns(pl.Series(REMAINING, sums.get_column(REMAINING).to_numpy() / _MILLION))
    lost_sessions = lost.to_frame().with_columns(pl.lit(value=True).alias("lost"))
    sessions = sums.join(lost_sessions, on=SESSION, how="full", coalesce=True)
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


def _with_statuses(purchases: pl.DataFrame, key: str | None) -> pl.DataFrame:
    """Apply currencies and statuses, and add the reason why a row's amount is unknown (null if it is known).

    They hold for a whole order, even if only one of its rows has them. An unclear status is reported before an unknown
    currency. A void row is worth 0 in any currency.
    """
    reason, value = pl.lit(None, dtype=pl.String), pl.col(VALUE)
    if RATE in purchases.columns:
        rate = _of_order(RATE, key).fill_nan(None)
        reason = pl.when(rate.is_null()).then(pl.lit(UnknownValue.UNKNOWN_CURRENCY))
        value = value * rate
    if STATUS in purchases.columns:
        status = _of_order(STATUS, key)
        is_unclear = (status == UNCLEAR) | status.is_null()
        if key is not None:  # an order with a paid and a refunded row is partly refunded, or refunded later
            differ = pl.col(STATUS).min().over(key, SESSION) != pl.col(STATUS).max().over(key, SESSION)
            is_unclear |= pl.col(key).is_not_null() & differ.fill_null(value=False)
        known_reason = pl.when(status != VOID).then(reason)
        reason = pl.when(is_unclear).then(pl.lit(UnknownValue.UNCLEAR_STATUS)).otherwise(known_reason)
        value = pl.when(status == VOID).then(0.0).otherwise(value)
    return purchases.with_columns(value.alias(VALUE), reason.alias(REASON))


def _of_order(column: str, key: str | None) -> pl.Expr:
    """Fill the empty cells of a column from the other rows of the order, if these rows agree."""
    if key is None:
        return pl.col(column)
    low, high = pl.col(column).min().over(key, SESSION), pl.col(column).max().over(key, SESSION)
    return pl.coalesce(column, pl.when(pl.col(key).is_not_null() & (low == high)).then(low))


def _order_totals(purchases: pl.DataFrame, key: str | None, mapping: Mapping) -> pl.DataFrame:
    """Keep the total of each order on its first row, and set it to 0 on the other rows."""
    if not mapping.has_order_totals or key is None:
        return purchases
    order = list(dict.fromkeys((key, SESSION)))
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
    return purchases.with_columns(
        pl.when(is_first).then(high).otherwise(0.0).fill_null(0.0).alias(VALUE), reason.alias(REASON)
    )
