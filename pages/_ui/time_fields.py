"""The fields for time format and time zone. A format is chosen by an example of a time that it reads."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Final

from streamlit.delta_generator import DeltaGenerator

from core.ingestion.mapping import Guess
from pages._ui.form_words import field_help, form_text

_EXAMPLE: Final = datetime.datetime(2025, 12, 31, 23, 59, 59, tzinfo=datetime.UTC)
"""Its day is no month and its hour is after noon, so the parts of an example are unambiguous."""
_EPOCH_DIGITS: Final = {"seconds": 1, "milliseconds": 1_000, "microseconds": 1_000_000, "nanoseconds": 1_000_000_000}
PATTERNS: Final = (
    "%Y-%m-%d %H:%M:%S",
    "%d.%m.%Y %H:%M:%S",
    "%d.%m.%Y %H:%M",
    "%d/%m/%Y %H:%M:%S",
    "%d/%m/%Y %H:%M",
    "%m/%d/%Y %H:%M:%S",
    "%m/%d/%Y %I:%M:%S %p",
    "%m/%d/%Y %H:%M",
    "%Y%m%d%H%M%S",
)
AUTO: Final = "auto"
OTHER: Final = "other format"


def example_of(time_format: str) -> str:
    """Return a time in a format.

    >>> example_of("%d.%m.%Y %H:%M:%S"), example_of("epoch_milliseconds")
    ('31.12.2025 23:59:59', '1767225599000 (milliseconds since 1970)')
    """
    if time_format == AUTO:
        return "detect, such as 2025-12-31 23:59:59+00:00"
    if time_format == OTHER:
        return "other"
    if time_format.startswith("epoch_"):
        unit = time_format.removeprefix("epoch_")
        return f"{int(_EXAMPLE.timestamp()) * _EPOCH_DIGITS[unit]} ({unit} since 1970)"
    return _EXAMPLE.strftime(time_format)


def time_fields(
    left: DeltaGenerator, middle: DeltaGenerator, draft: Guess, key: Callable[[str], str]
) -> dict[str, str]:
    """Show the fields, filled in with what a log suggests, and return the settings `time_format` and `time_zone`.

    Args:
        key: function of the name of a field that returns its key.
    """
    guess = draft.settings.get("time_format", AUTO)
    listed = [AUTO, *PATTERNS, *(f"epoch_{unit}" for unit in _EPOCH_DIGITS)]
    options = [*listed, *([] if guess in listed else [guess]), OTHER]
    reason = draft.reasons.get("event_time")
    time_format = left.selectbox(
        "Time format",
        options,
        options.index(guess),
        format_func=example_of,
        key=key("time format"),
        help="The times of the log look like this. " + (form_text(reason) if reason else ""),
    )
    if time_format == OTHER:
        time_format = left.text_input(
            "Pattern",
            "%d.%m.%Y %H:%M:%S",
            key=key("time pattern"),
            help="%Y year, %m month, %d day, %H hour, %M minute, %S second, %I hour of 12 with %p AM or PM.",
        )
        left.caption(f"Reads times such as {form_text(example_of(time_format))}.")
    zone = middle.text_input(
        "Time zone", draft.settings.get("time_zone", "UTC"), key=key("zone"), help=field_help("time_zone")
    )
    return {"time_format": time_format, "time_zone": zone}
