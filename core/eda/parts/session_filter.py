"""The filter of the Explore page, applied to the session table of a dataset."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import Final

import numpy as np
import polars as pl

from core.dataset import Dataset
from core.eda.parts.selection import Selection
from core.eda.parts.session_table import COUNT_COLUMNS, EVENTS, FILE
from core.schema import CATEGORY, CATEGORY_ID, ROLES, SECONDS_PER_DAY, START, UNIT, USER, VALUE

_HASH_BITS: Final = 53
"""Bits of a user's hash that are compared with the share of a sample: as many as a float has."""


def filter_sessions(table: pl.DataFrame, dataset: Dataset, selection: Selection) -> pl.DataFrame:
    """Return the rows of a dataset's session table that pass a filter, in the same order.

    Args:
        table: see `core.eda.parts.session_table.session_table`.
        dataset: the dataset of the table.
    """
    if conditions := _row_conditions(selection):
        table = table.filter(conditions)
    if selection.users is not None:
        table = table.filter(_in_sample(table.get_column(USER), selection.users))
    for units in _units_with_cells(dataset, selection):
        table = table.join(units, on=UNIT, how="semi", maintain_order="left")
    return table


def _row_conditions(selection: Selection) -> list[pl.Expr]:
    """Return the conditions that a row of the session table can be tested for by itself."""
    start, value, n_events = pl.col(START), pl.col(VALUE), pl.col(EVENTS)
    conditions = [pl.col(COUNT_COLUMNS[event_type]) > 0 for event_type in selection.types]
    if selection.file is not None:
        conditions.append(pl.col(FILE) == selection.file)
    if selection.first is not None:
        conditions.append(start >= _epoch_seconds(selection.first))
    if selection.last is not None:
        conditions.append(start < _epoch_seconds(selection.last) + SECONDS_PER_DAY)
    if selection.least_value is not None:
        conditions.append(value >= selection.least_value)
    if selection.most_value is not None:
        conditions.append(value <= selection.most_value)
    if selection.least_events is not None:
        conditions.append(n_events >= selection.least_events)
    if selection.most_events is not None:
        conditions.append(n_events <= selection.most_events)
    return conditions


def _in_sample(users: pl.Series, share: float) -> pl.Series:
    """Return whether each user is in a sample. A smaller share selects some of the users of a larger one.

    The hash of user u is output u + 1 of the generator splitmix64 with the seed 0 (Steele, Lea and Flood, 2014). Unlike
    `pl.Series.hash`, it never changes, so an address shows the same users after an upgrade.
    """
    state = (users.to_numpy().astype(np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    hashes = state ^ (state >> np.uint64(31))
    return pl.Series(hashes >> np.uint64(64 - _HASH_BITS) < share * 2**_HASH_BITS)


def _units_with_cells(dataset: Dataset, selection: Selection) -> Iterator[pl.DataFrame]:
    """Yield the units with a matching event, for the categories and for each own column that is filtered."""
    roles = ROLES if selection.file is None else (selection.file,)
    events = pl.concat([dataset.events(role) for role in roles])
    if selection.categories:
        dictionary = dataset.dictionary(CATEGORY_ID)
        codes = dictionary.filter(pl.col(CATEGORY_ID).is_in(selection.categories)).select(CATEGORY)
        yield _distinct_units(events.join(codes, on=CATEGORY, how="semi"))
    if not selection.own:
        return
    columns = {column.name: column for column in dataset.card().own}
    for name, cells in selection.own_cells.items():
        if name not in columns:
            yield pl.DataFrame(schema={UNIT: pl.Int64})
            continue
        stored = pl.col(columns[name].stored)
        if columns[name].kind == "flag":
            stored = pl.when(stored).then(pl.lit("yes")).when(~stored).then(pl.lit("no"))
        yield _distinct_units(events.filter(stored.cast(pl.String).is_in(cells)))


def _distinct_units(events: pl.LazyFrame) -> pl.DataFrame:
    return events.select(UNIT).unique().collect()


def _epoch_seconds(day: datetime.date) -> int:
    return int(datetime.datetime(day.year, day.month, day.day, tzinfo=datetime.UTC).timestamp())
