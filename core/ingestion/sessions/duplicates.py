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
_MOMENT: Final = "_moment"
"""Column: time and event type in one number, which orders events as the two do."""


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
    moment = pl.col(TIME) * len(EVENT_CODE) + pl.col(TYPE)
    by_moment = _sorted_by_moment(rows.rechunk().with_columns(moment.alias(_MOMENT)), key)
    is_same_key = ~changed(by_moment, key)
    n_visits = 0
    if key == SESSION and (is_same_key & changed(by_moment, USER)).any():
        visits = find_visits(by_moment)
        by_moment = assign_visits(by_moment, visits)
        n_visits = visits.height
    described = [name for name in by_moment.columns if name not in (*ROW_KEYS, _MOMENT, USER_SESSION, CATEGORY)]
    is_tied = is_same_key & ~changed(by_moment, _MOMENT, PRODUCT)
    has_ties = (is_tied & changed(by_moment, *described, CATEGORY)).any()
    ordered = by_moment
    if has_ties or (is_same_key & changed(by_moment, USER)).any():
        ordered = by_moment.sort(key, USER, _MOMENT, PRODUCT, *described, CATEGORY)
        is_tied = ~changed(ordered, key, _MOMENT, PRODUCT)
    repeats_row = is_tied & ~changed(ordered, SESSION, USER, *described, CATEGORY)
    # A join with a table of categories repeats a purchase for each category of its product.
    repeats_line = is_tied & ~changed(ordered, SESSION, USER, *described) if mapping.adds_prices else repeats_row
    repeats_purchase = repeats_line & (ordered.get_column(TYPE).to_numpy() == EVENT_CODE[BUY])
    is_surplus = repeats_row | repeats_purchase
    counts = DuplicateCounts(
        rows=int(np.count_nonzero(repeats_row)), purchases=int(np.count_nonzero(repeats_purchase)), visits=n_visits
    )
    if mapping.duplicates == "remove" and is_surplus.any():
        ordered = ordered.filter(~is_surplus)
    return ordered, counts


def _sorted_by_moment(rows: pl.DataFrame, key: str) -> pl.DataFrame:
    """Sort by key, moment and product, which nearly always decide the order."""
    return rows[argsort_rows(*(rows.get_column(name).to_numpy() for name in (key, _MOMENT, PRODUCT)))]


def changed(rows: pl.DataFrame, *names: str) -> NDArray[np.bool_]:
    """Return a mask of the rows that differ from the previous row in any of these columns, and of the first row."""
    mask = np.zeros(rows.height, bool)
    for name in names:
        column = rows.get_column(name)
        if column.null_count() == rows.height:  # all null, such as the values of a test file
            continue
        if column.null_count() or column.dtype == pl.String:
            mask |= column.ne_missing(column.shift(1)).to_numpy()
        else:
            cells = column.to_numpy()
            mask[1:] |= cells[1:] != cells[:-1]
    mask[:1] = True
    return mask
