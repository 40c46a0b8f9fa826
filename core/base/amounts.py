"""Session values and errors as text for people, in the currency of the current format (`core.base.number_format`)."""

from __future__ import annotations

import math

from core.base.number_format import UNIT, current_format
from core.base.text import MISSING, estimate, fixed, number, span


def value_text(value: float | None) -> str:
    r"""Return a session value or an error in value units; with a currency, it has its sign and its decimals.

    >>> value_text(1234.5), value_text(None)
    ('1,234', '–')
    >>> from core.base.number_format import NumberFormat, using_format
    >>> with using_format(NumberFormat(symbol="€", symbol_after=True, decimals=2, marks="1.234,5")):
    ...     print(value_text(1234.5), value_text(-0.004))
    1.234,50\xa0€ −0,00400\xa0€
    """
    if value is None or math.isnan(value):
        return MISSING
    decimals = current_format().decimals_of(value)
    return current_format().with_symbol(number(value) if decimals is None else fixed(value, decimals))


def money(value: float | None) -> str:
    """Return a session value or an error with its unit, for its first mention in a sentence.

    >>> money(42.196), money(None)
    ('42.2 value units', '–')
    >>> from core.base.number_format import NumberFormat, using_format
    >>> with using_format(NumberFormat(symbol="$", decimals=2)):
    ...     print(money(42.196))
    $42.20
    """
    text = value_text(value)
    return text if text == MISSING or current_format().symbol else f"{text} {UNIT}"


def value_unit() -> str:
    """Return the unit of session values, for axes and headers: the currency, or "value units"."""
    return current_format().unit


def unit_text(unit: str) -> str:
    """Return a unit for people: "value units" and "squared value units" become those of the currency.

    >>> from core.base.number_format import NumberFormat, using_format
    >>> with using_format(NumberFormat(symbol="€")):
    ...     unit_text("value units"), unit_text("squared value units"), unit_text("seconds")
    ('€', '€²', 'seconds')
    """
    return unit.replace(f"squared {UNIT}", current_format().squared_unit).replace(UNIT, value_unit())


def value_estimate(value: float, standard_error: float | None) -> str:
    """Return an amount in value units with its standard error, like `estimate`.

    >>> from core.base.number_format import NumberFormat, using_format
    >>> with using_format(NumberFormat(symbol="€")):
    ...     value_estimate(53.81, 4.76), value_estimate(2.5, None)
    ('€53.8 ± 4.8', '€2.50')
    """
    if standard_error is None or not standard_error > 0 or math.isnan(value):
        return value_text(value)
    text = estimate(value, standard_error)
    currency = current_format()
    if currency.symbol and currency.symbol_after:
        return f"{text}\u00a0{currency.symbol}"
    mean, _, error = text.partition(" ± ")
    return f"{currency.with_symbol(mean)} ± {error}"


def value_interval(low: float | None, high: float | None) -> str:
    """Return an interval of amounts as text, like `interval_text`; a dash if there is none.

    >>> from core.base.number_format import NumberFormat, using_format
    >>> with using_format(NumberFormat(symbol="€")):
    ...     value_interval(5.0, 12.5), value_interval(5.0, None), value_interval(None, None)
    ('€5.00 to €12.5', 'at least €5.00', '–')
    """
    if low is None:
        return MISSING
    if high is None or math.isinf(high):
        return f"at least {value_text(low)}"
    return span(value_text(low), value_text(high))
