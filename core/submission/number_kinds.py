"""Find out what the cells of the value column are: numbers in some notation, missing values, or text."""

from __future__ import annotations

from typing import Final

import polars as pl

from core.submission.target import TEXT

NUMBER: Final = "number"
KIND: Final = "kind"
FINITE: Final = "finite"
DECIMAL_COMMA: Final = "decimal_comma"
THOUSANDS_COMMA: Final = "thousands_comma"
EMPTY: Final = "empty"
INFINITE: Final = "infinite"
NO_NUMBER: Final = "no_number"

_KINDS: Final = pl.Enum([FINITE, DECIMAL_COMMA, THOUSANDS_COMMA, EMPTY, INFINITE, NO_NUMBER])

EMPTY_SPELLINGS: Final = ("", "na", "n/a", "#n/a", "<na>", "null", "none")
"""How R, spreadsheets, pandas, SQL and Python spell a missing value, in lower case. NaN is parsed as a number."""
_COMMA_NUMBER: Final = r"^[+-]?(?:\d+|\d{1,3}(?:\.\d{3})+),\d+(?:[eE][+-]?\d+)?$"
"""12,5 and 1.234,5."""
_GROUPED_NUMBER: Final = r"^[+-]?[1-9]\d{0,2}(?:,\d{3})+(?:\.\d*)?$"
"""1,234.5 and 1,234,567."""
_UNCLEAR: Final = r"^[+-]?[1-9]\d{0,2},\d{3}$"
"""1,234 may be a thousand or a little more than one."""
_POINT_NUMBER: Final = r"^[+-]?\d*\.\d+$"


def classified(cells: pl.DataFrame) -> pl.DataFrame:
    """Add the columns `number` (Float64) and `kind` to rows with a column `text`.

    - finite: text that most CSV readers parse as a number, such as 3, +3.50, .5 or 1e5, with blanks or tabs around it.
    - decimal_comma: a number such as 12,5 or 1.234,5, if the column has no point before decimals, and a comma that
      cannot separate thousands.
    - thousands_comma: a number such as 1,234.5, if the column has no comma before decimals, and a number that cannot
      be read in another way, such as 1,234.5 or 1,234,567.
    - empty: a missing value or NaN.
    - infinite: infinity, or a number too large for a double.
    - no_number: any other text.

    `number` is the number that is meant, and null in rows of the last three kinds.
    """
    number = cells[TEXT].cast(pl.Float64, strict=False)
    if number.is_finite().all() and not number.null_count():  # saves the other patterns in most files
        return cells.with_columns(number.alias(NUMBER), pl.lit(FINITE, dtype=_KINDS).alias(KIND))
    stripped = pl.col(TEXT).str.strip_chars(" \t")
    parsed = stripped.cast(pl.Float64, strict=False)
    is_comma, is_grouped = stripped.str.contains(_COMMA_NUMBER), stripped.str.contains(_GROUPED_NUMBER)
    has_commas, has_groups = _notations(cells, stripped)
    kind = (
        pl.when(stripped.str.to_lowercase().is_in(EMPTY_SPELLINGS) | parsed.is_nan())
        .then(pl.lit(EMPTY))
        .when(is_comma & pl.lit(has_commas))
        .then(pl.lit(DECIMAL_COMMA))
        .when(is_grouped & pl.lit(has_groups))
        .then(pl.lit(THOUSANDS_COMMA))
        .when(parsed.is_null())
        .then(pl.lit(NO_NUMBER))
        .when(parsed.is_infinite())
        .then(pl.lit(INFINITE))
        .otherwise(pl.lit(FINITE))
    )
    rows = cells.with_columns(kind.cast(_KINDS).alias(KIND))
    has_number = pl.col(KIND).is_in([FINITE, DECIMAL_COMMA, THOUSANDS_COMMA])
    return rows.with_columns(
        pl.when(has_number).then(plain_notation(TEXT).cast(pl.Float64, strict=False)).alias(NUMBER)
    ).select(*cells.columns, NUMBER, KIND)


def plain_notation(column: str) -> pl.Expr:
    """Return the cells of a column with a decimal point and without blanks around, by the column `kind`."""
    stripped = pl.col(column).str.strip_chars(" \t")
    without_points = stripped.str.replace_all(".", "", literal=True)
    return (
        pl.when(pl.col(KIND) == DECIMAL_COMMA)
        .then(without_points.str.replace(",", ".", literal=True))
        .when(pl.col(KIND) == THOUSANDS_COMMA)
        .then(stripped.str.replace_all(",", "", literal=True))
        .otherwise(stripped)
    )


def _notations(cells: pl.DataFrame, stripped: pl.Expr) -> tuple[bool, bool]:
    """Return whether the column writes decimals with commas, and whether it writes thousands with commas."""
    is_clear = ~stripped.str.contains(_UNCLEAR)
    found = cells.select(
        commas=(stripped.str.contains(_COMMA_NUMBER) & is_clear).any(),
        groups=(stripped.str.contains(_GROUPED_NUMBER) & is_clear).any(),
        points=stripped.str.contains(_POINT_NUMBER).any(),
    ).row(0, named=True)
    has_commas = found["commas"] and not found["points"] and not found["groups"]
    has_groups = not found["commas"] and found["groups"]
    return has_commas, has_groups
