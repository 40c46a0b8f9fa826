"""Parse numbers as people and programs write them: `$1,299.00`, `1 299,00 €`, `(12.50)`, `1.5E+3`.

A number has an optional sign, digits (plain, or in groups of three) and an optional decimal part. A currency may come
before or after it. The decimal mark is a point or a comma, and the other character may only separate groups.

`1,234` and `7.250` are different numbers under each decimal mark. `DecimalEvidence` collects what the cells of a column
show about its mark, so that a file can be refused if no cell decides.
"""

from __future__ import annotations

import re
from dataclasses import astuple, dataclass
from typing import Final

import polars as pl

from core.ingestion.values.currencies import CURRENCY_PATTERN, currency_code

_OTHER_MARK: Final = {".": ",", ",": "."}
DECIMAL_MARKS: Final = tuple(_OTHER_MARK)

_DASH_FOR_ZERO: Final = r"([0-9][.,])[-−–—]+"  # German and Dutch shops write 12.00 as `12,-`
_BLANK: Final = r"[\s\u00a0\u2007\u2009\u202f]"
_GROUP_SEPARATORS: Final = (r"'", r"’", r"[ \u00a0\u2007\u2009\u202f]")
"""Separators of groups of three digits in Swiss, French, Polish and SI style; they occur with either decimal mark."""
_MINUS: Final = r"[-−–]"
_NUMBER: Final = (
    rf"^(?P<open>\()?(?P<sign>\+|{_MINUS})?{_BLANK}?(?P<before>{CURRENCY_PATTERN})?{_BLANK}?"
    rf"(?P<inner>\+|{_MINUS})?{_BLANK}?"
    rf"(?P<digits>[0-9.,'’\s\u00a0\u2007\u2009\u202f]*[0-9.,])(?P<power>[eE][+-]?[0-9]+)?"
    rf"{_BLANK}?(?P<after>{CURRENCY_PATTERN})?(?P<behind>{_MINUS})?(?P<close>\))?$"
)
"""A number with signs and currencies. Accountants write a negative number in brackets or with a minus at the end."""
_DIGITS_GROUP: Final = re.compile(_NUMBER).groupindex["digits"]


def _digit_pattern(decimal: str) -> str:
    """Return a regular expression for the digits of a number with this decimal mark, plain or in groups."""
    separators = (re.escape(_OTHER_MARK[decimal]), *_GROUP_SEPARATORS)
    grouped = "|".join(rf"[1-9][0-9]{{0,2}}(?:{separator}[0-9]{{3}})+" for separator in separators)
    if decimal == ".":
        grouped += r"|[1-9][0-9]?(?:,[0-9]{2})+,[0-9]{3}"  # 12,34,567 as in India
    mark = re.escape(decimal)
    return rf"^(?:(?:{grouped}|[0-9]+)(?:{mark}[0-9]*)?|{mark}[0-9]+)$"


_DIGITS: Final = {decimal: _digit_pattern(decimal) for decimal in DECIMAL_MARKS}
_AMBIGUOUS: Final = {mark: rf"^[1-9][0-9]{{0,2}}{re.escape(mark)}[0-9]{{3}}$" for mark in DECIMAL_MARKS}
"""Decimal mark -> a number in which this mark may also be a thousands separator."""
_HEAD: Final = 200
"""Cells that are searched first. In nearly every column they decide the mark, and few other cells must be searched."""


@dataclass(frozen=True)
class DecimalEvidence:
    """Cells of a column that give evidence on its decimal mark.

    Attributes:
        point: a cell that is a number only with a decimal point, such as `12.5` or `1,234.00`; None if there is none.
        comma: the same for a decimal comma, such as `12,5` or `1.234,00`.
        ambiguous_point: a cell with a point that is a number under either mark, such as `7.250`; None if there is none.
        ambiguous_comma: the same for a comma, such as `1,234`.
    """

    point: str | None = None
    comma: str | None = None
    ambiguous_point: str | None = None
    ambiguous_comma: str | None = None

    def __or__(self, other: DecimalEvidence) -> DecimalEvidence:
        """Return the evidence of two parts of a column."""
        pairs = zip(astuple(self), astuple(other), strict=True)
        return DecimalEvidence(*(first or second for first, second in pairs))

    @property
    def undecided(self) -> str | None:
        """An ambiguous cell; None if there is none, or if the other cells need exactly one of the marks."""
        is_decided = (self.point is None) != (self.comma is None)
        return None if is_decided else self._ambiguous

    @property
    def undecided_with_point(self) -> str | None:
        """An ambiguous cell; None if there is none, or if other cells need a decimal point and none needs a comma."""
        return self.undecided or (None if self.comma is None else self._ambiguous)

    @property
    def _ambiguous(self) -> str | None:
        return self.ambiguous_point or self.ambiguous_comma


def decimal_evidence(cells: pl.Series) -> DecimalEvidence:
    """Return what the cells of a text column show about its decimal mark. Columns of other types give no evidence.

    >>> decimal_evidence(pl.Series(["490", "7.250"])).undecided
    '7.250'
    >>> decimal_evidence(pl.Series(["490.5", "7.250"])).undecided is None
    True
    """
    if cells.dtype != pl.String:
        return DecimalEvidence()
    head = _search(cells.head(_HEAD))
    if (head.point is None) != (head.comma is None):
        # Only cells with the other mark can contradict the head, and most columns have no such cells.
        others = cells.filter(cells.str.contains("," if head.comma is None else ".", literal=True))
        return head if others.is_empty() else head | _search(others)
    return head | _search(cells.filter(cells.str.contains_any([".", ","])))


