"""How the numbers of a dataset are written: its currency, decimals, and the marks in numbers.

The format is a context variable, like the context of `decimal`. Code that shows texts about a dataset enters its format
with `using_format`. Functions that write a text read it through `core.base.text`. A new thread starts with the plain
format, so visitors and requests do not see each other's.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

UNIT: Final = "value units"
"""Unit of session values without a currency."""
SYMBOL_LENGTH: Final = 8
MAX_DECIMALS: Final = 4
_NARROW_SPACE: Final = "\u202f"
_NO_CURRENCY: Final = ",;:+-\"'<>*_~`[]|\\&#@=^"
"""Characters that would be markup on a page or a formula in a spreadsheet."""
Marks = Literal["1,234.5", "1.234,5", "1 234,5", "1 234.5", "1’234.5", "1234.5", "1234,5"]
_MARKS: Final[dict[Marks, tuple[str, str]]] = {
    "1,234.5": (",", "."),
    "1.234,5": (".", ","),
    "1 234,5": (_NARROW_SPACE, ","),
    "1 234.5": (_NARROW_SPACE, "."),
    "1’234.5": ("’", "."),
    "1234.5": ("", "."),
    "1234,5": ("", ","),
}
"""Example -> thousands mark and decimal mark."""
MARKS: Final = tuple(_MARKS)


class NumberFormat(BaseModel):
    """The currency of a dataset and the marks in its numbers. By default, values have no currency.

    Attributes:
        symbol: sign or code of the currency, such as "€" or "EUR"; empty for none.
        symbol_after: whether the symbol comes after the amount, with a space. Before the amount, a code has a space as
            well.
        decimals: decimals of every amount; None for three significant digits.
        marks: the marks, by example.
    """

    model_config = ConfigDict(frozen=True)

    symbol: str = Field(default="", max_length=SYMBOL_LENGTH)
    symbol_after: bool = False
    decimals: int | None = Field(default=None, ge=0, le=MAX_DECIMALS)
    marks: Marks = "1,234.5"

    @field_validator("symbol")
    @classmethod
    def _without_digits(cls, symbol: str) -> str:
        symbol = symbol.strip()
        if not symbol.isprintable() or any(letter.isdigit() or letter in _NO_CURRENCY for letter in symbol):
            raise ValueError("a currency is a sign such as € or a code such as EUR")
        return symbol

    @property
    def thousands(self) -> str:
        """The mark between groups of three digits; may be empty."""
        return _MARKS[self.marks][0]

    @property
    def decimal(self) -> str:
        """The mark before the decimals."""
        return _MARKS[self.marks][1]

    @property
    def unit(self) -> str:
        """The unit of session values: the currency, or "value units"."""
        return self.symbol or UNIT

    @property
    def squared_unit(self) -> str:
        """The unit of squared errors.

        >>> NumberFormat(symbol="€").squared_unit, NumberFormat().squared_unit
        ('€²', 'squared value units')
        """
        return f"{self.symbol}²" if self.symbol else f"squared {UNIT}"

    def localized(self, text: str) -> str:
        """Return a number in English form with the marks of this format.

        >>> NumberFormat(marks="1.234,5").localized("1,234.50")
        '1.234,50'
        """
        if self.marks == "1,234.5":
            return text
        return text.translate({ord(","): self.thousands, ord("."): self.decimal})

    def decimals_of(self, value: float) -> int | None:
        """Return how many decimals an amount has; None for three significant digits.

        An amount that would be rounded to 0 has significant digits instead, so that a small effect is not shown as 0.
        """
        if self.decimals is None or (value != 0 and abs(value) < 0.5 * 10**-self.decimals):
            return None
        return self.decimals

    def with_symbol(self, number: str) -> str:
        r"""Return a formatted number with the currency. A minus sign comes before the symbol.

        It is the sign −, because a spreadsheet takes a text with a leading hyphen for a formula.

        >>> NumberFormat(symbol="$").with_symbol("-5.20"), NumberFormat(symbol="kr", symbol_after=True).with_symbol("5")
        ('−$5.20', '5\xa0kr')
        """
        if not self.symbol:
            return number
        sign, digits = ("−", number[1:]) if number.startswith("-") else ("", number)
        if self.symbol_after:
            return f"{sign}{digits}\u00a0{self.symbol}"
        return f"{sign}{self.symbol}{chr(0xA0) if self.symbol[-1].isalpha() else ''}{digits}"


PLAIN: Final = NumberFormat()
_CURRENT: ContextVar[NumberFormat] = ContextVar("number_format", default=PLAIN)


def current_format() -> NumberFormat:
    """Return the format that texts are written in."""
    return _CURRENT.get()


def use_format(number_format: NumberFormat) -> None:
    """Set the number format for the rest of this thread, or until the end of the innermost `using_format`."""
    _CURRENT.set(number_format)


@contextmanager
def using_format(number_format: NumberFormat) -> Iterator[None]:
    """Use a number format for all texts that are written in the block.

    >>> with using_format(NumberFormat(symbol="€")):
    ...     current_format().unit
    '€'
    >>> current_format().unit
    'value units'
    """
    token = _CURRENT.set(number_format)
    try:
        yield
    finally:
        _CURRENT.reset(token)
