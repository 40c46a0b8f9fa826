"""Find own columns that were made from session values, or that are known only when a session is over.

A column that is known before a session can explain its value only as well as knowing the user or product itself. For
these, the similarity of the values of several sessions is the limit. A column made from session values explains more,
most of all for products and users that occur in a single session.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

import numpy as np
import polars as pl
from scipy.special import gammaln
from scipy.stats import spearmanr

from core.base.text import count, percent
from core.ingestion.own.explained import (
    Codes,
    Vector,
    cell_codes,
    explained,
    explained_within,
    predicted,
    ranks,
    scales,
)
from core.ingestion.own.sample import (
    BOUGHT,
    DURATION,
    FIRST,
    IS_BUY,
    MIN_ITEMS,
    N_EVENTS,
    N_PRODUCTS,
    ONLY_BUYS,
    OwnSample,
)
from core.own_columns import Exclusion, OwnColumn
from core.schema import CATEGORY, PRODUCT, ROLE, TIME, TRAIN_ROLE, TYPE, UNIT, USER, VALUE

LEAST: Final = 0.5
"""Share of the variance of session values. On two simulated logs with 157 columns, most of them made from values, no
limit from 0.3 to 0.6 changes a decision."""
MARGIN: Final = 0.2
"""Above the similarity of the sessions with the same user or product, which is itself an estimate."""
NEARLY_ALL: Final = 0.9
"""The same, if the cell may be the price of one of the few products of the session."""
LEAST_LENGTH: Final = 0.8
"""Share of the variance of a session's number of events or duration, which nothing before its end determines."""
LEAST_WITHIN: Final = 0.25
"""Of the variance inside the sessions of one user, or with one product or category; 0.2 to 0.4 give the same there."""
EQUAL: Final = 0.97
"""Squared rank correlation with the mean, sum or maximum of the values of a product or user."""
LATE: Final = 0.7
LATE_EXCESS: Final = 0.25
"""Share of the sessions that have their only cells on the last event, and how much more than by chance."""
PURCHASE_ONLY: Final = 0.99
"""Share of the filled cells that are on BUY events."""
OTHER_EVENTS: Final = 0.05
"""Share of events that are not BUY. With fewer, the log is one of receipts."""
MOSTLY: Final = 0.95
"""Share of the products or users with the same cell in all sessions, from which a column describes them."""
MIN_ROWS: Final = 100
MIN_CLASS: Final = 30
"""Sessions with, and sessions without a purchase."""
MAX_SESSIONS: Final = 6
"""Sessions of a user or product that are compared with their mean or sum."""
NUMBERS: Final = ("number", "money")
BEFORE: Final = "before a session buys"
_RARELY: Final = 0.2
"""Share of the highest fill rate of an event type. Types with a lower one do not have the column."""


class Reason(NamedTuple):
    """Why a column is excluded, and the sentence with the figures."""

    exclusion: Exclusion
    finding: str


def find_giveaway(sample: OwnSample, column: OwnColumn) -> Reason | None:
    """Return why a column may not be used, or None if nothing is wrong with it.

    Args:
        column: a column whose level holds.
    """
    checks = [_only_on_purchases]
    if column.level in {"event", "session"}:
        checks += [_set_at_the_end, _session_cells]
    if column.level == "product" or (column.level == "event" and _is_constant(sample, column, PRODUCT)):
        checks.append(_product_cells)
    if column.level == "user" or (column.level in {"event", "session"} and _is_constant(sample, column, USER)):
        checks.append(_user_cells)
    checks += {"product": [_product_aggregates], "user": [_user_aggregates]}.get(column.level, [])
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


def _only_on_purchases(sample: OwnSample, column: OwnColumn) -> Reason | None:
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


