"""Sort the rows of a file, and find the rows that repeat another row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from core.ingestion.mapping import Mapping
from core.ingestion.sessions.row_order import argsort_rows
from core.ingestion.values.visits import assign_visits, find_visits
from core.schema import BUY, CATEGORY, EVENT_CODE, PRODUCT, SESSION, TIME, TYPE, USER, USER_SESSION

ROW_KEYS: Final = (SESSION, USER, PRODUCT, TIME, TYPE)
"""Columns that identify an event; the other columns describe it."""


@dataclass(frozen=True)
class DuplicateCounts:
    """Counts of duplicate rows in one file.

    Attributes:
        rows: rows that equal an earlier row in every column.
        purchases: duplicate BUY rows. If values are sums of purchases, duplicates may differ in their category.
        visits: sessions whose user id changes during the visit; they are assigned to one user.
    """

    rows: int
    purchases: int
    visits: int


def sorted_rows(rows: pl.DataFrame, key: str, mapping: Mapping) -> tuple[pl.DataFrame, DuplicateCounts]:
    """Sort the rows of one file by all columns, so that the result does not depend on their order in the file.

    Args:
        rows: events with the columns of core.schema, and own columns.
        key: the column that is sorted by first: SESSION, or USER if sessions are made by a timeout.
        mapping: says whether duplicates are removed, and whether values are sums of purchases.

    Returns:
        The rows, without duplicates if the mapping removes them; and the counts of duplicates.
    """
    # Session, moment and product nearly always decide the order.
    moments = rows.rechunk().with_columns((pl.col(TIME) * len(EVENT_CODE) + pl.col(TYPE)).alias("_moment"))
    ordered = moments[argsort_rows(*(moments.get_column(name).to_numpy() for name in (key, "_moment", PRODUCT)))]
    same_key = ~changed(ordered, key)
    visits = 0
    if key == SESSION and (same_key & changed(ordered, USER)).any():
        joined_visits = find_visits(ordered)
        ordered, visits = assign_visits(ordered, joined_visits), joined_visits.height
    described = [name for name in ordered.columns if name not in (*ROW_KEYS, "_moment", USER_SESSION, CATEGORY)]
    others = [*described, CATEGORY]
    tied = same_key & ~changed(ordered, "_moment", PRODUCT)
    if (same_key & changed(ordered, USER)).any() or (tied & changed(ordered, *others)).any():
        ordered = ordered.sort(key, USER, "_moment", PRODUCT, *others)
        tied = ~changed(ordered, key, "_moment", PRODUCT)
    repeated = tied & ~changed(ordered, SESSION, USER, *others)
    # A join with a table of categories repeats a purchase for each category of its product.
    bought_again = tied & (ordered.get_column(TYPE).to_numpy() == EVENT_CODE[BUY])
    bought_again &= ~changed(ordered, SESSION, USER, *described) if mapping.adds_prices else repeated
    counts = DuplicateCounts(int(np.count_nonzero(repeated)), int(np.count_nonzero(bought_again)), visits)
    surplus = repeated | bought_again
    return (ordered.filter(~surplus) if mapping.duplicates == "remove" and surplus.any() else ordered), counts


def changed(rows: pl.DataFrame, *names: str) -> NDArray[np.bool_]:
    """Return a mask of the rows that differ from the previous row in any of these columns, and of the first row."""
    changed = np.zeros(rows.height, bool)
    for name in names:
        column = rows.get_column(name)
        if column.null_count() == rows.height:  # all null, such as the values of a test file
            continue
        if column.null_count() or column.dtype == pl.String:
            changed |= column.ne_missing(column.shift(1)).to_numpy()
        else:
            cells = column.to_numpy()
            changed[1:] |= cells[1:] != cells[:-1]
    changed[:1] = True
    return changed