def _search(cells: pl.Series) -> DecimalEvidence:
    """Return the evidence of all these cells; of several cells with the same evidence, the first."""
    texts = _without_dashes(cells.unique(maintain_order=True).drop_nulls())
    digits = texts.str.extract(_NUMBER, _DIGITS_GROUP).drop_nulls()
    with_point, with_comma = (digits.str.contains(_DIGITS[mark]) for mark in (".", ","))
    return DecimalEvidence(
        point=_first(digits, with_point & ~with_comma),
        comma=_first(digits, with_comma & ~with_point),
        ambiguous_point=_first(digits, digits.str.contains(_AMBIGUOUS["."])),
        ambiguous_comma=_first(digits, digits.str.contains(_AMBIGUOUS[","])),
    )


def _first(texts: pl.Series, mask: pl.Series) -> str | None:
    return next(iter(texts.filter(mask).head(1)), None)


def parse_amounts(cells: pl.Series, decimal: str = ".") -> pl.Series:
    """Parse cells to Float64; null if a cell is empty or not a finite number.

    Args:
        cells: texts, or numbers of any type. Dates and booleans are not numbers.
        decimal: the decimal mark, `.` or `,`. The other character separates groups of three digits.

    >>> parse_amounts(pl.Series(["$1,299.00", "(12.5)", "1 299", "E10", "1,29"])).to_list()
    [1299.0, -12.5, 1299.0, None, None]
    >>> parse_amounts(pl.Series(["1.299,00 €", "7,5-"]), decimal=",").to_list()
    [1299.0, -7.5]
    """
    if cells.dtype != pl.String:
        nulls = pl.repeat(None, len(cells), dtype=pl.Float64, eager=True).alias(cells.name)
        return _finite(cells.cast(pl.Float64)) if cells.dtype.is_numeric() else nulls
    plain = cells
    if decimal == ",":  # cells with a point are parsed below, because `1.299` is 1299
        plain = cells.set(cells.str.contains(".", literal=True), None).str.replace(",", ".", literal=True)
    numbers = _finite(plain.cast(pl.Float64, strict=False))
    unparsed = numbers.is_null() & cells.is_not_null()
    if not unparsed.any():
        return numbers
    return numbers.scatter(unparsed.arg_true(), _parse_formatted(cells.filter(unparsed), decimal))


def currency_signs(cells: pl.Series) -> set[str]:
    """Return the currencies written next to the numbers of a column.

    A sign that only one currency uses, such as €, is returned as the code of the currency.

    >>> sorted(currency_signs(pl.Series(["12.50", "€ 3", "3 EUR", "$5"])))
    ['$', 'EUR']
    """
    if cells.dtype != pl.String:
        return set()
    formatted = cells.filter(cells.cast(pl.Float64, strict=False).is_null() & cells.is_not_null()).unique()
    if formatted.is_empty():
        return set()
    parts = formatted.str.strip_chars().str.extract_groups(_NUMBER).struct.unnest()
    return {
        currency_code(sign) for side in ("before", "after") for sign in parts.get_column(side).drop_nulls().unique()
    }


def plain_amounts(cells: pl.Series, decimal: str) -> pl.Series:
    """Return amounts as text with a decimal point, without currencies and marks between groups; null for other text.

    Args:
        cells: texts.
        decimal: the decimal mark, `.` or `,`.

    >>> plain_amounts(pl.Series(["$1,299.00", "(12.5)", "1'299", "1,29"]), ".").to_list()
    ['1299.00', '-12.5', '1299', None]
    """
    parts = _without_dashes(cells).str.extract_groups(_NUMBER).struct.unnest()
    digits = parts.get_column("digits")
    digits = digits.set(~digits.str.contains(_DIGITS[decimal]), None)
    not_a_digit = rf"[^0-9{re.escape(decimal)}]"
    is_grouped_power = parts.get_column("power").is_not_null() & digits.str.contains(not_a_digit)
    digits = digits.set(is_grouped_power, None)  # 1,234e3 is not a number
    plain = digits.str.replace_all(not_a_digit, "").str.replace(decimal, ".", literal=True)
    signs = pl.col("sign", "inner", "behind", "open")
    has_one_sign = pl.sum_horizontal(signs.is_not_null().cast(pl.Int8)) <= 1
    is_paired = pl.col("open").is_null() == pl.col("close").is_null()
    is_negative = pl.any_horizontal((signs != "+").fill_null(value=False))
    sign = pl.when(is_negative).then(pl.lit("-")).otherwise(pl.lit(""))
    amount = pl.concat_str(sign, pl.lit(plain), pl.col("power").fill_null(""))
    return parts.select(pl.when(has_one_sign & is_paired).then(amount)).to_series().alias(cells.name)


def _without_dashes(cells: pl.Series) -> pl.Series:
    """Return the cells without surrounding blanks, and without dashes in place of decimals."""
    return cells.str.strip_chars().str.replace(_DASH_FOR_ZERO, "${1}")


def _finite(numbers: pl.Series) -> pl.Series:
    """Replace infinities and NaN by null."""
    return numbers.set(~numbers.is_finite(), None)


def _parse_formatted(cells: pl.Series, decimal: str) -> pl.Series:
    """Parse numbers with a currency, groups of digits, brackets or surrounding blanks."""
    return _finite(plain_amounts(cells, decimal).cast(pl.Float64, strict=False))
