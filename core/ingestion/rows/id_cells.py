"""Clean the cells of ids and event words, find distinct ids, and count empty cells."""

from __future__ import annotations

import polars as pl

from core.schema import EVENT_TYPE

_SEED_OFFSET = 1_000_003  # larger than every seed of codes
_MAX_COPIED_SHARE = 1 / 4  # of the rows; if more ids are distinct, a copy saves little memory


def as_text(cells: pl.Series) -> pl.Series:
    """Return ids or words as text without surrounding blanks.

    Whole floats and decimals become integers (12.0 becomes 12), because programs store integers as floats if some are
    missing. NaN becomes null.

    >>> as_text(pl.Series([12.0, 7.5, float("nan")])).to_list()
    ['12', '7.5', None]
    """
    if cells.dtype == pl.String:
        return cells.str.strip_chars()
    texts = cells.cast(pl.String).str.strip_chars()
    if cells.dtype.is_decimal():
        return texts.str.replace(r"\.0+$", "")
    if not cells.dtype.is_float():
        return texts
    whole = (cells.floor() == cells) & (cells.abs() < 2**53)
    number = cells.set(~whole, None).cast(pl.Int64).cast(pl.String)
    return pl.select(pl.coalesce(number, texts.set(cells.is_nan(), None)).alias(cells.name)).to_series()


def distinct_ids(codes: pl.Series, texts: pl.Series, seed: int) -> pl.DataFrame:
    """Return the distinct ids of a column: code and id.

    Ids are compared by a hash that differs from their codes. So two ids with the same code are both kept, and the
    dictionary detects them.
    """
    first = texts.hash(seed + _SEED_OFFSET).arg_unique()
    ids = pl.DataFrame([codes.gather(first).alias("code"), texts.gather(first).alias("id")])
    if ids.height < _MAX_COPIED_SHARE * len(codes):
        # A copy, because a text taken from a block keeps all texts of the block in memory.
        ids = pl.DataFrame(ids.to_arrow(compat_level=pl.CompatLevel.oldest()))
    return ids


def empty_cells(cells: pl.DataFrame, columns: list[str]) -> dict[tuple[str, str], int]:
    """Count the empty cells of columns: (event word, column) -> rows."""
    counts: dict[tuple[str, str], int] = {}
    event_word = pl.col(EVENT_TYPE).cast(pl.String).str.strip_chars() if EVENT_TYPE in cells.columns else pl.lit("")
    for column in columns:
        is_empty = (cells.get_column(column) == "").fill_null(value=True)
        if is_empty.any():
            rows = cells.filter(is_empty).group_by(event_word.fill_null("").alias("word")).len()
            counts |= {(word, column): n_rows for word, n_rows in rows.iter_rows()}
    return counts
