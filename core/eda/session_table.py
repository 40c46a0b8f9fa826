"""One row a session and user: what the charts about sessions, users and values are counted from."""

from __future__ import annotations

import polars as pl

from core.dataset import Dataset
from core.schema import EVENT_CODE, EVENT_TYPES, PRODUCT, ROLE, ROLES, TIME, TYPE, UNIT, USER, VALUE

FILE, START, EVENTS, DURATION, PRODUCTS = "file", "start", "events", "duration", "products"
OF_TYPE = {word: word.lower() for word in EVENT_TYPES}
"""Event type: the column that counts its events."""


def session_table(dataset: Dataset) -> pl.DataFrame:
    """One row a unit of both files, by unit: unit, file (train or test), user, start (epoch seconds), value (value
    units; null in test, and in composite sessions, whose value is of several users together), events, view, add_cart,
    remove_cart, buy (events of each type), duration (seconds from first to last event), products (distinct).
    """
    counted = pl.concat(
        [
            dataset.events(role)
            .group_by(UNIT)
            .agg(
                pl.len().cast(pl.Int64).alias(EVENTS),
                *(
                    (pl.col(TYPE) == EVENT_CODE[word]).sum().cast(pl.Int64).alias(name)
                    for word, name in OF_TYPE.items()
                ),
                (pl.col(TIME).max() - pl.col(TIME).min()).alias(DURATION),
                pl.col(PRODUCT).n_unique().cast(pl.Int64).alias(PRODUCTS),
            )
            for role in ROLES
        ]
    )
    units = dataset.units().select(
        UNIT,
        pl.col(ROLE).replace_strict(dict(enumerate(ROLES)), return_dtype=pl.String).alias(FILE),
        USER,
        START,
        pl.when(~pl.col("composite")).then(VALUE).alias(VALUE),
    )
    return units.join(counted, on=UNIT, how="left").sort(UNIT).collect()
