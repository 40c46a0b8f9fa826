"""What each column of the two files holds, as a table."""

from __future__ import annotations

import datetime

import polars as pl

from core import schema
from core.base.amounts import value_text
from core.dataset import Dataset

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
_STORED_COLUMNS = {
    schema.EVENT_TIME: schema.TIME,
    schema.EVENT_TYPE: schema.TYPE,
    schema.PRODUCT_ID: schema.PRODUCT,
    schema.CATEGORY_ID: schema.CATEGORY,
    schema.USER_ID: schema.USER,
    schema.USER_SESSION: schema.SESSION,
}
"""Name of a column in the event file: name of the stored column."""
_ORDER = pl.Enum([*_STORED_COLUMNS, schema.SESSION_VALUE])
_Row = dict[str, object]
"""Column of `_SCHEMA` -> its cell; columns that are left out are null."""


def column_summary(dataset: Dataset) -> pl.DataFrame:
    """Summarize the columns of both files; one row per (column, file).

    Returns:
        column: name of the column in the event file.
        file: `train` or `test`. There is no row for the session value of test, and none for an empty file.
        filled: share of the rows that have a value, 0 to 1.
        distinct: number of distinct values.
        least, most: smallest and largest time or amount as text; null for ids and event types.
        most_frequent, its_share: most frequent value as text, and its share of the rows; null if no row has a value. Of
            equally frequent values, the lowest; of ids, the one with the lowest code.
    """
    rows = [row for role in schema.ROLES for row in _summarize_file(dataset, role)]
    by_column = [pl.col("column").cast(_ORDER), pl.col("file").cast(pl.Enum(schema.ROLES))]
    return pl.DataFrame(rows, schema=_SCHEMA).sort(by_column)


def _summarize_file(dataset: Dataset, role: schema.Role) -> list[_Row]:
    n_rows = dataset.events(role).select(pl.len()).collect().item()
    if not n_rows:
        return []
    rows = [_summarize_event_column(dataset, role, name, n_rows) for name in _STORED_COLUMNS]
    return rows + _summarize_values(dataset, role)


def _summarize_event_column(dataset: Dataset, role: schema.Role, name: str, n_rows: int) -> _Row:
    column = pl.col(_STORED_COLUMNS[name])
    events = dataset.events(role).select(column)
    statistics = events.select(
        column.is_not_null().mean().alias("filled"),
        column.drop_nulls().n_unique().alias("distinct"),
        column.min().alias("low"),
        column.max().alias("high"),
    )
    filled, distinct, low, high = statistics.collect().row(0)
    row: _Row = {"column": name, "file": role, "filled": filled, "distinct": distinct}
    if name == schema.EVENT_TIME:
        row |= {"least": _as_text(dataset, name, low), "most": _as_text(dataset, name, high)}
    counts = events.drop_nulls().group_by(column).len().sort(pl.col("len"), column, descending=[True, False])
    top = counts.head(1).collect()
    if top.height:
        row |= {"most_frequent": _as_text(dataset, name, top.item(0, 0)), "its_share": top.item(0, "len") / n_rows}
    return row


def _as_text(dataset: Dataset, name: str, code: int) -> str | None:
    """Return a stored value as text; None for an id that is not in the dictionary."""
    if name == schema.EVENT_TIME:
        return datetime.datetime.fromtimestamp(code, datetime.UTC).strftime("%d %b %Y %H:%M:%S")
    if name == schema.EVENT_TYPE:
        return schema.EVENT_TYPES[code]
    ids = dataset.dictionary(name).filter(pl.col(_STORED_COLUMNS[name]) == code).select(name).collect()
    return str(ids.item()) if ids.height else None


def _summarize_values(dataset: Dataset, role: schema.Role) -> list[_Row]:
    """Return the row of the session value, or none if no session of the file has a value."""
    of_file = dataset.units().filter(
        pl.col(schema.ROLE) == schema.ROLES.index(role), pl.col(schema.VALUE).is_not_null()
    )
    values = of_file.select(schema.VALUE).collect().get_column(schema.VALUE)
    if values.is_empty():
        return []
    counts = values.value_counts(name="sessions").sort("sessions", schema.VALUE, descending=[True, False])
    top, n_top = counts.row(0)
    ordered = values.sort()
    return [
        {
            "column": schema.SESSION_VALUE,
            "file": role,
            "filled": 1.0,
            "distinct": counts.height,
            "least": value_text(ordered[0]),
            "most": value_text(ordered[-1]),
            "most_frequent": value_text(top),
            "its_share": n_top / len(values),
        }
    ]
