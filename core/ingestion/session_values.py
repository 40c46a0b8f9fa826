"""What each train session is worth, and why the value of some is not known."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import polars as pl

from core.dataset import UnknownValue
from core.ingestion.mapping import Mapping
from core.ingestion.money import ORDER, RATE, STATUS, UNCLEAR, VOID
from core.schema import BUY, EVENT_CODE, SESSION, TIME, TYPE, USER, VALUE

REASON: Final = "unknown_value"
"""Code of the reason why a session's value is not known (see UnknownValue); null where it is."""
REMAINING: Final = "remaining"
"""What a session's usable purchases add up to, in value units; null where values are in a column."""
_MILLION: Final = 1_000_000
"""Prices are added up as whole millionths: a sum of floats depends on the order of its parts in the last bit."""
_SAME: Final = 1e-9
"""Relative difference up to which two totals of an order are the same number, rounded by another program."""


@dataclass(frozen=True)
class Losses:
    """The purchases in quarantine, by what they can be attributed to.

    Attributes:
        sessions: sessions that lost a purchase (session).
        users: users who lost one whose session is not known (user, time; time is null where it cannot be read). Any of
            the user's sessions may have lost it.
        seconds: where sessions are made from pauses, the longest pause within one; else None.
    """

    sessions: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema={SESSION: pl.Int64}))
    users: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema={USER: pl.Int64, TIME: pl.Int64}))
    seconds: float | None = None

    @classmethod
    def of(cls, rows: pl.DataFrame, mapping: Mapping) -> Losses:
        """Attribute rows as core.ingestion.lost_purchases gives them."""
        gap = mapping.session_gap_minutes
        named = rows.filter(pl.col(SESSION).is_not_null()).select(SESSION).unique()
        # A cell of a line that could not be parsed is taken for both, as nothing says which it is.
        others = rows.filter(pl.col(SESSION).is_null() | (pl.col(SESSION) == pl.col(USER)), pl.col(USER).is_not_null())
        return cls(named, others.select(USER, TIME).unique(), None if gap is None else gap * 60)

    def touched(self, rows: pl.DataFrame) -> pl.Series:
        """The sessions among these events (session, user, time) that may have lost a purchase, each once."""
        if self.sessions.is_empty() and self.users.is_empty():
            return pl.Series(SESSION, [], dtype=pl.Int64)
        found = rows.join(self.sessions, on=SESSION, how="semi").get_column(SESSION)
        theirs = rows.join(self.users, on=USER, how="inner", suffix="_lost")
        if self.seconds is not None:
            near = (pl.col(TIME) - pl.col(f"{TIME}_lost")).abs() <= self.seconds
            theirs = theirs.filter(near | pl.col(f"{TIME}_lost").is_null())
        return pl.concat([found, theirs.get_column(SESSION)]).unique().sort()


def column_values(train: pl.DataFrame, changed: pl.Series) -> pl.DataFrame:
    """The train sessions whose rows give different values: session, value (null), reason, and remaining (null).

    Args:
        train: the events of whole sessions, sorted by session.
        changed: whether a row's value is another one than that of the row before it in the same session.
    """
    differing = train.filter(changed).select(pl.col(SESSION).unique())
    none = pl.lit(None, dtype=pl.Float64)
    return differing.select(
        SESSION, none.alias(VALUE), pl.lit(UnknownValue.DIFFERING_VALUES).alias(REASON), none.alias(REMAINING)
    )