# --- events and sessions ----------------------------------------------------------------------------------------------
def _session_cells(sample: OwnSample, column: OwnColumn) -> Reason | None:
    """Check how well a cell predicts the value of the whole session, at an event before it buys.

    The price of a product that a session buys is part of the value. Therefore columns of events are checked on sessions
    that do not buy the product of that event, or that have many. With a few, a cell must be nearly the whole value.
    """
    sessions, names = sample.sessions, (column.stored, FIRST + column.stored)
    limits = [(sessions, LEAST)]
    if column.level == "event":
        limits = [(sample.apart, LEAST), (sessions.filter(pl.col(N_PRODUCTS) > 1), NEARLY_ALL)]
    for rows, least in limits:
        if reason := _explains_session(rows, names, column, least):
            return reason
    return _explains_length(sessions.filter(pl.col(N_EVENTS) > 1), names, column) or _explains_purchase(
        sessions.filter(~pl.col(ONLY_BUYS)), names, column, BEFORE
    )


def _explains_session(rows: pl.DataFrame, names: tuple[str, ...], column: OwnColumn, least: float) -> Reason | None:
    for some, codes in _cells_of(rows, names, column):
        if some.height < MIN_ROWS:
            continue
        for values in scales(_numbers(some, VALUE)):
            predictions = predicted(codes, values)
            share = explained(predictions, values)
            if share >= least and _explains_inside(predictions, values, some):
                return _gives_away(share, "session values", BEFORE, some.height)
    return None


def _explains_inside(predictions: Vector, values: Vector, rows: pl.DataFrame) -> bool:
    """Return whether cells also explain values among sessions of the same user, or with the same product or category.

    What these determine, such as a price, may explain the value well, but not inside of them.
    """
    inside = (explained_within(predictions, values, rows.get_column(key)) for key in (USER, PRODUCT, CATEGORY))
    return all(share is None or share >= LEAST_WITHIN for share in inside)


def _cells_of(rows: pl.DataFrame, names: tuple[str, ...], column: OwnColumn) -> Iterator[tuple[pl.DataFrame, Codes]]:
    """Yield rows with the codes of their cells: all rows, as an empty cell may tell something, and those with a cell.

    For the first cell of a column of events, only the latter: whether it has one may follow from the event types.
    Times are also compared with the start of the session.
    """
    for name in names:
        filled = rows.filter(pl.col(name).is_not_null())
        only_filled = filled.height == rows.height or (column.level == "event" and name.startswith(FIRST))
        for some in (filled,) if only_filled else (rows, filled):
            cells = some.get_column(name)
            yield some, cell_codes(cells, column.kind)
            if column.kind == "time":
                yield some, cell_codes(cells - some.get_column(TIME), column.kind)


def _explains_purchase(rows: pl.DataFrame, names: tuple[str, ...], column: OwnColumn, where: str) -> Reason | None:
    for some, codes in _cells_of(rows, names, column):
        bought = _numbers(some, BOUGHT)
        if min(bought.sum(), len(bought) - bought.sum()) < MIN_CLASS:
            continue
        share = explained(predicted(codes, bought), bought)
        if share >= LEAST:
            return _gives_away(share, "purchases", where, some.height)
    return None


def _gives_away(share: float, what: str, where: str, n_rows: int) -> Reason:
    return Reason(
        Exclusion.GIVES_VALUE_AWAY,
        f"Its cells {where} explain {percent(share)} of the variance of {what} ({count(n_rows, 'session')}).",
    )


def _explains_length(rows: pl.DataFrame, names: tuple[str, ...], column: OwnColumn) -> Reason | None:
    for some, codes in _cells_of(rows, names, column):
        if some.height < MIN_ROWS:
            continue
        for name, what in ((N_EVENTS, "number of events"), (DURATION, "duration")):
            target = ranks(_numbers(some, name))
            share = explained(predicted(codes, target), target)
            if share >= LEAST_LENGTH:
                return Reason(
                    Exclusion.KNOWN_AFTERWARDS,
                    f"Its first cells explain {percent(share)} of the variance of a session's {what} "
                    f"({count(some.height, 'session')}).",
                )
    return None


