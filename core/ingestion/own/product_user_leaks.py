"""Leaks in columns of products and users."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
import polars as pl

from core.base.arrays import Vector
from core.base.text import count, percent
from core.ingestion.own.explained import explained, explained_within, predicted, ranks, scales
from core.ingestion.own.leak_evidence import (
    LEAST,
    MIN_ROWS,
    NUMBERS,
    Reason,
    cells_of,
    check_purchase,
    gives_away,
    numbers,
)
from core.ingestion.own.sample import BOUGHT, FIRST, IS_BUY, MIN_ITEMS, N_EVENTS, N_PRODUCTS, OwnSample
from core.own_columns import Exclusion, OwnColumn
from core.schema import CATEGORY, PRODUCT, ROLE, TRAIN_ROLE, UNIT, USER, VALUE

MARGIN: Final = 0.2
"""Added to the similarity of the sessions with the same user or product, which is itself an estimate."""
EQUAL: Final = 0.97
"""Squared rank correlation with the mean, sum or maximum of the values of a product or user."""
MAX_SESSIONS: Final = 6
"""Sessions of a user or product that are compared with their mean or sum."""


def check_product_cells(sample: OwnSample, column: OwnColumn) -> Reason | None:
    """Check how well the cells of products that occur in one session predict that session.

    A property of a product explains session values at most as well as the similarity of sessions with the same product,
    both among all products and within categories.
    """
    where, names = "on products that occur in one session", (FIRST + column.stored,)
    products = sample.single_events
    is_apart = ~pl.col(BOUGHT) | (pl.col(N_PRODUCTS) >= MIN_ITEMS)
    once = products.filter(is_apart).unique(UNIT, keep="first", maintain_order=True)
    for some, codes in cells_of(once, names, column):
        if some.height < MIN_ROWS:
            continue
        for values, (limit, limit_inside) in zip(
            scales(numbers(some, VALUE)), sample.similarity_by_product, strict=True
        ):
            predictions = predicted(codes, values)
            share = explained(predictions, values)
            inside = explained_within(predictions, values, some.get_column(CATEGORY)) or 0.0
            if share >= max(LEAST, limit + MARGIN) or min(share, inside) >= max(LEAST, limit_inside + MARGIN):
                return gives_away(share, "session values", where, some.height)
    return check_purchase(products, names, column, where)


def check_product_aggregates(sample: OwnSample, column: OwnColumn) -> Reason | None:
    """Compare the cells of products with aggregates over sessions that do not buy them, and with their purchases.

    The value of a session that buys a product includes its price, so the mean of such values may be close to a price.
    """
    if column.kind not in NUMBERS:
        return None
    sessions = sample.events_of("product").group_by(PRODUCT, UNIT).agg(*_session_facts(column))
    without = pl.col(VALUE).filter(~pl.col(BOUGHT))
    aggregates = {
        "mean of the session values": without.mean(),
        "sum of the session values": without.sum(),
        "mean of the session values over its events": _mean_over_events(~pl.col(BOUGHT)),
        "number of sessions that buy it": pl.col(BOUGHT).sum(),
    }
    sessions = sessions.join(sample.units.drop(USER), on=UNIT, how="inner")
    return _check_aggregates(sessions, PRODUCT, column, aggregates, None)


def check_user_cells(sample: OwnSample, column: OwnColumn) -> Reason | None:
    """Check how well the cells of users with few sessions predict the mean value of these sessions.

    A property of a user explains this mean at most as well as its reliability, which follows from the similarity of
    the values of a user's sessions.
    """
    names = (FIRST + column.stored,)
    for n_sessions in range(1, MAX_SESSIONS + 1):
        values_of = sample.users.filter(n_sessions == pl.col("n"))
        where = f"on users with {count(n_sessions, 'session')}"
        few = sample.first_of_users.join(values_of.select(USER, VALUE), on=USER, how="inner", maintain_order="left")
        if few.height < MIN_ROWS:
            continue
        for some, codes in cells_of(few, names, column):
            if some.height < MIN_ROWS:
                continue
            for values, single in zip(scales(numbers(some, VALUE)), sample.similarity_by_user, strict=True):
                share = explained(predicted(codes, values), values)
                if share >= max(LEAST, MARGIN + _reliability(n_sessions, single)):
                    return gives_away(share, "session values", where, some.height)
        if n_sessions == 1 and (reason := check_purchase(few, names, column, where)):
            return reason
    return None


def check_user_aggregates(sample: OwnSample, column: OwnColumn) -> Reason | None:
    """Compare the cells of users with the mean, sum and maximum of the values of their sessions."""
    if column.kind not in NUMBERS or sample.sessions.is_empty():
        return None
    sessions = sample.events_of("user").group_by(USER, UNIT).agg(*_session_facts(column))
    value = pl.col(VALUE)
    aggregates = {
        "mean of the session values": value.mean(),
        "sum of the session values": value.sum(),
        "maximum of the session values": value.max(),
        "mean of the session values over its events": _mean_over_events(pl.lit(value=True)),
    }
    sessions = sessions.join(sample.units.drop(USER), on=UNIT, how="inner")
    return _check_aggregates(sessions, USER, column, aggregates, sample.similarity_by_user[0])


def _reliability(n_sessions: float, similarity: float) -> float:
    """Return the largest share of a mean's variance that can be known in advance (Spearman 1910, Brown 1910)."""
    return n_sessions * similarity / (1 + (n_sessions - 1) * similarity)


