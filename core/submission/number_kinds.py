"""Classify the cells of the value column: numbers in some notation, missing values, or text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import polars as pl

from core.base.number_format import Marks, NumberFormat
from core.ingestion.values.amounts import currency_signs, decimal_evidence, plain_amounts
from core.ingestion.values.currencies import different_currencies
from core.submission.target import TEXT

NUMBER: Final = "number"
KIND: Final = "kind"
PLAIN: Final = "plain"
FINITE: Final = "finite"
DECIMAL_COMMA: Final = "decimal_comma"
THOUSANDS_MARK: Final = "thousands_mark"
SIGN: Final = "sign"
EMPTY: Final = "empty"
INFINITE: Final = "infinite"
NO_NUMBER: Final = "no_number"

_KINDS: Final = pl.Enum([FINITE, DECIMAL_COMMA, THOUSANDS_MARK, SIGN, EMPTY, INFINITE, NO_NUMBER])

EMPTY_SPELLINGS: Final = ("", "na", "n/a", "#n/a", "<na>", "null", "none")
"""How R, spreadsheets, pandas, SQL and Python spell a missing value, in lower case. NaN is parsed as a number."""
UNCLEAR: Final = r"^\s*[+-]?[1-9]\d{0,2}[.,]\d{3}\s*$"
"""1,234 and 3.516 may be thousands, or a little more than one and three."""
_OTHER_MARK: Final = {".": ",", ",": "."}
_ONLY_MARKS: Final = r"^[+-]?[\d.,][\d.,'’\s]*(?:[eE][+-]?\d+)?$"
_BLANKS: Final = " \t"


@dataclass(frozen=True)
class _Notation:
    """How a column writes numbers.

    Attributes:
        decimal: the decimal mark, a point or a comma.
        has_thousands: whether the other mark of the two separates thousands. If not, it has no meaning.
        is_mixed: whether some values need a decimal point and others a decimal comma.
    """

    decimal: str = "."
    has_thousands: bool = False
    is_mixed: bool = False


def classified(cells: pl.DataFrame, marks: Marks | None = None) -> pl.DataFrame:
    """Add the columns `number` (Float64), `kind` and `plain` to rows with a column `text`.

    - finite: text that most CSV readers parse as a number, such as 3, +3.50, .5 or 1e5, with blanks or tabs around it.
    - decimal_comma: a number such as 12,5 or 1.234,5.
    - thousands_mark: a number such as 1,234.5, 1.234.567 or 1'234.50.
    - sign: a number with a currency, a minus that is no hyphen, or brackets, such as € 12.50 or −12.5.
    - empty: a missing value or NaN.
    - infinite: infinity, or a number too large for a double.
    - no_number: any other text.

    `number` is the number that is meant, and null in rows of the last three kinds. `plain` is how it is written in a
    plain file, with a decimal point and without other marks; in rows without a number, it is the text.

    A comma or a point only separates thousands if a value of the column cannot be read in another way, such as 1,234.5,
    1,234,567 or 1.234.567. 1,234 is text without such a value, and so is 3.516 in a column with decimal commas.

    Args:
        cells: rows with a column `text`.
        marks: number format, by example; None to detect it.
    """
    texts = cells[TEXT]
    notation = None if marks is None else _chosen(marks)
    number = texts.cast(pl.Float64, strict=False)
    has_points = notation is None or notation.decimal == "."
    if has_points and number.is_finite().all() and not number.null_count():  # saves the other patterns in most files
        kind = pl.lit(FINITE, dtype=_KINDS).alias(KIND)
        return cells.with_columns(number.alias(NUMBER), kind, texts.alias(PLAIN))
    stripped = texts.str.strip_chars(_BLANKS)
    rows = cells.with_columns(stripped.alias(PLAIN), stripped.cast(pl.Float64, strict=False).alias(NUMBER))
    is_empty = pl.col(PLAIN).str.to_lowercase().is_in(EMPTY_SPELLINGS) | pl.col(NUMBER).is_nan()
    first = (
        pl.when(is_empty.fill_null(value=False))
        .then(pl.lit(EMPTY))
        .when(pl.col(NUMBER).is_null())
        .then(pl.lit(NO_NUMBER))
        .when(pl.col(NUMBER).is_infinite())
        .then(pl.lit(INFINITE))
        .otherwise(pl.lit(FINITE))
    )
    rows = rows.with_columns(first.cast(_KINDS).alias(KIND))
    rows = _with_amounts(rows, notation or _found(rows))
    has_number = pl.col(KIND).is_in([FINITE, DECIMAL_COMMA, THOUSANDS_MARK, SIGN])
    rows = rows.with_columns(pl.when(has_number).then(pl.col(PLAIN).cast(pl.Float64, strict=False)).alias(NUMBER))
    return rows.select(*cells.columns, NUMBER, KIND, PLAIN)


def are_numbers(texts: pl.Series) -> bool:
    """Return whether the cells are numbers in some notation, or missing values, and not only missing values."""
    filled = texts.filter(~texts.str.strip_chars().str.to_lowercase().is_in(EMPTY_SPELLINGS))
    parsed = filled.str.strip_chars(_BLANKS).cast(pl.Float64, strict=False).is_not_null()
    is_amount = [plain_amounts(filled, decimal).is_not_null() for decimal in _OTHER_MARK]
    return not filled.is_empty() and bool((parsed | is_amount[0] | is_amount[1]).all())


def _chosen(marks: Marks) -> _Notation:
    chosen = NumberFormat(marks=marks)
    return _Notation(chosen.decimal, has_thousands=chosen.thousands == _OTHER_MARK[chosen.decimal])


def _found(rows: pl.DataFrame) -> _Notation:
    """Return the notation that the values show."""
    odd = rows.filter(pl.col(KIND) == NO_NUMBER)[PLAIN].unique()
    is_point = pl.col(PLAIN).str.contains(".", literal=True) & ~pl.col(PLAIN).str.contains(UNCLEAR)
    has_point = rows.select((is_point & (pl.col(KIND) == FINITE)).any()).item()
    evidence = decimal_evidence(odd)
    needs_point, needs_comma = has_point or evidence.point is not None, evidence.comma is not None
    if needs_point and needs_comma:
        return _Notation(is_mixed=True)
    decimal = "," if needs_comma else "."
    grouped = odd.filter(odd.str.contains(_groups_of(_OTHER_MARK[decimal])))
    return _Notation(decimal, has_thousands=bool(plain_amounts(grouped, decimal).is_not_null().any()))


def _groups_of(mark: str) -> str:
    """Return the pattern of a part of a number in which the mark must separate groups."""
    escaped = rf"\{mark}"
    return rf"\d{escaped}\d{{3}}[.,]|\d{escaped}\d{{2}}{escaped}"


def _with_amounts(rows: pl.DataFrame, notation: _Notation) -> pl.DataFrame:
    """Set `kind` and `plain` of the cells that are numbers in this notation, and of those that are not."""
    is_odd = pl.col(KIND) == NO_NUMBER
    if notation.decimal == ",":  # a number with a point is another one, or none
        is_odd |= (pl.col(KIND) == FINITE) & pl.col(PLAIN).str.contains(".", literal=True)
    elif notation.is_mixed:
        is_odd |= (pl.col(KIND) == FINITE) & pl.col(PLAIN).str.contains(UNCLEAR)
    positions = rows.select(is_odd.arg_true()).to_series()
    odd = rows[PLAIN].gather(positions)
    plain = _plain_texts(odd, notation.decimal)
    has_only_marks = odd.str.contains(_ONLY_MARKS)
    other = _OTHER_MARK[notation.decimal]
    if notation.is_mixed:
        plain = plain.set(odd.str.contains_any([".", ","]), None)
    elif not notation.has_thousands:
        plain = plain.set(odd.str.contains(other, literal=True), None)
    if len(different_currencies(currency_signs(odd.filter(~has_only_marks)))) > 1:
        plain = plain.set(~has_only_marks, None)
    kinds = pl.select(
        pl.when(plain.is_null())
        .then(pl.lit(NO_NUMBER))
        .when(~has_only_marks)
        .then(pl.lit(SIGN))
        .when(odd.str.contains(",", literal=True) & (notation.decimal == ","))
        .then(pl.lit(DECIMAL_COMMA))
        .otherwise(pl.lit(THOUSANDS_MARK))
        .cast(_KINDS)
    ).to_series()
    texts = plain.fill_null(odd)
    return rows.with_columns(rows[KIND].scatter(positions, kinds), rows[PLAIN].scatter(positions, texts))


def _plain_texts(cells: pl.Series, decimal: str) -> pl.Series:
    """Return what `plain_amounts` returns. Numbers without currencies take a fifth of the time."""
    other = _OTHER_MARK[decimal]
    is_grouped = cells.str.contains(rf"^[+-]?[1-9]\d{{0,2}}(?:\{other}\d{{3}})+(?:\{decimal}\d*)?$")
    one_mark = cells.set(~is_grouped & cells.str.contains(other, literal=True), None)
    simple = one_mark.str.replace_all(other, "", literal=True).str.replace(decimal, ".", literal=True)
    left = simple.cast(pl.Float64, strict=False).is_null()
    if not left.any():
        return simple
    return simple.scatter(left.arg_true(), plain_amounts(cells.filter(left), decimal))
