"""Types of a mapping's settings: text, encodings, time formats and time zones, each with its validation."""

from __future__ import annotations

import codecs
from typing import Annotated, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from core.ingestion.mapping.time_format import required_change

LONGEST_TEXT: Final = 200
"""Characters in a name or value. Real column names are shorter, and a mapping of such texts is small enough to be read
back from a file."""


def is_allowed_text(text: str) -> bool:
    """Return whether a mapping may contain the text, by its characters and its length."""
    return len(text) <= LONGEST_TEXT and _is_encodable(text)


def _is_encodable(text: str) -> bool:
    """Return whether the text has a UTF-8 form. Damaged logs may contain half a surrogate pair, which has none."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _check_text(text: str) -> str:
    if not _is_encodable(text):
        raise PydanticCustomError("unicode", "Input should be text that UTF-8 can encode")
    if len(text) > LONGEST_TEXT:
        raise PydanticCustomError("long", f"Input should be at most {LONGEST_TEXT} characters")
    return text.strip()


def _check_not_blank(text: str) -> str:
    if not text:
        raise PydanticCustomError("blank", "Input should be text that is not blank")
    return text


def _check_encoding(name: str) -> str:
    """Return the codec's canonical name, so that two spellings of one encoding give the same mapping."""
    sample = "event_time;ä\n"
    try:
        codec = codecs.lookup(name)
        # Files are decoded incrementally, and some codecs (undefined, rot13) do not encode text.
        if codec.incrementaldecoder is None or sample.encode(codec.name).decode(codec.name) != sample:
            raise LookupError(codec.name)
    except UnicodeEncodeError:
        return codec.name  # an encoding without ä, such as ASCII
    except (LookupError, ValueError) as error:
        allowed = "Input should be an encoding of text, such as utf-8, utf-16, latin-1 or cp1252"
        raise PydanticCustomError("encoding", allowed) from error
    return codec.name


def _check_time_format(time_format: str) -> str:
    allowed = required_change(time_format)
    if allowed:
        raise PydanticCustomError("time_format", "Input should be {allowed}", {"allowed": allowed})
    return time_format


def _check_time_zone(name: str) -> str:
    try:
        if name == "localtime":  # differs between machines
            raise ValueError(name)
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        allowed = "Input should be an IANA time zone, such as Europe/Berlin or America/New_York, or UTC"
        raise PydanticCustomError("time_zone", allowed) from error
    return name


Text = Annotated[str, AfterValidator(_check_text)]
"""Text without surrounding blanks."""
NonEmptyText = Annotated[Text, AfterValidator(_check_not_blank)]
Encoding = Annotated[Text, AfterValidator(_check_encoding)]
"""Canonical name of a Python codec for text."""
TimeFormat = Annotated[Text, AfterValidator(_check_time_format)]
"""`auto`, one of the epoch formats, or a strptime format; see `time_format`."""
TimeZone = Annotated[Text, AfterValidator(_check_time_zone)]
"""An IANA time zone."""
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
"""A finite number; text such as "30" is not one."""
