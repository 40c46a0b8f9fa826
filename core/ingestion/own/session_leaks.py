"""Leaks in columns of events and sessions."""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl
from scipy.special import gammaln

from core.base.arrays import Vector
from core.base.text import count, percent
from core.ingestion.own.explained import explained, explained_within, predicted, ranks, scales
from core.ingestion.own.leak_evidence import LEAST, MIN_ROWS, Reason, cells_of, check_purchase, gives_away, numbers
from core.ingestion.own.sample import DURATION, FIRST, N_EVENTS, N_PRODUCTS, ONLY_BUYS, OwnSample
from core.own_columns import Exclusion, OwnColumn
from core.schema import CATEGORY, PRODUCT, TIME, TYPE, UNIT, USER, VALUE

NEARLY_ALL: Final = 0.9
"""Like `LEAST`, if the cell may be the price of one of the few products of the session."""
LEAST_LENGTH: Final = 0.8
"""Share of the variance of a session's number of events or duration, which nothing before its end determines."""
LEAST_WITHIN: Final = 0.25
"""Share of the variance among the sessions of one user, or with one product or category. No limit from 0.2 to 0.4
changes a decision on the logs of `LEAST`."""
LATE: Final = 0.7
"""Share of the sessions that have their only cells on the last event."""
LATE_EXCESS: Final = 0.25
"""How much this share exceeds that of random positions."""
BEFORE: Final = "before a session buys"
"""Where the cells are, in findings."""
_RARELY: Final = 0.2
"""Share of the highest fill rate of an event type. Types with a lower one do not have the column."""


def check_session_cells(sample: OwnSample, column: OwnColumn) -> Reason | None:
    """Check how well a cell at an event before the purchase predicts the value, length or purchase of the session.

    The price of a product that a session buys is part of the value. Columns of events are therefore checked on sessions
    that do not buy the product of that event, or have many products. With few products, a cell must explain nearly all
    of the value.
    """
    sessions, names = sample.sessions, (column.stored, FIRST + column.stored)
    limits = [(sessions, LEAST)]
    if column.level == "event":
        limits = [(sample.apart, LEAST), (sessions.filter(pl.col(N_PRODUCTS) > 1), NEARLY_ALL)]
    for rows, least in limits:
        if reason := _check_value(rows, names, column, least):
            return reason
    if reason := _check_length(sessions.filter(pl.col(N_EVENTS) > 1), names, column):
        return reason
    return check_purchase(sessions.filter(~pl.col(ONLY_BUYS)), names, column, BEFORE)


def _check_value(rows: pl.DataFrame, names: tuple[str, ...], column: OwnColumn, least: float) -> Reason | None:
    for some, codes in cells_of(rows, names, column):
        if some.height < MIN_ROWS:
            continue
        for values in scales(numbers(some, VALUE)):
            predictions = predicted(codes, values)
            share = explained(predictions, values)
            if share >= least and _explains_within_groups(predictions, values, some):
                return gives_away(share, "session values", BEFORE, some.height)
    return None


def _explains_within_groups(predictions: Vector, values: Vector, rows: pl.DataFrame) -> bool:
    """Return whether cells also explain values within sessions of one user, one product or one category.

    A column that is determined by the user, product or category, such as a price, may explain values well overall, but
    explains nothing within one of them.
    """
    inside = (explained_within(predictions, values, rows.get_column(key)) for key in (USER, PRODUCT, CATEGORY))
    return all(share is None or share >= LEAST_WITHIN for share in inside)


def _check_length(rows: pl.DataFrame, names: tuple[str, ...], column: OwnColumn) -> Reason | None:
    for some, codes in cells_of(rows, names, column):
        if some.height < MIN_ROWS:
            continue
        for name, what in ((N_EVENTS, "number of events"), (DURATION, "duration")):
            target = ranks(numbers(some, name))
            share = explained(predicted(codes, target), target)
            if share >= LEAST_LENGTH:
                return Reason(
                    Exclusion.KNOWN_AFTERWARDS,
                    f"Its first cell in a session explains {percent(share)} of the variance of the {what} of sessions "
                    f"({count(some.height, 'session')}), so it was probably written after the session.",
                )
    return None


def check_late_cells(sample: OwnSample, column: OwnColumn) -> Reason | None:
    """Compare the share of sessions that have all their cells on the last event with that of random positions.

    Only events of types that have the column are counted.
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
            pl.len().alias("events"),
            is_last.sum().alias("last"),
            pl.col("filled").sum().alias("filled"),
            (pl.col("filled") & is_last).sum().alias("filled_last"),
        )
        .filter(pl.col("filled") > 0, pl.col("last") < pl.col("events"))
    )
    if sessions.height < MIN_ROWS:
        return None
    is_late = pl.col("filled") == pl.col("filled_last")
    observed = float(sessions.select(is_late.mean()).item())
    expected = float(_chance_of_late(*(numbers(sessions, key) for key in ("events", "last", "filled"))).mean())
    if observed < LATE or observed - expected < LATE_EXCESS:
        return None
    return Reason(
        Exclusion.KNOWN_AFTERWARDS,
        f"In {percent(observed)} of {count(sessions.height, 'session')} with several events, only the last event has a "
        f"cell in this column. By chance, it would be {percent(expected)}.",
    )


def _chance_of_late(n_events: Vector, n_last: Vector, n_filled: Vector) -> Vector:
    """Return the probability that all filled cells are on last events, if they are on any events (hypergeometric)."""
    log_chance = _log_choose(n_last, np.minimum(n_filled, n_last)) - _log_choose(n_events, n_filled)
    return np.where(n_filled <= n_last, np.exp(log_chance), 0.0)


def _log_choose(n: Vector, k: Vector) -> Vector:
    """Return the logarithm of the binomial coefficient "n choose k"."""
    return np.asarray(gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1), np.float64)
