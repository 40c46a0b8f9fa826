"""Why the times of a column have no format that a mapping can name, and what to do about it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from core.ingestion.mapping.log_column import MIN_SHARE
from core.ingestion.mapping.refusals import short
from core.ingestion.mapping.time_format import AUTO, ROUNDED_TIME
from core.ingestion.mapping.time_guess import best_format, read_share

_SERIAL: Final = r"[2-7]\d{4}([.,]\d+)?$"
"""Regular expression of a spreadsheet's serial number of a day between 1954 and 2119, with its time as a fraction."""


def time_problem(column: str, times: Sequence[str]) -> str:
    """Return why times have no common format and what to do about it; empty if the reason is unknown.

    >>> time_problem("time", ["45740.79", "45741.5"]).split(", which")[0]
    'The times in column time are serial numbers of a spreadsheet'
    """
    if _nearly_all_match(ROUNDED_TIME, times):
        return (
            f"The times in column {column} have lost their last digits, as a spreadsheet writes them "
            f"({times[0]}). Export the log again without opening it in a spreadsheet."
        )
    if _nearly_all_match(_SERIAL, times):
        return (
            f"The times in column {column} are serial numbers of a spreadsheet, which count days ({short(times[0])}). "
            "Format the column as yyyy-mm-dd hh:mm:ss in the spreadsheet, and export the log again."
        )
    forms = _two_forms(times)
    if forms:
        described = " and ".join(f"{name} (such as {short(example)})" for name, example in forms)
        return (
            f"The times in column {column} have two formats: {described}. A mapping has one time_format. Write all "
            "times in one format, and export the log again."
        )
    return ""


def _nearly_all_match(pattern: str, texts: Sequence[str]) -> bool:
    return bool(texts) and sum(re.match(pattern, text) is not None for text in texts) >= MIN_SHARE * len(texts)


def _two_forms(times: Sequence[str]) -> list[tuple[str, str]]:
    """Return name and example of the two formats that together read nearly all times; empty if there are no such two.

    Both must be frequent: a few odd times are quarantined, and the others are read.
    """
    forms: list[tuple[str, str]] = []
    rest = list(times)
    for _ in range(2):
        time_format = best_format(rest)
        if time_format is None:
            return []
        parsed = [time for time in rest if read_share([time], time_format)]
        if len(parsed) <= (1 - MIN_SHARE) * len(times):
            return []
        forms.append(("ISO 8601" if time_format == AUTO else time_format, parsed[0]))
        rest = [time for time in rest if not read_share([time], time_format)]
    return forms if len(rest) <= (1 - MIN_SHARE) * len(times) else []