def purchase_values(train: pl.DataFrame, mapping: Mapping, lost: pl.Series) -> pl.DataFrame:
    """Add up the purchases of train sessions.

    Args:
        train: the events of whole sessions: session, user, time, type, value (what a BUY row adds), and order, status
            and rate where the mapping names their columns.
        mapping: says what prices are, and which orders count.
        lost: the sessions that may have lost a purchase, each once.

    Returns:
        One row per session that bought something or may have lost a purchase: session, value (null where it is not
        known), the reason for that (null where it is known), and what its usable purchases add up to (`remaining`).
    """
    bought = train.filter(pl.col(TYPE) == EVENT_CODE[BUY])
    key = ORDER if mapping.columns.order_id is not None else SESSION if mapping.has_orders else None
    counted = _order_totals(_with_statuses(bought, key), key, mapping)
    sums = counted.group_by(SESSION).agg(
        (pl.col(VALUE) * _MILLION).round().cast(pl.Int128).sum().cast(pl.Float64).alias(REMAINING),
        pl.col(REASON).drop_nulls().sort().first(),
    )
    # By NumPy, as Polars multiplies by the divisor's inverse, and 50532.55 would end in ...549999.
    sums = sums.with_columns(pl.Series(REMAINING, sums.get_column(REMAINING).to_numpy() / _MILLION))
    marked = lost.to_frame().with_columns(pl.lit(value=True).alias("lost"))
    found = sums.join(marked, on=SESSION, how="full", coalesce=True)
    reason = (
        pl.when(pl.col("lost"))
        .then(pl.lit(UnknownValue.LOST_PURCHASE))
        .when(pl.col(REASON).is_null() & (pl.col(REMAINING) < 0))
        .then(pl.lit(UnknownValue.MORE_RETURNED))
        .otherwise(REASON)
    )
    return (
        found.with_columns(reason.alias(REASON), pl.col(REMAINING).fill_null(0.0))
        .with_columns(pl.when(pl.col(REASON).is_null()).then(REMAINING).alias(VALUE))
        .select(SESSION, VALUE, REASON, REMAINING)
        .sort(SESSION)
    )


def _with_statuses(bought: pl.DataFrame, key: str | None) -> pl.DataFrame:
    """Apply currencies and statuses, which hold for a whole order, also where only one of its rows names them."""
    reason, value = pl.lit(None, dtype=pl.String), pl.col(VALUE)
    if RATE in bought.columns:
        rate = _of_order(RATE, key)
        reason = pl.when(rate.is_nan() | rate.is_null()).then(pl.lit(UnknownValue.UNKNOWN_CURRENCY)).otherwise(reason)
        value = value * rate.fill_nan(None)
    if STATUS in bought.columns:
        status = _of_order(STATUS, key)
        unclear = (status == UNCLEAR) | status.is_null()
        if key is not None:  # an order that is paid on one row and refunded on another is refunded in part, or later
            differ = pl.col(STATUS).min().over(key, SESSION) != pl.col(STATUS).max().over(key, SESSION)
            unclear |= pl.col(key).is_not_null() & differ.fill_null(value=False)
        reason = pl.when(unclear).then(pl.lit(UnknownValue.UNCLEAR_STATUS)).otherwise(reason)
        reason = pl.when((status == VOID) & ~unclear).then(pl.lit(None, dtype=pl.String)).otherwise(reason)
        value = pl.when(status == VOID).then(0.0).otherwise(value)
    return bought.with_columns(value.alias(VALUE), reason.alias(REASON))


def _of_order(column: str, key: str | None) -> pl.Expr:
    """A cell, or where it is empty what the other rows of its order say, if they agree."""
    if key is None:
        return pl.col(column)
    low, high = pl.col(column).min().over(key, SESSION), pl.col(column).max().over(key, SESSION)
    return pl.coalesce(column, pl.when(pl.col(key).is_not_null() & (low == high)).then(low))


def _order_totals(bought: pl.DataFrame, key: str | None, mapping: Mapping) -> pl.DataFrame:
    """Where rows have the total of their order, leave it on one row of the order and take it from the others."""
    if mapping.price_is != "order_total" or key is None:
        return bought
    order = [key, SESSION] if key != SESSION else [SESSION]
    low, high = pl.col(VALUE).min().over(order), pl.col(VALUE).max().over(order)
    first = pl.int_range(pl.len()).over(order) == 0
    reason = (
        pl.when(pl.col(REASON).is_not_null())
        .then(REASON)
        .when(pl.col(key).is_null())
        .then(pl.lit(UnknownValue.NO_ORDER))
        .when(high.is_null())
        .then(pl.lit(UnknownValue.NO_TOTAL))
        .when(high - low > _SAME * high.abs())
        .then(pl.lit(UnknownValue.DIFFERING_TOTALS))
    )
    return bought.with_columns(
        pl.when(first).then(high).otherwise(0.0).fill_null(0.0).alias(VALUE), reason.alias(REASON)
    )
