"""Cells that hold ids or words: as clean text, each id once with its code, and how many are empty."""

from __future__ import annotations

import polars as pl

from core.schema import EVENT_TYPE

_OTHER_SEED = 1_000_003  # far from the seeds of codes
_FEW_OF = 4  # one text in so many is few: then a copy of it is worth its time


def as_text(cells: pl.Series) -> pl.Series:
    """Ids and words as text without blanks around them.

    Whole numbers that a program wrote as 12.0, for a column with gaps, or as an exact 12.00, become 12; no number (NaN)
    is a gap.
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
    """The ids of a column, each once: code and id.

    Told apart by another hash than the code's: two ids with one code both stay, so that the dictionary finds them.
    """
    first = texts.hash(seed + _OTHER_SEED).arg_unique()
    ids = pl.DataFrame([codes.gather(first).alias("code"), texts.gather(first).alias("id")])
    if ids.height * _FEW_OF < len(codes):
        # On memory of its own: a text taken from a block holds all texts of the block.
        ids = pl.DataFrame(ids.to_arrow(compat_level=pl.CompatLevel.oldest()))
    return ids


def empty_cells(cells: pl.DataFrame, columns: list[str]) -> dict[tuple[str, str], int]:
    """How many cells are empty, by event word and column."""
    found: dict[tuple[str, str], int] = {}
    for column in columns:
        blank = (cells.get_column(column) == "").fill_null(value=True)
        if not blank.any():
            continue
        words = pl.col(EVENT_TYPE).cast(pl.String).str.strip_chars() if EVENT_TYPE in cells.columns else pl.lit("")
        affected = cells.filter(blank).with_columns(words.fill_null("").alias("word"))
        found |= {(word, column): rows for word, rows in affected.get_column("word").value_counts().iter_rows()}
    return found
