"""Numbers, durations, counts and lists as text for people, and words compared regardless of letter case.

Numbers have thousands separators. Missing values (None or NaN) are shown as a dash. The marks in numbers are those of
the current format (`core.base.number_format`); amounts of money are written by `core.base.amounts`.
"""

from __future__ import annotations

import datetime
import math
import re
import unicodedata
from collections.abc import Iterable

from core.base.number_format import current_format

MISSING = "–"
_EXPONENT_FROM = 1e15
"""Floats from here on are written with an exponent. A double of 1e16 or more cannot hold each whole number, so its last
digits mean nothing."""
_MAX_DECIMALS = 10
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_DOTTED_AND_DOTLESS_I = str.maketrans("İIı", "iii")


def number(value: float | int | None) -> str:
    """Return a number rounded to three significant digits; digits before the decimal point are all kept.

    >>> number(1234.5), number(42.196), number(0.04567), number(30789), number(None), number(-3.14159)
    ('1,234', '42.2', '0.0457', '30,789', '–', '-3.14')
    """
    if value is None or math.isnan(value):
        return MISSING
    if isinstance(value, int) or value == 0:
        return fixed(value, 0)
    return fixed(value, _decimals(value, 3))


def _decimals(value: float, n_digits: int) -> int:
    """Return the number of decimals that shows a value other than 0 with so many significant digits."""
    if math.isinf(value):
        return 0
    rounded = abs(float(f"{value:.{n_digits}g}"))  # rounding can add a digit: 9.996 becomes 10.0
    magnitude = math.floor(math.log10(rounded))
    return min(max(0, n_digits - 1 - magnitude), _MAX_DECIMALS)


def fixed(value: float, decimals: int) -> str:
    """Return a number with a fixed number of decimals. A float with too many digits to read has an exponent instead.

    >>> fixed(0.98765, 2), fixed(1e300, 2)
    ('0.99', '1e+300')
    """
    if abs(value) >= _EXPONENT_FROM and not isinstance(value, int):
        return f"{value:.3g}"
    return current_format().localized(f"{value:z,.{decimals}f}")


def whole(value: float) -> str:
    """Return a whole number with thousands separators.

    >>> whole(1234567)
    '1,234,567'
    """
    return fixed(value, 0)


def estimate(value: float, standard_error: float | None) -> str:
    """Return a number with its standard error, both rounded to two significant digits of the error.

    Without a positive error, return the number alone.

    >>> estimate(53.81, 4.76), estimate(0.969, 1.853), estimate(1234.5, 250.0), estimate(2.5, None), estimate(2.5, 0.0)
    ('53.8 ± 4.8', '1.0 ± 1.9', '1,234 ± 250', '2.50', '2.50')
    """
    if standard_error is None or not standard_error > 0 or math.isnan(value):
        return number(value)
    decimals = _decimals(standard_error, 2)
    return f"{fixed(value, decimals)} ± {fixed(standard_error, decimals)}"


def percent(share: float | None) -> str:
    """Return a share from 0 to 1 as a percentage.

    >>> percent(0.1236), percent(0.0), percent(None)
    ('12.4%', '0.0%', '–')
    """
    if share is None or math.isnan(share):
        return MISSING
    return current_format().localized(f"{share:z.1%}")  # z: 0.0% instead of -0.0%


def span(low: str, high: str) -> str:
    """Return two formatted numbers as a span; one number if they are shown as equal.

    >>> span("5.00", "7.25"), span("5.00", "5.00")
    ('5.00 to 7.25', '5.00')
    """
    return low if low == high else f"{low} to {high}"


def interval_text(low: float, high: float | None) -> str:
    """Return an interval as text; `high` is None or infinite if it has no upper end.

    >>> interval_text(5.0, 12.5), interval_text(5.0, None)
    ('5.00 to 12.5', 'at least 5.00')
    """
    return f"at least {number(low)}" if high is None or math.isinf(high) else span(number(low), number(high))


def difference(value: float, other: float, *, lower: str = "lower", higher: str = "higher", equal: str) -> str:
    """Return the relative difference of two values as text that precedes "than"; `equal` if there is no difference.

    Args:
        value: the value to describe.
        other: the reference, which is 100%.
        lower: adjective for a value below the reference.
        higher: adjective for a value above the reference.
        equal: returned if the values differ by less than 0.05%.

    >>> difference(90.0, 100.0, equal=""), difference(110.0, 100.0, higher="worse", equal="")
    ('10.0% lower', '10.0% worse')
    >>> difference(1.0, 1.00001, equal="equal")
    'equal'
    """
    share = abs(value / other - 1) if other else float(value != 0)
    if percent(share) == percent(0.0):  # the texts are compared, so that "0.0% lower" is never shown
        return equal
    return f"{percent(share)} {lower if value < other else higher}"


def duration(seconds: float) -> str:
    """Return a duration in seconds as text with one or two units.

    >>> duration(8.4), duration(75), duration(3700), duration(360_000)
    ('8 s', '1 min 15 s', '1 h 2 min', '100 h 0 min')
    """
    rounded = round(seconds)
    if rounded < 60:
        return f"{rounded} s"
    if rounded < 3600:
        return f"{rounded // 60} min {rounded % 60} s"
    minutes = round(rounded / 60)
    return f"{whole(minutes // 60)} h {minutes % 60} min"


