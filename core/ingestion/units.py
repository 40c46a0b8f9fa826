"""Sessions become units, the things that get one row of features; known and composite sessions are marked here."""

from __future__ import annotations

import polars as pl

from core.schema import CATEGORY, PRODUCT, ROLE, SESSION, TEST_ROLE, TIME, TRAIN_ROLE, TYPE, UNIT, USER, VALUE

START = "start"
COMPOSITE = "composite"
KNOWN_VALUE = "known_value"


def make_units(events: pl.DataFrame) -> pl.DataFrame:
    """One row a unit: a session id of one user in one file.

    Columns: unit (0, 1, ... by role, session, user), role, session, user, start (epoch seconds of its first event),
    value (of the whole session id; null in test), composite (the id has several users in that file), known_value
    (test only: the value the id has in train where both files give it the same users; else null).

    Where the rows of a session give different values, their mean stands; the dataset's card counts such sessions.
    """
    keys = [ROLE, SESSION]
    units = events.group_by(*keys, USER).agg(pl.col(TIME).min().alias(START))
    # sorted, because the mean of floats depends on their order in its last bit
    sessions = events.group_by(keys).agg(pl.col(VALUE).sort().mean(), pl.col(USER).unique().sort().alias("users"))
    known = (
        sessions.filter(pl.col(ROLE) == TRAIN_ROLE)
        .join(sessions.filter(pl.col(ROLE) == TEST_ROLE), on=[SESSION, "users"], how="inner")
        .select(pl.lit(TEST_ROLE, dtype=events.schema[ROLE]).alias(ROLE), SESSION, pl.col(VALUE).alias(KNOWN_VALUE))
    )
    return (
        units.join(
            sessions.with_columns((pl.col("users").list.len() > 1).alias(COMPOSITE)).drop("users"), on=keys, how="left"
        )
        .join(known, on=keys, how="left")
        .sort(ROLE, SESSION, USER)
        .with_row_index(UNIT)
        .select(pl.col(UNIT).cast(pl.Int64), ROLE, SESSION, USER, START, VALUE, COMPOSITE, KNOWN_VALUE)
    )


def with_units(events: pl.DataFrame, units: pl.DataFrame) -> pl.DataFrame:
    """Give every event its unit; sorted by all that tells events apart, so that row order in the files is gone."""
    return (
        events.drop(VALUE)
        .join(units.select(UNIT, ROLE, SESSION, USER), on=[ROLE, SESSION, USER], how="left")
        .sort(UNIT, TIME, TYPE, PRODUCT, CATEGORY)
    )
