"""Parses numbers as people and programs write them: `$1,299.00`, `1 299,00 €`, `(12.50)`, `1.5E+3`.

A number is an optional sign, digits (plain, or in groups of three) and an optional decimal part. A currency may be
named before or after it. The decimal mark is a point or a comma; the other one may only separate groups.

A cell such as `1,234` or `7.250` is a different number under each decimal mark. `DecimalMarks` collects what the cells
of a column say about it, so that a person is asked where nothing decides.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import polars as pl

_SYMBOLS: Final = """
    $ € £ ¥ ₺ ₹ ₽ ₩ ₪ ₫ ₴ ₦ ₱ ₡ ฿ ₸ ₼ ₾ ﷼ US$ CA$ A$ C$ R$ S$ HK$ NZ$ MX$ NT$ kr kr. Kr zł Kč Ft lei лв руб. руб TL Fr
    Fr. Rs Rs."""
_CODES: Final = """
    AED ARS AUD BGN BHD BRL CAD CHF CLP CNY COP CZK DKK EGP EUR GBP HKD HUF IDR ILS INR ISK JOD JPY KRW KWD MAD MXN MYR
    NGN NOK NZD OMR PEN PHP PKR PLN QAR RON RSD RUB SAR SEK SGD THB TND TRY TWD UAH USD UYU VND ZAR"""
_CURRENCY: Final = "|".join(re.escape(mark) for mark in sorted((_SYMBOLS + _CODES).split(), key=len, reverse=True))
_CODE_OF: Final = {
    "€": "EUR", "£": "GBP", "₺": "TRY", "TL": "TRY", "₹": "INR", "Rs": "INR", "Rs.": "INR", "₽": "RUB", "руб": "RUB",
    "руб.": "RUB", "US$": "USD", "zł": "PLN", "Kč": "CZK", "Ft": "HUF", "R$": "BRL", "₩": "KRW", "₪": "ILS", "₴": "UAH",
    "CA$": "CAD", "C$": "CAD", "A$": "AUD", "HK$": "HKD", "NZ$": "NZD", "MX$": "MXN", "S$": "SGD", "NT$": "TWD",
}  # fmt: skip
"""Signs of one currency; $ and kr are those of several."""
_SHARED_SIGNS: Final = {
    "$": frozenset({"USD", "CAD", "AUD", "NZD", "HKD", "SGD", "TWD", "MXN", "ARS", "CLP", "COP", "UYU"}),
    "¥": frozenset({"JPY", "CNY"}),
    "KR": frozenset({"SEK", "NOK", "DKK", "ISK"}),
    "KR.": frozenset({"SEK", "NOK", "DKK", "ISK"}),
}
_DASH_FOR_ZERO: Final = r"([0-9][.,])[-−–—]+"
"""`12,-` is how German and Dutch shops write 12.00."""
_BLANK: Final = r"[\s\u00a0\u2007\u2009\u202f]"
_GROUP_MARKS: Final = (r"'", r"’", r"[ \u00a0\u2007\u2009\u202f]")
"""Separate groups of three digits in Swiss, French, Polish and SI style, whatever the decimal mark is."""
_MINUS: Final = r"[-−–]"
_FRAMED: Final = (
    rf"^(?P<open>\()?(?P<sign>\+|{_MINUS})?{_BLANK}?(?P<before>{_CURRENCY})?{_BLANK}?(?P<inner>\+|{_MINUS})?{_BLANK}?"
    rf"(?P<digits>[0-9.,'’\s\u00a0\u2007\u2009\u202f]*[0-9.,])(?P<power>[eE][+-]?[0-9]+)?"
    rf"{_BLANK}?(?P<after>{_CURRENCY})?(?P<behind>{_MINUS})?(?P<close>\))?$"
)
"""A number with what may stand around it; brackets and a minus behind it are how accountants write a loss."""
_OTHER_MARK: Final = {".": ",", ",": "."}
DECIMAL_MARKS: Final = tuple(_OTHER_MARK)


def _digit_pattern(decimal: str) -> str:
    marks = (re.escape(_OTHER_MARK[decimal]), *_GROUP_MARKS)
    grouped = "|".join(rf"[1-9][0-9]{{0,2}}(?:{mark}[0-9]{{3}})+" for mark in marks)
    if decimal == ".":
        grouped += r"|[1-9][0-9]?(?:,[0-9]{2})+,[0-9]{3}"  # 12,34,567 as in India
    mark = re.escape(decimal)
    return rf"^(?:(?:{grouped}|[0-9]+)(?:{mark}[0-9]*)?|{mark}[0-9]+)$"


_DIGITS: Final = {decimal: _digit_pattern(decimal) for decimal in _OTHER_MARK}
_UNDECIDED: Final = {mark: rf"^[1-9][0-9]{{0,2}}{re.escape(mark)}[0-9]{{3}}$" for mark in _OTHER_MARK}
"""One mark before three digits: thousands, or a number with three decimals."""
_HEAD: Final = 200
"""Cells that are looked at first: in nearly every column they decide the mark, and the rest need not be searched."""


@dataclass(frozen=True)
class DecimalMarks:
    """What the cells of a column say about their decimal mark: an example of each kind, None where there is none.

    Attributes:
        point: a cell that is a number only with a decimal point, such as `12.5` or `1,234.00`.
        comma: a cell that is a number only with a decimal comma, such as `12,5` or `1.234,00`.
        either_point: a cell with a point that is a number either way, such as `7.250`.
        either_comma: a cell with a comma that is a number either way, such as `1,234`.
    """

    point: str | None = None
    comma: str | None = None
    either_point: str | None = None
    either_comma: str | None = None

    def __or__(self, other: DecimalMarks) -> DecimalMarks:
        """What both say together."""
        return DecimalMarks(
            self.point or other.point,
            self.comma or other.comma,
            self.either_point or other.either_point,
            self.either_comma or other.either_comma,
        )

    @property
    def undecided(self) -> str | None:
        """A cell whose value the column leaves open; None where there is none.

        Either no cell decides which mark is the decimal one, or some cells say point and others comma.
        """
        either = self.either_point or self.either_comma
        if either is None or (self.point is None) == (self.comma is None):
            return either
        return None

    @property
    def unless_comma(self) -> str | None:
        """A cell whose value is open while the point is taken for the decimal mark: other cells may need a comma."""
        return self.undecided or (self.either_point or self.either_comma if self.comma is not None else None)


def decimal_marks(cells: pl.Series) -> DecimalMarks:
    """Return what the cells of a text column say about their decimal mark; nothing for other types.

    >>> decimal_marks(pl.Series(["490", "7.250"])).undecided
    '7.250'
    >>> decimal_marks(pl.Series(["490.5", "7.250"])).undecided is None
    True
    """
    if cells.dtype != pl.String:
        return DecimalMarks()
    head = _marks_of(cells.head(_HEAD))
    if (head.point is None) != (head.comma is None):
        # One mark is the decimal one. What contradicts it has the other mark, which few columns hold at all.
        rare = cells.filter(cells.str.contains("," if head.comma is None else ".", literal=True))
        return head if rare.is_empty() else head | _marks_of(rare)
    return head | _marks_of(cells.filter(cells.str.contains_any([".", ","])))


def _marks_of(cells: pl.Series) -> DecimalMarks:
    digits = _framed(cells.unique(maintain_order=True).drop_nulls())
    is_number = {mark: digits.str.contains(pattern) for mark, pattern in _DIGITS.items()}
    found = {
        "point": is_number["."] & ~is_number[","],
        "comma": is_number[","] & ~is_number["."],
        "either_point": digits.str.contains(_UNDECIDED["."]),
        "either_comma": digits.str.contains(_UNDECIDED[","]),
    }
    return DecimalMarks(**{kind: next(iter(digits.filter(cells).head(1)), None) for kind, cells in found.items()})


def is_currency(text: str) -> bool:
    """Whether a text is a currency: three letters, or a sign that is written next to amounts."""
    return re.fullmatch(rf"[A-Za-z]{{3}}|{_CURRENCY}", text.strip()) is not None


def different_currencies(found: Iterable[str]) -> list[str]:
    """Currencies by their codes, each once; a sign that several have is left out where one of these is named.

    >>> different_currencies(["$", "USD", "€", "EUR"])
    ['EUR', 'USD']
    >>> different_currencies(["$", "EUR"])
    ['$', 'EUR']
    """
    codes = {_CODE_OF.get(text, text.upper()) for text in found}
    for sign, owners in _SHARED_SIGNS.items():
        if codes & owners:
            codes.discard(sign)
    return sorted(codes)


def _framed(cells: pl.Series) -> pl.Series:
    """The digits of cells that look like numbers, with their marks but nothing else; other cells are left out."""
    return _plain_text(cells).str.extract(_FRAMED, _group("digits")).drop_nulls().alias("digits")


def _plain_text(cells: pl.Series) -> pl.Series:
    return cells.str.strip_chars().str.replace(_DASH_FOR_ZERO, "${1}")


def _group(name: str) -> int:
    return re.compile(_FRAMED).groupindex[name]


def parse_amounts(cells: pl.Series, decimal: str = ".") -> pl.Series:
    """Parse text cells to Float64; null where a cell is empty or is not a finite number.

    Args:
        cells: texts, or numbers of any type. Dates and truth values are no numbers.
        decimal: the decimal mark, `.` or `,`. The other one separates groups of three digits.

    >>> parse_amounts(pl.Series(["$1,299.00", "(12.5)", "1 299", "E10", "1,29"])).to_list()
    [1299.0, -12.5, 1299.0, None, None]
    >>> parse_amounts(pl.Series(["1.299,00 €", "7,5-"]), decimal=",").to_list()
    [1299.0, -7.5]
    """
    if cells.dtype != pl.String:
        numeric = cells.dtype.is_numeric()
        return _finite(cells.cast(pl.Float64) if numeric else pl.Series(cells.name, [None] * len(cells), pl.Float64))
    usual = cells
    if decimal == ",":  # points are left for the careful way, as `1.299` is not 1.299 here
        usual = cells.set(cells.str.contains(".", literal=True), None).str.replace(",", ".", literal=True)
    numbers = _finite(usual.cast(pl.Float64, strict=False))
    left = numbers.is_null() & cells.is_not_null()
    return numbers.scatter(left.arg_true(), _with_care(cells.filter(left), decimal)) if left.any() else numbers


def currency_signs(cells: pl.Series) -> set[str]:
    """Return the currencies that are written next to the numbers of a column, as codes where a sign has one meaning.

    >>> sorted(currency_signs(pl.Series(["12.50", "€ 3", "3 EUR", "$5"])))
    ['$', 'EUR']
    """
    if cells.dtype != pl.String:
        return set()
    others = cells.filter(cells.cast(pl.Float64, strict=False).is_null() & cells.is_not_null()).unique()
    if others.is_empty():
        return set()
    parts = others.str.strip_chars().str.extract_groups(_FRAMED).struct.unnest()
    found = {sign for name in ("before", "after") for sign in parts.get_column(name).drop_nulls().unique()}
    return {_CODE_OF.get(sign, sign) for sign in found}


def _finite(numbers: pl.Series) -> pl.Series:
    return numbers.set(~numbers.is_finite(), None)


def _with_care(cells: pl.Series, decimal: str) -> pl.Series:
    """Parse what is no plain number: with a currency, groups of digits, brackets, or blanks around it."""
    parts = _plain_text(cells).str.extract_groups(_FRAMED).struct.unnest()
    digits = parts.get_column("digits")
    digits = digits.set(~digits.str.contains(_DIGITS[decimal]), None)
    grouped = parts.get_column("power").is_not_null() & digits.str.contains(rf"[^0-9{re.escape(decimal)}]")
    digits = digits.set(grouped, None)  # 1,234e3 is a code, not a number
    plain = digits.str.replace_all(rf"[^0-9{re.escape(decimal)}]", "").str.replace(decimal, ".", literal=True)
    numbers = _finite((plain + parts.get_column("power").fill_null("")).cast(pl.Float64, strict=False))
    signs = parts.select(
        pl.sum_horizontal(pl.col(name).is_not_null().cast(pl.Int8) for name in ("sign", "inner", "behind", "open")),
        negative=pl.any_horizontal(
            pl.col("open").is_not_null(),
            *(pl.col(name).is_not_null() & (pl.col(name) != "+") for name in ("sign", "inner", "behind")),
        ),
        paired=pl.col("open").is_null() == pl.col("close").is_null(),
    )
    usable = (signs.to_series(0) <= 1) & signs.get_column("paired")
    numbers = numbers.set(~usable, None)
    return pl.select(pl.when(signs.get_column("negative")).then(-numbers).otherwise(numbers)).to_series()
