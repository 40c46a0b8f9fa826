"""Types of a mapping's settings: texts that a file can hold, encodings, formats of times and time zones."""

from __future__ import annotations

import codecs
from typing import Annotated, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from core.ingestion.mapping.time_format import wanting_in

LONGEST_TEXT: Final = 200
"""Characters of a name or word: no column of a real log comes near, and every mapping stays far below the largest file
that is read back."""


def _text(found: str) -> str:
    """Text without blanks around it, short enough, and such that a file can hold it."""
    try:
        found.encode()
    except UnicodeEncodeError as error:
        raise PydanticCustomError("unicode", "Input should be text that UTF-8 can hold") from error
    if len(found) > LONGEST_TEXT:
        raise PydanticCustomError("long", f"Input should be at most {LONGEST_TEXT} characters")
    return found.strip()


def _no_blank(found: str) -> str:
    if not found:
        raise PydanticCustomError("blank", "Input should be a name or word of the log, not a blank")
    return found


def _encoding(found: str) -> str:
    """The codec's own name, so that two spellings of one encoding are the same mapping."""
    try:
        codec = codecs.lookup(found)
        name = codec.name
        # Files are decoded piece by piece; and some codecs (undefined, rot13) know no text.
        if codec.incrementaldecoder is None or "event_time;ä\n".encode(name).decode(name) != "event_time;ä\n":
            raise LookupError(name)
    except UnicodeEncodeError:
        return name  # an encoding without ä, such as ASCII
    except (LookupError, ValueError) as error:
        allowed = "Input should be an encoding of text, such as utf-8, utf-16, latin-1 or cp1252"
        raise PydanticCustomError("encoding", allowed) from error
    return name


def _time_format(found: str) -> str:
    allowed = wanting_in(found)
    if allowed:
        raise PydanticCustomError("time_format", "Input should be {allowed}", {"allowed": allowed})
    return found


def _time_zone(found: str) -> str:
    try:
        if found == "localtime":  # each machine has another one
            raise ValueError(found)
        ZoneInfo(found)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        allowed = "Input should be a time zone by its place, such as Europe/Berlin or America/New_York, or UTC"
        raise PydanticCustomError("time_zone", allowed) from error
    return found


Text = Annotated[str, AfterValidator(_text)]
Word = Annotated[Text, AfterValidator(_no_blank)]
Encoding = Annotated[Text, AfterValidator(_encoding)]
TimeFormat = Annotated[Text, AfterValidator(_time_format)]
TimeZone = Annotated[Text, AfterValidator(_time_zone)]
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
