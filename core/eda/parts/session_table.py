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
"""Maximum number of steps in a path; later steps of a session are not part of it."""
_BASE = len(EVENT_TYPES) + 1
_PLACE_VALUES = {step: _BASE**step for step in range(PATH_STEPS)}
"""Step, from 0: place value of its digit in the path code, see `decode_path`. Later steps have no digit."""
COUNT_COLUMNS = {event_type: event_type.lower() for event_type in EVENT_TYPES}
"""Event type: name of the column that counts its events."""


def session_table(dataset: Dataset) -> pl.DataFrame:
    """Summarize every unit of both files; one row per unit, sorted by unit.

    Returns:
        unit, session, user: codes of the unit, its session id and its user id.
        file: `train` or `test`.
        start: time of the first event, in epoch seconds.
        value: session value; null in test and in composite sessions, whose value belongs to several users.
        events: number of events.
        view, add_cart, remove_cart, buy: number of events of each type.
        duration: seconds from the first to the last event.
        products: number of distinct products.
        steps: number of steps; consecutive events of one type are one step.
        path_code: event types of the first five steps as a number, see `decode_path`.
    """
    units = dataset.units().select(
        UNIT,
        pl.col(ROLE).replace_strict(dict(enumerate(ROLES)), return_dtype=pl.Enum(ROLES)).alias(FILE),
        SESSION,
        USER,
        START,
        pl.when(~pl.col(COMPOSITE)).then(VALUE).alias(VALUE),
    )
    events = pl.concat([_summarize_events(_number_steps(dataset.events(role))) for role in ROLES])
    return units.join(events, on=UNIT, how="left").sort(UNIT).collect()


def _number_steps(events: pl.LazyFrame) -> pl.LazyFrame:
    """Add the columns starts_step (whether an event begins a step) and step (index of the step in the unit, from 0).

    Events are sorted by unit and time. Steps are counted through the whole file, and the count at the start of the unit
    is subtracted, because a window over each unit would be slower.
    """
    starts_unit = (pl.col(UNIT) != pl.col(UNIT).shift(1)).fill_null(value=True)
    changes_type = pl.col(TYPE) != pl.col(TYPE).shift(1)
    count_at_start = pl.when("starts_unit").then("step_count").forward_fill()
    return (
        events.with_columns(starts_unit.alias("starts_unit"), (starts_unit | changes_type).alias("starts_step"))
        .with_columns(pl.col("starts_step").cum_sum().alias("step_count"))
        .with_columns((pl.col("step_count") - count_at_start).alias("step"))
    )


def _summarize_events(events: pl.LazyFrame) -> pl.LazyFrame:
    """Aggregate events with numbered steps by unit."""
    place_value = pl.col("step").replace_strict(_PLACE_VALUES, default=0, return_dtype=pl.Int32)
    digit = pl.when("starts_step").then((pl.col(TYPE).cast(pl.Int32) + 1) * place_value).otherwise(0).alias("digit")
    of_type = (
        (pl.col(TYPE) == EVENT_CODE[event_type]).sum().cast(pl.Int64).alias(column)
        for event_type, column in COUNT_COLUMNS.items()
    )
    return (
        events.with_columns(digit)
        .group_by(UNIT)
        .agg(
            pl.len().cast(pl.Int64).alias(EVENTS),
            *of_type,
            (pl.col(TIME).max() - pl.col(TIME).min()).alias(DURATION),
            pl.col(PRODUCT).n_unique().cast(pl.Int64).alias(PRODUCTS),
            pl.col("starts_step").sum().cast(pl.Int64).alias(STEPS),
            pl.col("digit").sum().alias(PATH_CODE),
        )
    )


def decode_path(code: int) -> list[str]:
    """Return the event types of a path, in order.

    The path code is a number in base 5, with the first step as the lowest digit. A digit is an event code plus 1.

    >>> decode_path(1 + 4 * 5)
    ['VIEW', 'BUY']
    """
    types = []
    while code:
        code, digit = divmod(code, _BASE)
        types.append(EVENT_TYPES[digit - 1])
    return types


def unit_values(dataset: Dataset) -> pl.LazyFrame:
    """Return unit and value of the units with a known value that belongs to a single user."""
    return dataset.units().filter(~pl.col(COMPOSITE), pl.col(VALUE).is_not_null()).select(UNIT, VALUE)


def valued_sessions(sessions: pl.DataFrame, *columns: str) -> pl.DataFrame:
    """Return value, events and other columns of the rows of the session table that have a value and an event."""
    return sessions.select(VALUE, EVENTS, *columns).filter(pl.col(VALUE).is_not_null(), pl.col(EVENTS) > 0)


def sessions_by_file(sessions: pl.DataFrame) -> dict[str, int]:
    """Return the number of sessions in each file; a session of several users counts once."""
    return {role: sessions.filter(pl.col(FILE) == role).get_column(SESSION).n_unique() for role in ROLES}


def count_sessions(sessions: pl.DataFrame, units: NDArray[np.int64], *, valued: bool = False) -> int:
    """Return the number of distinct sessions of some units.

    Args:
        units: codes of the units.
        valued: whether to count only sessions with a known value that belongs to a single user.
    """
    rows = sessions.select(UNIT, SESSION, VALUE).filter(pl.col(UNIT).is_in(pl.Series(units).implode()))
    if valued:
        rows = rows.filter(pl.col(VALUE).is_not_null())
    return rows.get_column(SESSION).n_unique()
