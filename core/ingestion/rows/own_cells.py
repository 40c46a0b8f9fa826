"""Parse the cells of own columns; see core.own_columns for what is stored."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import polars as pl

from core.ingestion.mapping import Mapping
from core.ingestion.mapping.time_format import AUTO, ISO_DATE, OWN_TIME_FORMATS
from core.ingestion.rows.event_times import epoch_seconds
from core.ingestion.rows.id_cells import as_text
from core.ingestion.values.amounts import parse_amounts
from core.ingestion.values.flags import FLAG_WORDS
from core.own_columns import DTYPES, LARGEST, LONGEST, Kind
from core.schema import PLACEHOLDER_IDS

PLACEHOLDERS: Final = ["", *sorted(PLACEHOLDER_IDS - {"-1", "default", "guest", "anonymous"})]
"""Without content. The words that are left out may be numbers or categories."""
_MAX_DISTINCT_SHARE: Final = 1 / 4
_DATE_LENGTH: Final = len("2025-06-01")


def own_cells(cells: pl.DataFrame, mapping: Mapping) -> tuple[list[pl.Series], dict[tuple[str, bool], int]]:
    """Parse the own columns of a mapping.

    Args:
        cells: rows with the own columns that the file has, under their stored names.

    Returns:
        One series per own column, in the order of the mapping. It is null where the file does not have the column or
        the cell is not usable.
        A dictionary: (stored name, whether the cell is of the column's kind) -> number of cells with content.
    """
    columns: list[pl.Series] = []
    counts: dict[tuple[str, bool], int] = {}
    for name, own in mapping.own_stored().items():
        if name not in cells.columns:
            columns.append(pl.repeat(None, cells.height, dtype=DTYPES[own.kind], eager=True).alias(name))
            continue
        parsed = _parsed(cells.get_column(name), own.kind, mapping).cast(DTYPES[own.kind]).alias(name)
        columns.append(parsed)
        not_parsed = cells.get_column(name).filter(parsed.is_null())
        n_unreadable = _content(not_parsed.drop_nulls()).count()
        counts |= {(name, True): parsed.count(), (name, False): n_unreadable}
    return columns, counts


def stored_columns(rows: pl.DataFrame, mapping: Mapping) -> Sequence[str]:
    """Return the names of the own columns that rows have."""
    return [name for name in mapping.own_stored() if name in rows.columns]


def _parsed(column: pl.Series, kind: Kind, mapping: Mapping) -> pl.Series:
    """Parse a column. Texts that repeat are parsed once, because dates and words are slow to parse."""
    if kind in ("number", "money"):
        numbers = parse_amounts(column, mapping.decimal_mark)
        return numbers.set(numbers.abs() > LARGEST, None)
    if column.dtype != pl.String:
        return _parse_texts(column, kind, mapping)
    distinct = column.unique().drop_nulls()
    if len(distinct) > _MAX_DISTINCT_SHARE * len(column):
        return _parse_texts(column, kind, mapping)
    table = pl.DataFrame([distinct, _parse_texts(distinct, kind, mapping).alias("parsed")])
    return column.to_frame().join(table, on=column.name, how="left", maintain_order="left").get_column("parsed")


def _parse_texts(column: pl.Series, kind: Kind, mapping: Mapping) -> pl.Series:
    if kind == "time":
        return _times(column, mapping)
    texts = _content(column)
    if kind == "category":
        return texts.str.slice(0, LONGEST)
    return texts.str.to_lowercase().replace_strict(FLAG_WORDS, default=None, return_dtype=pl.Boolean)


def _content(column: pl.Series) -> pl.Series:
    """Return the cells as text without NUL characters; null if a cell is empty or a word such as `null`."""
    return without_placeholders(as_text(column).str.replace_all("\x00", "", literal=True))


def without_placeholders(texts: pl.Series) -> pl.Series:
    """Replace empty texts and words such as `null` by null."""
    return texts.set(texts.str.to_lowercase().is_in(PLACEHOLDERS), None)


def _times(column: pl.Series, mapping: Mapping) -> pl.Series:
    """Return epoch seconds. The cells may have the time format of the log, ISO 8601, or only a date."""
    if column.dtype == pl.Date:
        column = column.cast(pl.Datetime("us"))
    formats = [mapping.time_format, *OWN_TIME_FORMATS]
    if column.dtype == pl.String and mapping.time_format == AUTO and (column.str.len_bytes() == _DATE_LENGTH).all():
        formats.insert(0, ISO_DATE)  # first, because it takes longer to find out that no other form of ISO 8601 fits
    seconds = pl.repeat(None, len(column), dtype=pl.Int64, eager=True)
    for time_format in dict.fromkeys(formats):
        if seconds.null_count() <= column.null_count():
            break
        parsed = epoch_seconds(column, mapping.model_copy(update={"time_format": time_format}))
        seconds = pl.select(pl.coalesce(seconds, parsed)).to_series()
    return seconds
