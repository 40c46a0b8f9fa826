"""Parse the cells of own columns; see core.own_columns for what is stored."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import polars as pl

from core.ingestion.mapping import Mapping
from core.ingestion.rows.event_times import epoch_seconds
from core.ingestion.rows.id_cells import as_text
from core.ingestion.values.amounts import parse_amounts
from core.own_columns import DTYPES, LARGEST, LONGEST, Kind
from core.schema import PLACEHOLDER_IDS

_YES: Final = ("1", "true", "t", "yes", "y", "ja", "wahr", "evet", "on", "x")
_NO: Final = ("0", "false", "f", "no", "n", "nein", "falsch", "hayır", "hayir", "off")
_FLAGS: Final = dict.fromkeys(_YES, True) | dict.fromkeys(_NO, False)
_PLACEHOLDERS: Final = ["", *sorted(PLACEHOLDER_IDS - {"-1", "default", "guest", "anonymous"})]
"""Without content. The words that are left out may be numbers or categories."""
_DATES: Final = ("auto", "%Y-%m-%d", "%d.%m.%Y")
"""Time formats that are tried after that of the mapping."""


def own_cells(cells: pl.DataFrame, mapping: Mapping) -> tuple[list[pl.Series], dict[tuple[str, bool], int]]:
    """Parse the own columns of a mapping.

    Args:
        cells: rows with the own columns that the file has, under their stored names.

    Returns:
        One series per own column, in the order of the mapping; null where the file has no such column or no usable
        cell. And (stored name, whether the cell is of the column's kind) -> number of cells with content.
    """
    columns: list[pl.Series] = []
    counts: dict[tuple[str, bool], int] = {}
    for name, own in mapping.own_stored().items():
        if name not in cells.columns:
            columns.append(pl.repeat(None, cells.height, dtype=DTYPES[own.kind], eager=True).alias(name))
            continue
        column = cells.get_column(name)
        texts = _content(column)
        parsed = _parse(column, texts, own.kind, mapping).cast(DTYPES[own.kind]).alias(name)
        columns.append(parsed)
        n_unreadable = int((texts.is_not_null() & parsed.is_null()).sum())
        counts |= {(name, True): texts.count() - n_unreadable, (name, False): n_unreadable}
    return columns, counts


def stored_columns(rows: pl.DataFrame, mapping: Mapping) -> Sequence[str]:
    """Return the names of the own columns that rows have."""
    return [name for name in mapping.own_stored() if name in rows.columns]


def _content(column: pl.Series) -> pl.Series:
    """Return the cells as text without NUL characters; null if a cell is empty or a word such as `null`."""
    texts = as_text(column).str.replace_all("\x00", "", literal=True)
    return texts.set(texts.str.to_lowercase().is_in(_PLACEHOLDERS), None)


def _parse(column: pl.Series, texts: pl.Series, kind: Kind, mapping: Mapping) -> pl.Series:
    if kind == "category":
        return texts.str.slice(0, LONGEST)
    if kind == "flag":
        words = texts.str.to_lowercase()
        return words.replace_strict(_FLAGS, default=None, return_dtype=pl.Boolean)
    if kind == "time":
        return _times(column, mapping)
    numbers = parse_amounts(column if column.dtype.is_numeric() else texts, mapping.decimal_mark)
    return numbers.set(numbers.abs() > LARGEST, None)


def _times(column: pl.Series, mapping: Mapping) -> pl.Series:
    """Return epoch seconds. The cells may have the time format of the log, ISO 8601, or only a date."""
    if column.dtype == pl.Date:
        column = column.cast(pl.Datetime("us"))
    seconds = epoch_seconds(column, mapping)
    for time_format in _DATES:
        if seconds.null_count() <= column.null_count():
            break
        other = epoch_seconds(column, mapping.model_copy(update={"time_format": time_format}))
        seconds = pl.select(pl.coalesce(seconds, other)).to_series()
    return seconds
