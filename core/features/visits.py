"""Visits: all rows of one session of one user, in train and test together.

A session that is in both files has a unit in train and a unit in test. History is what happened outside the visit, so
neither of the two units counts the rows of the other.
"""

from __future__ import annotations

import polars as pl

from core.features.columns import VISIT, VISIT_START
from core.schema import ROLE, SESSION, START, TEST_ROLE, TRAIN_ROLE, UNIT, USER


def with_visits(units: pl.LazyFrame) -> pl.LazyFrame:
    """Return unit, user, start, VISIT and VISIT_START of the units.

    Without the columns session and role, each unit is its own visit.
    """
    own_visits = units.select(UNIT, USER, START)
    if not {ROLE, SESSION} <= set(units.collect_schema()):
        return own_visits.with_columns(pl.col(UNIT).alias(VISIT), pl.col(START).alias(VISIT_START))
    train, test = (
        units.filter(pl.col(ROLE) == role).select(SESSION, USER, UNIT, START) for role in (TRAIN_ROLE, TEST_ROLE)
    )
    in_both_files = (
        train.join(test, on=[SESSION, USER], suffix="_of_test")
        .select(
            pl.concat_list(UNIT, f"{UNIT}_of_test").alias(UNIT),
            pl.min_horizontal(UNIT, f"{UNIT}_of_test").alias(VISIT),
            pl.min_horizontal(START, f"{START}_of_test").alias(VISIT_START),
        )
        .explode(UNIT)
    )
    return own_visits.join(in_both_files, on=UNIT, how="left").with_columns(
        pl.col(VISIT).fill_null(pl.col(UNIT)), pl.col(VISIT_START).fill_null(pl.col(START))
    )
