"""Finds out how times are written from how they look."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Final

from core.ingestion.mapping.log_column import MOSTLY
from core.ingestion.mapping.time_format import AUTO, EPOCHS, tells_time_of_day

_EARLIEST, _LATEST = 631_152_000, 4_102_444_800  # 1990 and 2100 as epoch seconds: what shops log lies between
_FIRST_FEW: Final = 20  # times that say which formats are worth trying on all
_MOST_TRIED: Final = 500  # distinct times parsed by each format: a log of half a day or more has every kind of hour
_COMPACT: Final = {14: "%Y%m%d%H%M%S", 12: "%Y%m%d%H%M", 8: "%Y%m%d"}
"""Digits only: their number -> the format."""
_DATES: Final = (
    "%d.%m.%Y",
    "%d.%m.%y",
    "%m/%d/%Y",
    "%d/%m/%Y",
    "%m/%d/%y",
    "%d/%m/%y",
    "%Y/%m/%d",
    "%Y-%m-%d",
    "%Y.%m.%d",
    "%d-%m-%Y",
    "%m-%d-%Y",
    "%d %b %Y",
    "%d %B %Y",
    "%d-%b-%Y",
    "%d-%b-%y",
    "%d/%b/%Y",
    "%b %d, %Y",
    "%B %d, %Y",
)
_CLOCKS: Final = ("%H:%M", "%H:%M:%S", "%H:%M:%S.%f", "%I:%M %p", "%I:%M:%S %p", "%H")
_BETWEEN: Final = (" ", "T", ", ", ":")
_OFFSETS: Final = ("", " %z", "%z")
_LOOKS_LIKE: Final = {
    "Y": r"\d{4}",
    "y": r"\d\d",
    "m": r"\d{1,2}",
    "d": r"\d{1,2}",
    "b": r"[A-Za-z]{3}",
    "B": r"[A-Za-z]{3,9}",
    "H": r"\d{1,2}",
    "I": r"\d{1,2}",
    "M": r"\d\d",
    "S": r"\d\d",
    "f": r"\d{1,6}",
    "p": r"[AaPp][Mm]",
    "z": r"[+-]\d\d:?\d\d",
}
_ISO: Final = re.compile(
    r"(\d{4}-\d\d-\d\d[ T]\d\d:\d\d|\d{8}T\d{4}(?=\d\d))(:?\d\d([.,]\d+)?(\s?(UTC|GMT|Z|[+-]\d\d(:?\d\d)?))?)?",
    re.A | re.I,
)
_OFFSET_AT_END: Final = re.compile(r"(UTC|GMT|Z|[+-]\d\d(:?\d\d)?)$", re.I)


@dataclass(frozen=True)
class TimeForm:
    """A form of times: as a mapping's `time_format`, and in words that go on "its cells are ..."."""

    time_format: str
    words: str


def time_form(times: Sequence[str]) -> TimeForm | None:
    """The form that nearly all of these texts have; None where there is none, or no text.

    Where day and month could be the other way round, the form with the shorter span of time is taken, and the words
    say so.
    """
    if not times:
        return None
    if read_share(times, AUTO) >= MOSTLY:
        return TimeForm(AUTO, f"ISO times{_zone_words(times, AUTO)}")
    for name in EPOCHS:
        if read_share(times, name) >= MOSTLY:
            return TimeForm(name, f"{name.removeprefix('epoch_')} since 1970")
    tried = list(islice(dict.fromkeys(times), _MOST_TRIED))
    shares = {form: _share(tried, form) for form in _worth_trying(tried[:_FIRST_FEW])}
    best = max(shares.values(), default=0.0)
    forms = [form for form, share in shares.items() if share == best >= MOSTLY]
    if not forms:
        return None
    return _told(
        min(forms, key=lambda form: _span(tried, form)) if _turned(forms[0]) in forms else forms[0], forms, tried
    )