def size(n_bytes: int) -> str:
    """Return a size with a unit.

    >>> [size(0), size(999), size(1_500), size(2_340_000_000)]
    ['0 B', '999 B', '1.5 kB', '2.3 GB']
    >>> size(999_950)
    '1.0 MB'
    """
    if n_bytes < 1000:
        return f"{n_bytes} B"
    amount, unit = n_bytes / 1000, "kB"
    for larger_unit in ("MB", "GB", "TB"):
        if round(amount, 1) < 1000:
            break
        amount, unit = amount / 1000, larger_unit
    return f"{fixed(amount, 1)} {unit}"


def short_duration(seconds: float) -> str:
    """Return an estimated duration in seconds as text with one unit; below ten minutes, to half a minute.

    >>> short_duration(8.4), short_duration(59.7), short_duration(89), short_duration(3599), short_duration(5400)
    ('8 s', '1 min', '1.5 min', '1 h', '1.5 h')
    """
    if round(seconds) < 60:
        return f"{max(1, round(seconds))} s"
    minutes = seconds / 60
    rounded = round(2 * minutes) / 2 if minutes < 10 else round(minutes)
    if rounded < 60:
        return f"{current_format().localized(f'{rounded:g}')} min"
    hours = fixed(seconds / 3600, 1).removesuffix(f"{current_format().decimal}0")
    return f"{hours} h"


def count(amount: int, noun: str, plural: str = "") -> str:
    """Return an amount with its noun.

    >>> count(1, "session"), count(1500, "session"), count(0, "category", "categories")
    ('1 session', '1,500 sessions', '0 categories')
    """
    return f"{whole(amount)} {noun_form(amount, noun, plural)}"


def noun_form(amount: int, noun: str, plural: str = "") -> str:
    """Return the noun in the singular or plural, without the amount.

    >>> noun_form(1, "column"), noun_form(2, "column"), noun_form(2, "category", "categories")
    ('column', 'columns', 'categories')
    """
    return noun if amount == 1 else plural or f"{noun}s"


def verb(amount: int, singular: str, plural: str) -> str:
    """Return the form of the verb that agrees with an amount.

    >>> verb(1, "has", "have"), verb(0, "has", "have")
    ('has', 'have')
    """
    return singular if amount == 1 else plural


def time_text(seconds: int) -> str:
    """Return a time in epoch seconds as text, in UTC.

    >>> time_text(1_748_865_600)
    '2025-06-02 12:00:00 UTC'
    """
    return f"{_utc(seconds)} UTC"


def day_of(seconds: int) -> datetime.date:
    """Return the day of a time in epoch seconds, in UTC."""
    return _utc(seconds).date()


def _utc(seconds: int) -> datetime.datetime:
    """Return a time in UTC without a time zone, so that its text has no offset."""
    return datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=seconds)


def listed(items: Iterable[object], max_items: int = 8, *, total: int | None = None, conjunction: str = "and") -> str:
    """Join items with commas and a final "and". Items after the first `max_items` are only counted.

    Args:
        total: number of items, if `items` contains only the first of them.
        conjunction: word before the last item, or before the number of items that are not shown.

    >>> listed(["a", "b", "c"]), listed(["a", "b"], conjunction="or"), listed(range(5), max_items=2), listed([])
    ('a, b and c', 'a or b', '0, 1 and 3 more', '')
    """
    texts = [str(item) for item in items]
    shown = texts[:max_items]
    n_more = (len(texts) if total is None else total) - len(shown)
    if n_more > 0:
        return f"{', '.join(shown)} {conjunction} {whole(n_more)} more"
    *first, last = shown or [""]
    return f"{', '.join(first)} {conjunction} {last}" if first else last


def shorten(text: str, length: int = 40) -> str:
    """Return the first `length` characters of a text from a file, and an ellipsis if it has more."""
    return text if len(text) <= length else f"{text[:length]}…"


def display(text: str, length: int = 40) -> str:
    r"""Return a text from a file for display: shortened, and with control characters escaped.

    >>> display("P12"), display("a\nb"), display("x" * 50) == "x" * 40 + "…"
    ('P12', 'a\\nb', True)
    """
    cut = shorten(text, length)
    return cut if cut.isprintable() else repr(cut)[1:-1]


def printable(text: str) -> str:
    r"""Return a text for a terminal, with all characters escaped that could control the terminal.

    Escaped are control characters except newline and tab, marks that change the direction of text, and halves of
    surrogate pairs, which cannot be printed. The escapes are also valid in JSON.

    >>> print(printable("P1\x1b[31m\n"), end="")
    P1\u001b[31m
    """
    return _UNPRINTABLE.sub(lambda match: f"\\u{ord(match.group()):04x}", text)


def fold_case(text: str) -> str:
    """Return a text in lower case and composed form, to compare words regardless of letter case.

    The dotted and dotless letters İ, I, ı and i are the same letter here, because Turkish programs and people pair them
    differently than others do: SATIN_ALMA is satın_alma, and VIEW may become vıew.

    >>> fold_case("SATIN_ALMA") == fold_case("satın_alma") == "satin_alma"
    True
    """
    return unicodedata.normalize("NFC", text).translate(_DOTTED_AND_DOTLESS_I).lower()