def _set_at_the_end(sample: OwnSample, column: OwnColumn) -> Reason | None:
    """Compare the sessions that have all their cells on the last event with what random positions would give.

    Only events of the types that have the column count.
    """
    name = column.stored
    if not sample.train_events.get_column(name).null_count():
        return None
    events = sample.train_events.select(UNIT, TYPE, TIME, pl.col(name).is_not_null().alias("filled"))
    rates = events.group_by(TYPE).agg(pl.col("filled").mean())
    eligible = rates.filter(pl.col("filled") >= _RARELY * pl.col("filled").max(), pl.col("filled") > 0)
    is_last = pl.col(TIME) == pl.col(TIME).max()
    sessions = (
        events.join(eligible.select(TYPE), on=TYPE, how="semi")
        .group_by(UNIT)
        .agg(
            pl.len().alias("n"),
            is_last.sum().alias("n_last"),
            pl.col("filled").sum().alias("m"),
            (pl.col("filled") & is_last).sum().alias("m_last"),
        )
        .filter(pl.col("m") > 0, pl.col("n_last") < pl.col("n"))
    )
    if sessions.height < MIN_ROWS:
        return None
    n, n_last, m, m_last = (_numbers(sessions, key) for key in ("n", "n_last", "m", "m_last"))
    fits = m <= n_last
    chance = np.where(fits, np.exp(_log_choose(n_last, np.minimum(m, n_last)) - _log_choose(n, m)), 0.0)
    observed, expected = float((m == m_last).mean()), float(chance.mean())
    if observed < LATE or observed - expected < LATE_EXCESS:
        return None
    return Reason(
        Exclusion.KNOWN_AFTERWARDS,
        f"In {percent(observed)} of {count(sessions.height, 'session')} with several events, only the last one has it; "
        f"{percent(expected)} would be chance.",
    )


def _log_choose(n: Vector, k: Vector) -> Vector:
    return np.asarray(gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1), np.float64)


# --- products ---------------------------------------------------------------------------------------------------------
def _product_cells(sample: OwnSample, column: OwnColumn) -> Reason | None:
    """Check what the cells of products that occur in one session tell about that session.

    What a product determines explains session values no better than these are alike for sessions with the same product,
    both among all products and inside of categories.
    """
    where, names = "on products that occur in one session", (FIRST + column.stored,)
    products = sample.single_events
    is_apart = ~pl.col(BOUGHT) | (pl.col(N_PRODUCTS) >= MIN_ITEMS)
    once = products.filter(is_apart).unique(UNIT, keep="first", maintain_order=True)
    for some, codes in _cells_of(once, names, column):
        if some.height < MIN_ROWS:
            continue
        for values, (limit, limit_inside) in zip(scales(_numbers(some, VALUE)), sample.alike_by_product, strict=True):
            predictions = predicted(codes, values)
            share = explained(predictions, values)
            inside = explained_within(predictions, values, some.get_column(CATEGORY)) or 0.0
            if share >= max(LEAST, limit + MARGIN) or min(share, inside) >= max(LEAST, limit_inside + MARGIN):
                return _gives_away(share, "session values", where, some.height)
    return _explains_purchase(products, names, column, where)


