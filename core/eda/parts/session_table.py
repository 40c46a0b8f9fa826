"""One row a session and user: what the charts about sessions, users and values are counted from."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from core.dataset import Dataset
from core.schema import (
    EVENT_CODE,
    EVENT_TYPES,
    PRODUCT,
    ROLE,
    ROLES,
    SESSION,
    TIME,
    TYPE,
    UNIT,
    USER,
    VALUE,
)

FILE, START, EVENTS, DURATION, PRODUCTS = "file", "start", "events", "duration", "products"
WAY, STEPS = "way", "steps"
WAY_STEPS = 5
"""So many steps of a session's way are known."""
_DIGIT = len(EVENT_TYPES) + 1
_WEIGHTS = {place: _DIGIT**place for place in range(WAY_STEPS)} | {WAY_STEPS: 0}
"""Of a step in the number that a way is: its types are the digits, the first the lowest; 0 where there is none."""
OF_TYPE = {word: word.lower() for word in EVENT_TYPES}
"""Event type: the column that counts its events."""


def session_table(dataset: Dataset) -> pl.DataFrame:
    """One row a unit of both files, by unit: unit, file (train or test), session, user, start (epoch seconds), value
    (value units; null in test, and in composite sessions, whose value is of several users together), events, view,
    add_cart, remove_cart, buy (events of each type), duration (seconds from first to last event), products (distinct),
    steps (changes of event type, with the first) and way (the types of the first five of them, see `way_words`).
    """
    # events are sorted by unit and time: what stands before is the same unit's, or another unit begins
    first = (pl.col(UNIT) != pl.col(UNIT).shift(1)).fill_null(value=True)
    step = first | (pl.col(TYPE) != pl.col(TYPE).shift(1))
    counted = pl.concat(
        [
            dataset.events(role)
            .with_columns(step.alias("_step"))
            .with_columns(pl.col("_step").cum_sum().alias("_at"))
            .with_columns(
                (pl.col("_at") - pl.when(first).then(pl.col("_at")).forward_fill())
                .clip(upper_bound=WAY_STEPS)
                .replace_strict(_WEIGHTS, return_dtype=pl.Int32)
                .alias("_weight")
            )
            .with_columns(
                pl.when("_step").then((pl.col(TYPE).cast(pl.Int32) + 1) * pl.col("_weight")).otherwise(0).alias("_part")
            )
            .group_by(UNIT)
            .agg(
                pl.len().cast(pl.Int64).alias(EVENTS),
                *(
                    (pl.col(TYPE) == EVENT_CODE[word]).sum().cast(pl.Int64).alias(name)
                    for word, name in OF_TYPE.items()
                ),
                (pl.col(TIME).max() - pl.col(TIME).min()).alias(DURATION),
                pl.col(PRODUCT).n_unique().cast(pl.Int64).alias(PRODUCTS),
                pl.col("_step").sum().cast(pl.Int64).alias(STEPS),
                pl.col("_part").sum().alias(WAY),
            )
            for role in ROLES
        ]
    )
    units = dataset.units().select(
        UNIT,
        pl.col(ROLE).replace_strict(dict(enumerate(ROLES)), return_dtype=pl.Enum(ROLES)).alias(FILE),
        SESSION,
        USER,
        START,
        pl.when(~pl.col("composite")).then(VALUE).alias(VALUE),
    )
    return units.join(counted, on=UNIT, how="left").sort(UNIT).collect()


def way_words(way: int) -> list[str]:
    """The event types of a way, in order."""
    found = []
    while way:
        way, digit = divmod(way, _DIGIT)
        found.append(EVENT_TYPES[digit - 1])
    return found


def session_count(sessions: pl.DataFrame) -> dict[str, int]:
    """How many sessions each file has: one of several users is several rows, and one session."""
    return {role: sessions.filter(pl.col(FILE) == role).get_column(SESSION).n_unique() for role in ROLES}


def sessions_of(sessions: pl.DataFrame, units: NDArray[np.int64], *, valued: bool = False) -> int:
    """How many sessions these units of a table are, each counted once; of `valued` only those with a value."""
    mine = sessions.select(UNIT, SESSION, VALUE).filter(pl.col(UNIT).is_in(pl.Series(units).implode()))
    return (mine.filter(pl.col(VALUE).is_not_null()) if valued else mine).get_column(SESSION).n_unique()
