"""Guess the format of event times.

ISO 8601 and epochs are matched in all times. The other formats are parsed, which is slow, so they are tried on a sample
of distinct times.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Final

from core.ingestion.mapping.log_column import MIN_SHARE
from core.ingestion.mapping.time_format import AUTO, EPOCHS, HALF_OF_DAY, ZONE_NAME, has_time_of_day

_EARLIEST, _LATEST = (datetime(year, 1, 1, tzinfo=UTC).timestamp() for year in (1990, 2100))
"""In epoch seconds. Events of online shops are in between, most ids are not."""
_N_EXAMPLES: Final = 20
"""Distinct times that decide which formats are tried."""
_MAX_PARSED: Final = 500
"""Distinct times parsed with each format: enough to include days above 12 and hours after noon."""
_COMPACT: Final = {14: "%Y%m%d%H%M%S", 12: "%Y%m%d%H%M", 8: "%Y%m%d"}
"""Number of digits -> format of times without separators."""
_DATE_FORMATS: Final = (
    *("%d.%m.%Y", "%d.%m.%y", "%m/%d/%Y", "%d/%m/%Y", "%m/%d/%y", "%d/%m/%y"),
    *("%Y/%m/%d", "%Y-%m-%d", "%Y.%m.%d", "%d-%m-%Y", "%m-%d-%Y"),
    *("%d %b %Y", "%d %B %Y", "%d-%b-%Y", "%d-%b-%y", "%d/%b/%Y", "%b %d, %Y", "%B %d, %Y"),
    *("%a, %d %b %Y", "%A, %d %B %Y", "%A, %B %d, %Y"),
)
"""Of several formats that parse equally many times, the first is chosen."""
_CLOCK_FORMATS: Final = ("%H:%M", "%H:%M:%S", "%H:%M:%S.%f", "%I:%M %p", "%I:%M:%S %p", "%H")
_SEPARATORS: Final = (" ", "T", ", ", ":")
_OFFSETS: Final = ("", " %z", "%z")
"""A time is a date, a separator and a clock; an offset may follow."""
_DIRECTIVE_PATTERNS: Final = {
    **dict.fromkeys("mdHI", r"\d{1,2}"),
    **dict.fromkeys("yMS", r"\d\d"),
    "Y": r"\d{4}",
    "a": r"[A-Za-z]{3}",
    "A": r"[A-Za-z]{6,9}",
    "b": r"[A-Za-z]{3}",
    "B": r"[A-Za-z]{3,9}",
    "f": r"\d{1,6}",
    "p": r"[AaPp][Mm]",
    "z": r"[+-]\d\d:?\d\d",
}
"""Directive -> regular expression. Matching is much faster than parsing with each format."""
_ISO: Final = re.compile(
    r"(\d{4}-\d\d-\d\d[ T]\d\d:\d\d|\d{8}T\d{4}(?=\d\d))"
    r"(:?\d\d([.,]\d+)?(\s?(?P<offset>UTC|GMT|Z|[+-]\d\d(:?\d\d)?))?)?",
    re.A | re.I,
)
"""ISO 8601, extended or basic. It accepts months above 12, so `_is_iso` also parses the time."""
_TO_MINUTES: Final = len("2026-01-31T12:34")
"""Characters of a time in extended ISO 8601 up to its minutes."""
_CLOCK: Final = re.compile(r"([01]?\d|2[0-3]):[0-5]\d(:[0-5]\d([.,]\d+)?)?( ?[AaPp][Mm])?", re.A)
"""A time of day without a date."""


@dataclass(frozen=True)
class TimeGuess:
    """A time format and its uncertainties.

    Attributes:
        time_format: time format as in a mapping.
        is_swappable: whether day and month could be swapped, because no day is above 12.
        has_offset: whether the times have an offset from UTC.
    """

    time_format: str
    is_swappable: bool
    has_offset: bool

    @property
    def description(self) -> str:
        """Completes "Column x contains ..."."""
        if self.time_format in EPOCHS:  # counted from 1970 in UTC, so neither days nor offsets are doubtful
            return f"{self.time_format.removeprefix('epoch_')} since 1970"
        text = "ISO 8601 times" if self.time_format == AUTO else f"times in the format {self.time_format}"
        if self.is_swappable:
            text += " (day and month could be swapped, because no day is above 12)"
        if not has_time_of_day(self.time_format):
            text += ", without a time of day"
        return text if self.has_offset else f"{text}; they have no offset and are read as UTC"


def guess_time_format(times: Sequence[str]) -> TimeGuess | None:
    """Return the format of nearly all times; None if there is none.

    If day and month could be swapped, the format with the shorter time span is chosen.

    >>> guess_time_format(["31.12.2024 23:59"]).time_format
    '%d.%m.%Y %H:%M'
    """
    if not times:
        return None
    if read_share(times, AUTO) >= MIN_SHARE:
        n_offsets = sum(map(_has_offset, times))
        return TimeGuess(AUTO, is_swappable=False, has_offset=n_offsets > len(times) / 2)
    for epoch in EPOCHS:
        if read_share(times, epoch) >= MIN_SHARE:
            return TimeGuess(epoch, is_swappable=False, has_offset=True)
    sample = _distinct_sample(times)
    shares = _shares_by_format(sample)
    highest_share = max(shares.values(), default=0.0)
    if highest_share < MIN_SHARE:
        return None
    formats = [time_format for time_format, share in shares.items() if share == highest_share]
    chosen, swapped = formats[0], _swap_day_and_month(formats[0])
    is_swappable = swapped in formats
    if is_swappable:
        chosen = min((chosen, swapped), key=lambda time_format: _span(sample, time_format))
    return TimeGuess(chosen, is_swappable=is_swappable, has_offset="%z" in chosen)


def is_time_of_day(texts: Sequence[str]) -> bool:
    """Return whether nearly all texts are times of day without a date; false if there are no texts.

    >>> is_time_of_day(["18:58:50", "9:05"]), is_time_of_day(["2025-06-02 18:58"])
    (True, False)
    """
    return bool(texts) and sum(_CLOCK.fullmatch(text) is not None for text in texts) >= MIN_SHARE * len(texts)


def best_format(times: Sequence[str]) -> str | None:
    """Return the time format, as in a mapping, that reads most of the times; None if no format reads any of them.

    >>> best_format(["2025-03-24 18:58", "24.03.2025 18:58", "25.03.2025 19:10"])
    '%d.%m.%Y %H:%M'
    """
    if not times:
        return None
    sample = _distinct_sample(times)
    shares = {time_format: read_share(sample, time_format) for time_format in (AUTO, *EPOCHS)}
    shares |= _shares_by_format(sample)
    best = max(shares, key=shares.__getitem__)
    return best if shares[best] > 0 else None


def read_share(times: Sequence[str], time_format: str) -> float:
    """Return the share of texts that are times in this format; 1 if there are no texts."""
    if not times:
        return 1.0
    if time_format == AUTO:
        return sum(_is_iso(text) for text in times) / len(times)
    if time_format in EPOCHS:
        return sum(_is_epoch(text, EPOCHS[time_format]) for text in times) / len(times)
    return _parsed_share(_distinct_sample(times), time_format)


def _shares_by_format(sample: Sequence[str]) -> dict[str, float]:
    """Return format -> share of the sample that it parses, for the formats that the first times look like."""
    plausible = dict.fromkeys(time_format for time in sample[:_N_EXAMPLES] for time_format in _formats_like(time))
    return {time_format: _parsed_share(sample, time_format) for time_format in plausible}


def _distinct_sample(times: Sequence[str]) -> list[str]:
    """Return the first `_MAX_PARSED` distinct times, as strptime parses them."""
    return list(dict.fromkeys(map(_plain, islice(dict.fromkeys(times), _MAX_PARSED))))


def _plain(time: str) -> str:
    """Return a time as strptime parses it: with AM or PM without dots, and an offset in digits."""
    return re.sub(r"(?<=\d)(\s?)(UTC|GMT)$", r"\1+00:00", re.sub(HALF_OF_DAY, r"\1\2m\3", time))


def _has_offset(text: str) -> bool:
    """Return whether a time in ISO 8601 says how far it is from UTC."""
    if re.search(ZONE_NAME, text):
        return True
    iso = _ISO.fullmatch(text)
    return iso is not None and iso["offset"] is not None


def _is_iso(text: str) -> bool:
    """Return whether a text is a time in ISO 8601, extended or basic, whose date and clock exist."""
    text = re.sub(ZONE_NAME, "", text).upper()
    if _ISO.fullmatch(text) is None:
        return False
    extended = re.sub(r"^(\d{4})(\d\d)(\d\d)T(\d\d)", r"\1-\2-\3T\4:", text)
    minutes = extended[:_TO_MINUTES].replace("T", " ")
    return _parse(minutes, "%Y-%m-%d %H:%M") is not None


def _is_epoch(text: str, per_second: int) -> bool:
    is_number = re.fullmatch(r"\d{9,19}(\.\d{1,9})?", text, re.A) is not None
    return is_number and _EARLIEST * per_second <= float(text) < _LATEST * per_second


def _formats_like(text: str) -> Iterator[str]:
    """Yield the formats of dates, or of dates and times, that a text looks like."""
    if text.isascii() and text.isdigit() and len(text) in _COMPACT:
        yield _COMPACT[len(text)]
    for date, date_pattern in _DATE_PATTERNS.items():
        match = date_pattern.match(text)
        if match is None:
            continue
        after_date = text[match.end() :]
        if not after_date:
            yield date
        for separator in filter(after_date.startswith, _SEPARATORS):
            time = after_date.removeprefix(separator)
            clocks = (clock for clock, pattern in _CLOCK_PATTERNS.items() if pattern.fullmatch(time))
            yield from (f"{date}{separator}{clock}" for clock in clocks)


def _pattern(time_format: str) -> re.Pattern[str]:
    parts = re.split(r"%(.)", time_format)  # text and directives alternate
    patterns = (re.escape(part) if index % 2 == 0 else _DIRECTIVE_PATTERNS[part] for index, part in enumerate(parts))
    return re.compile("".join(patterns), re.A)


_DATE_PATTERNS: Final = {date: _pattern(date) for date in _DATE_FORMATS}
_CLOCK_PATTERNS: Final = {
    clock + offset: _pattern(clock + offset)
    for clock in _CLOCK_FORMATS
    for offset in _OFFSETS
    if "%M" in clock or not offset
}


def _parsed_share(times: Sequence[str], time_format: str) -> float:
    return sum(_parse(text, time_format) is not None for text in times) / len(times)


def _parse(text: str, time_format: str) -> datetime | None:
    """Return the local time, without the offset; None if the text has another format."""
    try:
        return datetime.strptime(text, time_format).replace(tzinfo=None) if text.isascii() else None
    except ValueError:
        return None


def _swap_day_and_month(time_format: str) -> str:
    return re.sub("%[dm]", lambda match: "%m" if match.group() == "%d" else "%d", time_format)


def _span(times: Sequence[str], time_format: str) -> timedelta:
    parsed = [time for time in (_parse(text, time_format) for text in times) if time is not None]
    return max(parsed) - min(parsed)
