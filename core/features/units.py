"""The events and units of a dataset, from which features are computed."""

from __future__ import annotations

import polars as pl

from core.config import RunConfig
from core.dataset import Dataset
from core.schema import CATEGORY, PRODUCT, ROLE, SESSION, START, TYPE, UNIT, USER, USER_ID, USER_SESSION


def events_and_units(dataset: Dataset, config: RunConfig) -> tuple[pl.LazyFrame, pl.DataFrame]:
    """Return the events and the units of train and test, both sorted by unit.

    Without `split_composite_sessions`, all units with the same session id in a file are merged. The merged unit belongs
    to the user whose events begin first in either file, and among several of the same second to the lowest user number.
    """
    # Each file is sorted, and no unit is in both.
    events = dataset.events("train").merge_sorted(dataset.events("test"), key=UNIT)
    units = dataset.units().sort(UNIT)
    if not config.split_composite_sessions:
        events, units = merge_composite_sessions(events, units)
    return events, units.collect()


def merge_composite_sessions(events: pl.LazyFrame, units: pl.LazyFrame) -> tuple[pl.LazyFrame, pl.LazyFrame]:
    """Merge the units of each session and file into one; see `events_and_units`. The events are no longer sorted."""
    first = (START, USER)
    merged = units.with_columns(
        pl.col(UNIT).sort_by(*first).first().over(ROLE, SESSION).alias("_merged"),
        pl.col(START).min().over(ROLE, SESSION),
        # The same user in both files, because units of a visit are recognized by session and user.
        pl.col(USER).sort_by(*first).first().over(SESSION),
    )
    owner = merged.select(UNIT, "_merged", pl.col(USER).alias("_user"))
    events = events.join(owner, on=UNIT, how="left").with_columns(
        pl.col("_merged").alias(UNIT), pl.col("_user").alias(USER)
    )
    return events, merged.filter(pl.col(UNIT) == pl.col("_merged")).drop("_merged")


def session_events(dataset: Dataset, config: RunConfig) -> pl.DataFrame:
    """Return what the learned features are computed from, one row per event.

    Columns: unit, product, category, type, and the used own columns of categories.
    """
    events, _ = events_and_units(dataset, config)
    own = [column.stored for column in dataset.card().used_own if column.kind == "category"]
    return events.select(UNIT, PRODUCT, CATEGORY, TYPE, *own).collect()


def with_ids(dataset: Dataset, units: pl.DataFrame) -> pl.DataFrame:
    """Return the units with user_session and user_id as in the event files as their first columns."""
    for id_column, number in ((USER_ID, USER), (USER_SESSION, SESSION)):
        needed = units.lazy().select(number).unique()
        dictionary = dataset.dictionary(id_column).select(number, id_column)
        ids = dictionary.join(needed, on=number, how="semi").collect(engine="streaming")
        units = units.join(ids, on=number, how="left", maintain_order="left").select(id_column, pl.exclude(id_column))
    return units