def read_share(times: Sequence[str], time_format: str) -> float:
    """Share of the texts that are times of this form; 1 where there are none."""
    if not times:
        return 1.0
    if time_format == AUTO:
        return sum(_is_iso(text) for text in times) / len(times)
    if time_format in EPOCHS:
        return sum(_is_epoch(text, EPOCHS[time_format]) for text in times) / len(times)
    return _share(list(islice(dict.fromkeys(times), _MOST_TRIED)), time_format)


def _told(time_format: str, forms: Sequence[str], times: Sequence[str]) -> TimeForm:
    words = f"times of the form {time_format}"
    if _turned(time_format) in forms:
        words += " (day and month could be the other way round: no day is above 12)"
    if not tells_time_of_day(time_format):
        words += ", which tells no time of day"
    return TimeForm(time_format, words + _zone_words(times, time_format))


def _zone_words(times: Sequence[str], time_format: str) -> str:
    tells_offset = "%z" in time_format or (time_format == AUTO and _OFFSET_AT_END.search(times[0][16:]) is not None)
    return "" if tells_offset else "; they name no offset and are taken as UTC"


def _is_iso(text: str) -> bool:
    minutes = re.sub(r"^(\d{4})(\d\d)(\d\d)T(\d\d)", r"\1-\2-\3 \4:", text.upper())[:16].replace("T", " ")
    return _ISO.fullmatch(text) is not None and _moment(minutes, "%Y-%m-%d %H:%M") is not None


def _is_epoch(text: str, per_second: int) -> bool:
    if re.fullmatch(r"\d{9,17}(\.\d{1,9})?", text, re.A) is None:
        return False
    return _EARLIEST * per_second <= float(text) < _LATEST * per_second


def _worth_trying(times: Iterable[str]) -> list[str]:
    """The formats that one of the texts looks like, each once."""
    forms: dict[str, None] = {}
    for text in times:
        if text.isascii() and text.isdigit() and len(text) in _COMPACT:
            forms[_COMPACT[len(text)]] = None
        else:
            forms.update(dict.fromkeys(_forms_like(text)))
    return list(forms)


def _forms_like(text: str) -> Iterator[str]:
    for date, date_pattern in _DATE_PATTERNS.items():
        found = date_pattern.match(text)
        if found is None:
            continue
        rest = text[found.end() :]
        if not rest:
            yield date
        for between in _BETWEEN:
            if rest.startswith(between):
                after = rest[len(between) :]
                yield from (
                    f"{date}{between}{clock}" for clock, pattern in _CLOCK_PATTERNS.items() if pattern.fullmatch(after)
                )


def _pattern(form: str) -> re.Pattern[str]:
    parts = re.split(r"%(.)", form)
    return re.compile(
        "".join(re.escape(part) if at % 2 == 0 else _LOOKS_LIKE[part] for at, part in enumerate(parts)), re.A
    )


_DATE_PATTERNS: Final = {date: _pattern(date) for date in _DATES}
_CLOCK_PATTERNS: Final = {
    clock + offset: _pattern(clock + offset) for clock in _CLOCKS for offset in _OFFSETS if "%M" in clock or not offset
}


def _share(times: Sequence[str], time_format: str) -> float:
    return sum(_moment(text, time_format) is not None for text in times) / len(times)


def _moment(text: str, time_format: str) -> datetime | None:
    """The moment that a text tells, without its offset; None where it has another form."""
    try:
        return datetime.strptime(text, time_format).replace(tzinfo=None) if text.isascii() else None
    except ValueError:
        return None


def _turned(time_format: str) -> str:
    """The same format with day and month in each other's place."""
    return re.sub("%[dm]", lambda found: "%m" if found.group() == "%d" else "%d", time_format)


def _span(times: Sequence[str], time_format: str) -> timedelta:
    moments = [moment for moment in (_moment(text, time_format) for text in times) if moment is not None]
    return max(moments) - min(moments)
