"""What each column of the two files holds, as a table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import polars as pl

from core.base.text import number
from core.dataset import Dataset
from core.schema import (
    CATEGORY,
    CATEGORY_ID,
    EVENT_TIME,
    EVENT_TYPE,
    EVENT_TYPES,
    PRODUCT,
    PRODUCT_ID,
    ROLE,
    ROLES,
    SESSION,
    SESSION_VALUE,
    TIME,
    TYPE,
    USER,
    USER_ID,
    USER_SESSION,
    VALUE,
    Role,
)

TITLE = "What does each column hold?"
_SCHEMA = {
    "column": pl.String,
    "file": pl.String,
    "filled": pl.Float64,
    "distinct": pl.Int64,
    "least": pl.String,
    "most": pl.String,
    "most_frequent": pl.String,
    "its_share": pl.Float64,
}
_ID_COLUMNS = {PRODUCT_ID: PRODUCT, CATEGORY_ID: CATEGORY, USER_ID: USER, USER_SESSION: SESSION}
_ORDER = pl.Enum([EVENT_TIME, EVENT_TYPE, *_ID_COLUMNS, SESSION_VALUE])
_Row = tuple[object, ...]


def column_summary(dataset: Dataset) -> pl.DataFrame:
    """Summarize the columns of both files; one row per (column, file).

    Returns:
        column, file: Name of the column in the file, and `train` or `test`. Test has no row for the session value.
        filled: Share of the rows that have a value, 0 to 1.
        distinct: Number of distinct values.
        least, most: Smallest and largest time or amount as text; null for ids and event types.
        most_frequent, its_share: Most frequent value as text, and its share of the rows.
    """
    rows = [row for role in ROLES for row in _summarize_file(dataset, role)]
    by_column = [pl.col("column").cast(_ORDER), pl.col("file").cast(pl.Enum(ROLES))]
    return pl.DataFrame(rows, schema=_SCHEMA, orient="row").sort(by_column)


def _summarize_file(dataset: Dataset, role: Role) -> list[_Row]:
    events = dataset.events(role)
    n_rows = events.select(pl.len()).collect().item()
    if not n_rows:
        return []
    time = pl.col(TIME)
    first, last, n_times, n_types = (
        events.select(
            time.min().alias("first"),
            time.max().alias("last"),
            time.n_unique().alias("times"),
            pl.col(TYPE).n_unique().alias("types"),
        )
        .collect()
        .row(0)
    )
    top_time, top_type = _top(events, TIME, n_rows, _time_text), _top(events, TYPE, n_rows, EVENT_TYPES.__getitem__)
    rows: list[_Row] = [
        (EVENT_TIME, role, 1.0, n_times, _time_text(first), _time_text(last), *top_time),
        (EVENT_TYPE, role, 1.0, n_types, None, None, *top_type),
    ]
    rows += [_summarize_ids(dataset, role, name, n_rows) for name in _ID_COLUMNS]
    return rows + _summarize_values(dataset, role)


def _summarize_ids(dataset: Dataset, role: Role, name: str, n_rows: int) -> _Row:
    code = pl.col(_ID_COLUMNS[name])
    events = dataset.events(role)
    filled, distinct = (
        events.select(code.is_not_null().mean().alias("filled"), code.drop_nulls().n_unique().alias("distinct"))
        .collect()
        .row(0)
    )
    top_code, share = _top(events.drop_nulls(_ID_COLUMNS[name]), _ID_COLUMNS[name], n_rows, lambda value: value)
    top_id = dataset.dictionary(name).filter(code == top_code).select(name).collect()
    return name, role, filled, distinct, None, None, top_id.item() if top_id.height else None, share


def _summarize_values(dataset: Dataset, role: Role) -> list[_Row]:
    """Return the row of the session value, or none if no session of the file has a value."""
    of_file = dataset.units().filter(pl.col(ROLE) == ROLES.index(role), pl.col(VALUE).is_not_null())
    values = of_file.select(VALUE).collect().get_column(VALUE)
    if values.is_empty():
        return []
    ordered = values.sort()
    top, times = values.value_counts(sort=True).row(0)
    least, most = number(ordered[0]), number(ordered[-1])
    return [(SESSION_VALUE, role, 1.0, values.n_unique(), least, most, number(top), times / len(values))]


def _top(events: pl.LazyFrame, column: str, n_rows: int, text: Callable[[int], Any]) -> tuple[Any, float | None]:
    """Return the most frequent code as text, the smallest of equally frequent ones, and its share of the rows."""
    counts = events.group_by(column).len().sort("len", column, descending=[True, False]).head(1).collect()
    return (text(counts.item(0, column)), counts.item(0, "len") / n_rows) if counts.height else (None, None)


def _time_text(second: int) -> str:
    return str(pl.select(pl.from_epoch(pl.lit(second), time_unit="s").dt.strftime("%d %b %Y %H:%M:%S")).item())
