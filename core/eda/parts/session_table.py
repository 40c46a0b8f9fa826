"""The session table: one row per session and user, from which most charts are computed."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from core.dataset import Dataset
from core.schema import (
    COMPOSITE,
    EVENT_CODE,
    EVENT_TYPES,
    PRODUCT,
    ROLE,
    ROLES,
    SESSION,
    START,
    TIME,
    TYPE,
    UNIT,
    USER,
    VALUE,
)

FILE, EVENTS, DURATION, PRODUCTS = "file", "events", "duration", "products"
PATH_CODE, STEPS = "path_code", "steps"
PATH_STEPS = 5
"""Number of steps that the path of a session keeps."""
_BASE = len(EVENT_TYPES) + 1
_WEIGHTS = {step: _BASE**step for step in range(PATH_STEPS)} | {PATH_STEPS: 0}
"""A path is a number in base 5 whose digits are event codes plus 1, the first step lowest; later steps weigh 0."""
OF_TYPE = {word: word.lower() for word in EVENT_TYPES}
"""Event type: name of the column that counts its events."""


def session_table(dataset: Dataset) -> pl.DataFrame:
    """Summarize every unit of both files; one row per unit, sorted by unit.

    Returns:
        unit, session, user: Ids.
        start: Time of the first event, in epoch seconds.
        value: Session value; null in test and in composite sessions, whose value belongs to several users.
        events: Number of events.
        view, add_cart, remove_cart, buy: Number of events of each type.
        duration: Seconds from the first to the last event.
        products: Number of distinct products.
        steps: Number of runs of events of one type.
        path_code: Types of the first five steps as a number, see `decode_path`.
    """
    units = dataset.units().select(
        UNIT,
        pl.col(ROLE).replace_strict(dict(enumerate(ROLES)), return_dtype=pl.Enum(ROLES)).alias(FILE),
        SESSION,
        USER,
        START,
        pl.when(~pl.col(COMPOSITE)).then(VALUE).alias(VALUE),
    )
    events = pl.concat([_summarize_events(dataset.events(role)) for role in ROLES])
    return units.join(events, on=UNIT, how="left").sort(UNIT).collect()


def _summarize_events(events: pl.LazyFrame) -> pl.LazyFrame:
    """Aggregate events by unit. Events are sorted by unit and time, so a change of unit starts a new one."""
    starts_unit = (pl.col(UNIT) != pl.col(UNIT).shift(1)).fill_null(value=True)
    starts_step = starts_unit | (pl.col(TYPE) != pl.col(TYPE).shift(1))
    steps_so_far = pl.col("_steps_so_far")
    step = steps_so_far - pl.when(starts_unit).then(steps_so_far).forward_fill()
    weight = step.clip(upper_bound=PATH_STEPS).replace_strict(_WEIGHTS, return_dtype=pl.Int32)
    digit = (pl.col(TYPE).cast(pl.Int32) + 1) * pl.col("_weight")
    return (
        events.with_columns(starts_step.alias("_starts_step"))
        .with_columns(pl.col("_starts_step").cum_sum().alias("_steps_so_far"))
        .with_columns(weight.alias("_weight"))
        .with_columns(pl.when("_starts_step").then(digit).otherwise(0).alias("_digit"))
        .group_by(UNIT)
        .agg(
            pl.len().cast(pl.Int64).alias(EVENTS),
            *((pl.col(TYPE) == EVENT_CODE[word]).sum().cast(pl.Int64).alias(name) for word, name in OF_TYPE.items()),
            (pl.col(TIME).max() - pl.col(TIME).min()).alias(DURATION),
            pl.col(PRODUCT).n_unique().cast(pl.Int64).alias(PRODUCTS),
            pl.col("_starts_step").sum().cast(pl.Int64).alias(STEPS),
            pl.col("_digit").sum().alias(PATH_CODE),
        )
    )


def decode_path(code: int) -> list[str]:
    """Return the event types of a path, in order.

    >>> decode_path(1 + 4 * 5)
    ['VIEW', 'BUY']
    """
    types = []
    while code:
        code, digit = divmod(code, _BASE)
        types.append(EVENT_TYPES[digit - 1])
    return types


def session_count(sessions: pl.DataFrame) -> dict[str, int]:
    """Return the number of sessions in each file; a session of several users counts once."""
    return {role: sessions.filter(pl.col(FILE) == role).get_column(SESSION).n_unique() for role in ROLES}


def sessions_of(sessions: pl.DataFrame, units: NDArray[np.int64], *, valued: bool = False) -> int:
    """Return the number of distinct sessions that some units belong to."""
    rows = sessions.select(UNIT, SESSION, VALUE).filter(pl.col(UNIT).is_in(pl.Series(units).implode()))
    if valued:
        rows = rows.filter(pl.col(VALUE).is_not_null())
    return rows.get_column(SESSION).n_unique()
