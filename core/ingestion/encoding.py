"""Ids become integers, once, with one dictionary for both files."""

from __future__ import annotations

import polars as pl

from core.schema import (
    CATEGORY,
    CATEGORY_ID,
    EVENT_CODE,
    EVENT_TYPE,
    PRODUCT,
    PRODUCT_ID,
    ROLE,
    SESSION,
    TIME,
    TYPE,
    USER,
    USER_ID,
    USER_SESSION,
    VALUE,
)

ENCODED = {USER_SESSION: SESSION, USER_ID: USER, PRODUCT_ID: PRODUCT, CATEGORY_ID: CATEGORY}
"""File column -> stored column."""


def encode(rows: pl.DataFrame) -> tuple[pl.DataFrame, dict[str, pl.DataFrame]]:
    """Replace ids by integers in the order of the sorted ids, so that row order cannot change a code.

    Args:
        rows: usable rows of both files (file columns as text, time, value, role).

    Returns:
        The events (session, user, product, category, type, time, role, value) and, by file column, the dictionary:
        the id as it stands in the files and its integer.
    """
    dictionaries: dict[str, pl.DataFrame] = {}
    for column, code in ENCODED.items():
        trimmed = rows.get_column(column).str.strip_chars()
        dictionary = pl.DataFrame({column: trimmed.unique().sort()}).with_row_index(code).cast({code: pl.Int64})
        dictionaries[column] = dictionary
        rows = rows.with_columns(trimmed).join(dictionary, on=column, how="left", maintain_order="left").drop(column)
    words = pl.col(EVENT_TYPE).str.strip_chars().replace_strict(EVENT_CODE, return_dtype=pl.Int8).alias(TYPE)
    return rows.select(*ENCODED.values(), words, TIME, ROLE, VALUE), dictionaries
