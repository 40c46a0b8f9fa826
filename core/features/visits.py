"""Visits: the rows of a session that stand in both files are one visit, and all of them are its own rows.

A known session is a unit of train and one of test. History is what happened outside of the visit: neither half may see
the other, or the rows of a session would count in its own history.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from core.schema import ROLE, SESSION, TEST_ROLE, TRAIN_ROLE, UNIT, USER

VISIT: Final = "visit"
"""The lower of the unit codes of a visit; of nearly all units their own."""
VISIT_START: Final = "visit_start"
"""Epoch seconds of the visit's first event."""


def with_visits(units: pl.LazyFrame) -> pl.LazyFrame:
    """Unit, user, start, VISIT and VISIT_START of the units; without sessions and files, each is a visit of its own."""
    plain = units.select(UNIT, USER, "start")
    if not {ROLE, SESSION} <= set(units.collect_schema()):
        return plain.with_columns(pl.col(UNIT).alias(VISIT), pl.col("start").alias(VISIT_START))
    train, test = (
        units.filter(pl.col(ROLE) == role).select(SESSION, USER, UNIT, "start") for role in (TRAIN_ROLE, TEST_ROLE)
    )
    halves = (
        train.join(test, on=[SESSION, USER], suffix="_of_test")
        .select(
            pl.concat_list(UNIT, f"{UNIT}_of_test").alias(UNIT),
            pl.min_horizontal(UNIT, f"{UNIT}_of_test").alias(VISIT),
            pl.min_horizontal("start", "start_of_test").alias(VISIT_START),
        )
        .explode(UNIT)
    )
    return plain.join(halves, on=UNIT, how="left").with_columns(
        pl.col(VISIT).fill_null(pl.col(UNIT)), pl.col(VISIT_START).fill_null(pl.col("start"))
    )
