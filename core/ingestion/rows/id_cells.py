"""Clean cells with ids or event words, find distinct ids, and count empty cells."""

from __future__ import annotations

import polars as pl

from core.schema import EVENT_TYPE

_OTHER_SEED = 1_000_003  # differs from every seed of codes
_COPY_BELOW = 4  # distinct ids are copied if fewer than one in so many rows is distinct


def as_text(cells: pl.Series) -> pl.Series:
    """Return ids or words as text without surrounding blanks.

    Whole floats and decimals lose their zeros (12.0 becomes 12), because programs write so in columns with gaps. NaN
    becomes null.

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

    They are compared by another hash than the code, so two ids with one code both stay and the dictionary detects them.
    """
    first = texts.hash(seed + _OTHER_SEED).arg_unique()
    ids = pl.DataFrame([codes.gather(first).alias("code"), texts.gather(first).alias("id")])
    if ids.height * _COPY_BELOW < len(codes):
        # A copy, because a text taken from a block keeps all texts of the block in memory.
        ids = pl.DataFrame(ids.to_arrow(compat_level=pl.CompatLevel.oldest()))
    return ids


def empty_cells(cells: pl.DataFrame, columns: list[str]) -> dict[tuple[str, str], int]:
    """Count empty cells: (event word, column) -> rows."""
    counts: dict[tuple[str, str], int] = {}
    for column in columns:
        blank = (cells.get_column(column) == "").fill_null(value=True)
        if not blank.any():
            continue
        words = pl.col(EVENT_TYPE).cast(pl.String).str.strip_chars() if EVENT_TYPE in cells.columns else pl.lit("")
        affected = cells.filter(blank).with_columns(words.fill_null("").alias("word"))
        counts |= {(word, column): rows for word, rows in affected.get_column("word").value_counts().iter_rows()}
    return counts
