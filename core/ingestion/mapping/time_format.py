"""How a log writes its times: the named forms, and the strptime formats that say enough."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

AUTO: Final = "auto"
"""Date and time of day as ISO 8601 writes them, with a blank or a T between and any fraction of a second; an offset
like +02:00, Z or UTC may follow."""

EPOCHS: Final = {"epoch_seconds": 1, "epoch_milliseconds": 1_000, "epoch_microseconds": 1_000_000}
"""Forms that count since 1970-01-01 00:00 UTC, and how many of their units a second has."""

_DIRECTIVES: Final = "YymbBdjaAHIpMSfz%"
"""Directives that mean the same on every machine: %c, %x and %X follow its language, %Z its time zone."""

_DATE_PARTS: Final = (
    ("the year", "%Y", ("Y", "y")),
    ("the month", "%m", ("m", "b", "B", "j")),
    ("the day", "%d", ("d", "j")),
)
"""A part of the date, its usual directive, and all directives that hold it."""

_SAMPLE: Final = datetime(2019, 11, 26, 17, 48, 59, tzinfo=UTC)
"""A moment whose parts all differ: the day can be no month, and the hour is past noon."""

_EXAMPLE: Final = "%d.%m.%Y %H:%M:%S"


def wanting_in(time_format: str) -> str:
    """What a time format must be and is not, as the end of "allowed is ..."; empty where nothing is wanting.

    A strptime format must tell the date, and the time of day at least to the hour; one of dates alone is allowed too.

    >>> wanting_in("%d.%m.%Y %H:%M"), wanting_in("epoch_seconds"), wanting_in("%Y-%m-%d")
    ('', '', '')
    >>> wanting_in("%H:%M:%S")
    'a format that tells the year (%Y), such as %d.%m.%Y %H:%M:%S'
    """
    if time_format == AUTO or time_format in EPOCHS:
        return ""
    directives = [part for part in _directives(time_format) if part != "%"]
    if not directives:
        return f"{AUTO}, {', '.join(EPOCHS)} or a format such as {_EXAMPLE}"
    unknown = [part for part in directives if not part or part not in _DIRECTIVES]
    if unknown:
        return f"a format made of {', '.join(f'%{part}' for part in _DIRECTIVES)}, such as {_EXAMPLE}"
    if len(set(directives)) < len(directives):
        return f"a format that tells each part once, such as {_EXAMPLE}"
    return _wanting_in_parts(time_format, set(directives))


def tells_time_of_day(time_format: str) -> bool:
    """Whether times in this format say more than a date.

    >>> tells_time_of_day("auto"), tells_time_of_day("%d.%m.%Y")
    (True, False)
    """
    return time_format == AUTO or time_format in EPOCHS or bool({"H", "I"} & set(_directives(time_format)))


def _directives(time_format: str) -> list[str]:
    return re.findall(r"%(.?)", time_format, re.DOTALL)


def _wanting_in_parts(time_format: str, directives: set[str]) -> str:
    for part, usual, holders in _DATE_PARTS:
        held = directives.intersection(holders)
        if not held:
            return f"a format that tells {part} ({usual}), such as {_EXAMPLE}"
        if len(held) > 1:
            return f"a format that tells {part} once, such as {_EXAMPLE}"
    clock = directives & set("HIpMSf")
    if {"H", "I"} <= clock or ("I" in clock) != ("p" in clock):
        return f"a format with %H, or with %I and %p, such as {_EXAMPLE}"
    for finer, coarser in (("M", "HI"), ("S", "M"), ("f", "S"), ("z", "M")):
        if finer in directives and not clock & set(coarser):
            return f"a format that tells %{coarser[0]} where it tells %{finer}, such as {_EXAMPLE}"
    return "" if _reads_what_it_writes(time_format) else f"a format that reads what it writes, such as {_EXAMPLE}"


def _reads_what_it_writes(time_format: str) -> bool:
    to = "%Y-%m-%d %H" if tells_time_of_day(time_format) else "%Y-%m-%d"
    try:
        read = datetime.strptime(_SAMPLE.strftime(time_format), time_format)
    except ValueError:
        return False
    return read.strftime(to) == _SAMPLE.strftime(to)