def _session_facts(column: OwnColumn) -> list[pl.Expr]:
    """Aggregations of a session of a product or user: its first cell, whether it buys, and its number of events."""
    return [pl.col(column.stored).drop_nulls().first(), IS_BUY.any().alias(BOUGHT), pl.len().alias(N_EVENTS)]


def _mean_over_events(where: pl.Expr) -> pl.Expr:
    """The mean of session values over the rows of the file, so that long sessions count more."""
    value, n_events = pl.col(VALUE), pl.col(N_EVENTS).filter(where & pl.col(VALUE).is_not_null())
    return (value.filter(where & value.is_not_null()) * n_events).sum() / n_events.sum()


def _check_aggregates(
    sessions: pl.DataFrame, key: str, column: OwnColumn, aggregates: Mapping[str, pl.Expr], similarity: float | None
) -> Reason | None:
    """Compare cells with aggregates over train sessions, for keys that are only in train and for all keys.

    The reliability of a mean limits how close a property that was known before can be to it. Sums over many sessions
    may be proportional to past sales.

    Args:
        sessions: one row per session and key: the first cell, the role, the value and what the aggregates need.
        key: PRODUCT or USER; also the noun of the finding.
        aggregates: name for people -> aggregate over the sessions of a key.
        similarity: intraclass correlation of the values of sessions with the same key. If None, only keys with few
            sessions are compared.
    """
    has_value = (pl.col(ROLE) == TRAIN_ROLE) & pl.col(VALUE).is_not_null()
    table = (
        sessions.with_columns(pl.when(has_value).then(VALUE).alias(VALUE))
        .group_by(key)
        .agg(
            pl.col(column.stored).drop_nulls().first(),
            has_value.sum().alias("n"),
            has_value.all().alias("only_train"),
            *(expression.alias(name) for name, expression in aggregates.items()),
        )
        .filter(pl.col("n") > 1, True if similarity is not None else pl.col("n") <= MAX_SESSIONS)
        .drop_nulls()
    )
    for some in (table.filter("only_train"), table):
        if some.height < MIN_ROWS:
            continue
        n_sessions = float(some.get_column("n").to_numpy().mean())
        least = EQUAL if similarity is None else max(EQUAL, (1 + _reliability(n_sessions, similarity)) / 2)
        for name in aggregates:
            equality = _squared_rank_correlation(numbers(some, column.stored), numbers(some, name))
            if equality >= least:
                return Reason(
                    Exclusion.GIVES_VALUE_AWAY,
                    f"Its squared rank correlation with the {name} is {percent(equality)} "
                    f"({count(some.height, key)} with several sessions).",
                )
    return None


def _squared_rank_correlation(first: Vector, second: Vector) -> float:
    """Return the squared rank correlation of two columns; 0 if either is constant."""
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return 0.0
    return float(np.corrcoef(ranks(first), ranks(second))[0, 1]) ** 2
