"""Formats of event times: `auto` for ISO 8601, four named formats for epoch times, and strptime formats."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

AUTO: Final = "auto"
"""ISO 8601 date and time, separated by a blank or T. A fraction of a second and an offset may follow."""

ISO_DATE: Final = "%Y-%m-%d"
OWN_TIME_FORMATS: Final = (AUTO, ISO_DATE, "%d.%m.%Y")
"""Formats of own columns of times, besides the format of the log."""
EPOCHS: Final = {
    "epoch_seconds": 1,
    "epoch_milliseconds": 1_000,
    "epoch_microseconds": 1_000_000,
    "epoch_nanoseconds": 1_000_000_000,
}
"""Format of epoch times -> units per second."""

ROUNDED_TIME: Final = r"^[+-]?\d([.,]\d{0,8})?[eE]\+?\d+$"
"""Regular expression of epoch times whose seconds are lost, such as the 1.74E+12 of spreadsheets. An epoch time has ten
digits or more before its seconds are complete."""

HALF_OF_DAY: Final = r"(^|[^A-Za-z])([AaPp])\.?\s?[Mm]\.?($|[^A-Za-z])"
"""Regular expression of the half of the day in all its spellings, such as p.m. or the "p. m." of Spanish spreadsheets.
Its groups are what is before it, its first letter, and what is after it."""

ZONE_NAME: Final = r"\s?[\s\[]([A-Z][A-Za-z_]*(?:/[A-Za-z0-9_+-]+){1,2})\]?\s*$"
"""Regular expression of the name of a time zone at the end of a time, such as Europe/Berlin or [Europe/Berlin]."""

_DIRECTIVES: Final = "YymbBdjaAHIpMSfz%"
"""Directives with the same meaning on every machine. %c, %x and %X depend on the language, %Z on the time zone."""

_DATE_PARTS: Final = (
    ("the year", "%Y", ("Y", "y")),
    ("the month", "%m", ("m", "b", "B", "j")),
    ("the day", "%d", ("d", "j")),
)
"""Part of a date, its usual directive, and all directives that contain it."""

_SAMPLE: Final = datetime(2019, 11, 26, 17, 48, 59, tzinfo=UTC)
"""All parts differ, the day is not a valid month, and the hour is past noon, so a swapped or missing part shows."""

_EXAMPLE: Final = "%d.%m.%Y %H:%M:%S"


def required_change(time_format: str) -> str:
    """Return what a time format should be instead, to complete "Allowed: ..."; empty if it is valid.

    A strptime format must contain the whole date. It may leave out the time of day, but minutes need an hour.

    >>> required_change("%d.%m.%Y %H:%M"), required_change("epoch_seconds"), required_change("%Y-%m-%d")
    ('', '', '')
    >>> required_change("%H:%M:%S")
    'a format with the year (%Y), such as %d.%m.%Y %H:%M:%S'
    """
    if time_format == AUTO or time_format in EPOCHS:
        return ""
    directives = [directive for directive in _directives(time_format) if directive != "%"]
    if not directives:
        return f"{AUTO}, {', '.join(EPOCHS)} or a format such as {_EXAMPLE}"
    if any(not directive or directive not in _DIRECTIVES for directive in directives):
        return f"a format made of {', '.join(f'%{directive}' for directive in _DIRECTIVES)}, such as {_EXAMPLE}"
    if len(set(directives)) < len(directives):
        return f"a format with each part once, such as {_EXAMPLE}"
    return _required_parts(time_format, set(directives))


def has_time_of_day(time_format: str) -> bool:
    """Return whether times in this format have a time of day.

    >>> has_time_of_day("auto"), has_time_of_day("%d.%m.%Y")
    (True, False)
    """
    return time_format == AUTO or time_format in EPOCHS or bool({"H", "I"} & set(_directives(time_format)))


def shortest_time(time_format: str) -> int:
    """Return a lower bound of the length of a time in this format, in characters.

    >>> shortest_time("auto"), shortest_time("%d.%m.%Y")
    (13, 5)
    """
    if time_format == AUTO:
        return len("20250619T1023")
    if time_format in EPOCHS:
        return 9  # seconds since 1970 in the first years of online shops
    return len(re.sub("%.", "_", time_format))


def _directives(time_format: str) -> list[str]:
    return re.findall(r"%(.?)", time_format, re.DOTALL)


def _required_parts(time_format: str, directives: set[str]) -> str:
    for part, usual, alternatives in _DATE_PARTS:
        present = directives.intersection(alternatives)
        if not present:
            return f"a format with {part} ({usual}), such as {_EXAMPLE}"
        if len(present) > 1:
            return f"a format with {part} once, such as {_EXAMPLE}"
    clock = directives & set("HIpMSf")
    if {"H", "I"} <= clock or ("I" in clock) != ("p" in clock):
        return f"a format with %H, or with %I and %p, such as {_EXAMPLE}"
    for finer, coarser in (("M", "HI"), ("S", "M"), ("f", "S"), ("z", "M")):
        if finer in directives and not clock & set(coarser):
            return f"a format with %{coarser[0]} in addition to %{finer}, such as {_EXAMPLE}"
    return "" if _parses_its_own_output(time_format) else f"a format that can parse its own output, such as {_EXAMPLE}"


def _parses_its_own_output(time_format: str) -> bool:
    precision = "%Y-%m-%d %H" if has_time_of_day(time_format) else "%Y-%m-%d"
    try:
        parsed = datetime.strptime(_SAMPLE.strftime(time_format), time_format)
    except ValueError:
        return False
    return parsed.strftime(precision) == _SAMPLE.strftime(precision)
