"""Currency codes, and the currency signs that are written next to amounts."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

_SIGNS: Final = """
    $ € £ ¥ ₺ ₹ ₽ ₩ ₪ ₫ ₴ ₦ ₱ ₡ ฿ ₸ ₼ ₾ ﷼ US$ CA$ A$ C$ R$ S$ HK$ NZ$ MX$ NT$ kr kr. Kr zł Kč Ft lei лв руб. руб TL Fr
    Fr. Rs Rs."""
_CODES: Final = """
    AED ARS AUD BGN BHD BRL CAD CHF CLP CNY COP CZK DKK EGP EUR GBP HKD HUF IDR ILS INR ISK JOD JPY KRW KWD MAD MXN MYR
    NGN NOK NZD OMR PEN PHP PKR PLN QAR RON RSD RUB SAR SEK SGD THB TND TRY TWD UAH USD UYU VND ZAR"""
CURRENCY_PATTERN: Final = "|".join(re.escape(sign) for sign in sorted((_SIGNS + _CODES).split(), key=len, reverse=True))
"""Regular expression for a sign or code next to an amount. Longer ones come first, so that US$ is not read as $."""
_CODE_OF_SIGN: Final = {
    "€": "EUR", "£": "GBP", "₺": "TRY", "TL": "TRY", "₹": "INR", "RS": "INR", "RS.": "INR", "₽": "RUB", "РУБ": "RUB",
    "РУБ.": "RUB", "US$": "USD", "ZŁ": "PLN", "KČ": "CZK", "FT": "HUF", "R$": "BRL", "₩": "KRW", "₪": "ILS", "₴": "UAH",
    "CA$": "CAD", "C$": "CAD", "A$": "AUD", "HK$": "HKD", "NZ$": "NZD", "MX$": "MXN", "S$": "SGD", "NT$": "TWD",
}  # fmt: skip
"""Sign of a single currency, in upper case -> its code."""
_SHARED_SIGNS: Final = {
    "$": frozenset({"USD", "CAD", "AUD", "NZD", "HKD", "SGD", "TWD", "MXN", "ARS", "CLP", "COP", "UYU"}),
    "¥": frozenset({"JPY", "CNY"}),
    "KR": frozenset({"SEK", "NOK", "DKK", "ISK"}),
    "KR.": frozenset({"SEK", "NOK", "DKK", "ISK"}),
}
"""Sign of several currencies, in upper case -> their codes."""


def is_currency(text: str) -> bool:
    """Return whether a text is a currency: three letters, or a sign.

    >>> is_currency("eur"), is_currency("₺"), is_currency("euros")
    (True, True, False)
    """
    return re.fullmatch(rf"[A-Za-z]{{3}}|{CURRENCY_PATTERN}", text.strip()) is not None


def currency_code(sign: str) -> str:
    """Return the code of a sign in any letter case.

    A text that is already a code, or a sign that several currencies share, is returned as it is.

    >>> currency_code("Kč"), currency_code("KČ"), currency_code("$")
    ('CZK', 'CZK', '$')
    """
    return _CODE_OF_SIGN.get(sign.upper(), sign)


def different_currencies(currencies: Iterable[str]) -> list[str]:
    """Return the distinct currencies by code, in any letter case, sorted.

    A sign that several currencies share is left out if one of these currencies is present.

    >>> different_currencies(["$", "USD", "€", "EUR"])
    ['EUR', 'USD']
    >>> different_currencies(["$", "EUR"])
    ['$', 'EUR']
    """
    codes = {currency_code(currency.upper()) for currency in currencies}
    for sign, codes_of_sign in _SHARED_SIGNS.items():
        if codes & codes_of_sign:
            codes.discard(sign)
    return sorted(codes)