def _product_aggregates(sample: OwnSample, column: OwnColumn) -> Reason | None:
    """Compare the cells of products with aggregates over sessions that do not buy them, and with their purchases.

    The value of a session that buys a product has its price in it, so that its mean may rightly be close to the price.
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
    return _equals_aggregate(sessions, PRODUCT, column, aggregates, None)


# --- users ------------------------------------------------------------------------------------------------------------
def _user_cells(sample: OwnSample, column: OwnColumn) -> Reason | None:
    """Check what the cells of users with few sessions tell about the mean value of these sessions.

    What a user determines explains it no better than its reliability, which follows from how alike the values of a
    user's sessions are.
    """
    names = (FIRST + column.stored,)
    for n_sessions in range(1, MAX_SESSIONS + 1):
        values_of = sample.users.filter(n_sessions == pl.col("n"))
        where = f"on users with {count(n_sessions, 'session')}"
        few = sample.first_of_users.join(values_of.select(USER, VALUE), on=USER, how="inner", maintain_order="left")
        if few.height < MIN_ROWS:
            continue
        for some, codes in _cells_of(few, names, column):
            if some.height < MIN_ROWS:
                continue
            for values, single in zip(scales(_numbers(some, VALUE)), sample.alike_by_user, strict=True):
                share = explained(predicted(codes, values), values)
                if share >= max(LEAST, MARGIN + _reliability(n_sessions, single)):
                    return _gives_away(share, "session values", where, some.height)
        if n_sessions == 1 and (reason := _explains_purchase(few, names, column, where)):
            return reason
    return None


def _user_aggregates(sample: OwnSample, column: OwnColumn) -> Reason | None:
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
    return _equals_aggregate(sessions, USER, column, aggregates, sample.alike_by_user[0])


def _reliability(n_sessions: float, alike: float) -> float:
    """Return the most that something known before can explain of a mean (Spearman 1910, Brown 1910)."""
    return n_sessions * alike / (1 + (n_sessions - 1) * alike)


def _session_facts(column: OwnColumn) -> list[pl.Expr]:
    """The first cell of a session of a product or user, whether it buys, and its number of events."""
    return [pl.col(column.stored).drop_nulls().first(), IS_BUY.any().alias(BOUGHT), pl.len().alias(N_EVENTS)]


def _mean_over_events(where: pl.Expr) -> pl.Expr:
    """The mean of session values as a mean over rows of the file, in which long sessions count more."""
    value, n_events = pl.col(VALUE), pl.col(N_EVENTS).filter(where & pl.col(VALUE).is_not_null())
    return (value.filter(where & value.is_not_null()) * n_events).sum() / n_events.sum()


def _equals_aggregate(
    sessions: pl.DataFrame, key: str, column: OwnColumn, aggregates: Mapping[str, pl.Expr], alike: float | None
) -> Reason | None:
    """Compare cells with aggregates over train sessions, for keys that are only in train and for all keys.

    What was known before is at most as close to a mean as the reliability of the mean allows. Sums over many sessions
    may be proportional to past sales.

    Args:
        alike: how alike the values of sessions with one key are. If None, only keys with a few sessions are compared.
    """
    in_train = pl.col(ROLE) == TRAIN_ROLE
    known = in_train & pl.col(VALUE).is_not_null()
    table = (
        sessions.with_columns(pl.when(known).then(VALUE).alias(VALUE))
        .group_by(key)
        .agg(
            pl.col(column.stored).drop_nulls().first(),
            known.sum().alias("n"),
            known.all().alias("only_train"),
            *(expression.alias(name) for name, expression in aggregates.items()),
        )
        .filter(pl.col("n") > 1, True if alike is not None else pl.col("n") <= MAX_SESSIONS)
        .drop_nulls()
    )
    for some in (table.filter("only_train"), table):
        if some.height < MIN_ROWS:
            continue
        n = float(some.get_column("n").to_numpy().mean())
        least = EQUAL if alike is None else max(EQUAL, (1 + _reliability(n, alike)) / 2)
        cells = _numbers(some, column.stored)
        for name in aggregates:
            values = _numbers(some, name)
            if np.ptp(cells) == 0 or np.ptp(values) == 0:
                continue
            equality = float(spearmanr(cells, values).statistic) ** 2
            if equality >= least:
                return Reason(
                    Exclusion.GIVES_VALUE_AWAY,
                    f"Its squared rank correlation with the {name} is {percent(equality)} "
                    f"({count(some.height, key)} with several sessions).",
                )
    return None


def _numbers(rows: pl.DataFrame, name: str) -> Vector:
    return rows.get_column(name).cast(pl.Float64).to_numpy()
