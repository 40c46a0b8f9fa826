"""Turn pydantic's validation errors into one sentence for people."""

from __future__ import annotations

from collections.abc import Mapping as Table
from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Final

from core.base.text import display, shorten
from core.errors import SettingError

if TYPE_CHECKING:
    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

_LONGEST_SHOWN: Final = 60
"""Characters of a text that a message quotes: enough to recognize it, and few enough for one line."""
_LARGEST_SHOWN: Final = 10**15
"""Larger integers are described, because Python refuses to format integers with thousands of digits."""
_ALLOWED: Final = {
    "string_type": "text",
    "float_type": "a number",
    "finite_number": "a finite number",
    "dict_type": "a table",
    "model_type": "a table of roles and column names",
    "model_attributes_type": "a table of roles and column names",
    "tuple_type": "a list of texts",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "string_pattern_mismatch": "a lower-case letter, and then up to 39 lower-case letters, digits and underscores",
    "too_short": "at least one entry",
}
"""pydantic error code -> what is allowed. The messages of other codes are readable as they are."""


_MISSING: Final = {
    "column": "the name of the log's column",
    "kind": "number, money, category, flag or time",
    "key": "the name of the column with the ids",
}
"""Setting of an own column or a table that has no default -> what it takes."""


_CONTENT: Final = {"own": "a table with column and kind", "tables": "a table with key", "names": "the name of a column"}
"""Setting -> what its entries are."""


class _Description(str):
    """Description of a value that is not quoted: its repr has no quotation marks."""

    __slots__ = ()
    __repr__ = str.__str__


def refusal(error: ValidationError, fields: Sequence[str], nested: Table[str, Sequence[str]]) -> SettingError:
    """Return an error with one sentence on the first invalid setting.

    An unknown setting comes first, because a misspelled name often explains the other errors.

    Args:
        fields: names of all settings.
        nested: name of a setting that is a table -> names of its keys.
    """
    first = min(error.errors(include_url=False), key=lambda details: details["type"] != "extra_forbidden")
    path = [str(part) for part in first["loc"] if part != "[key]" and not isinstance(part, int)]
    name = ".".join(short(part) for part in path)
    if first["type"] == "extra_forbidden":
        names = nested.get(path[0], fields) if len(path) > 1 else fields
        prefix = "".join(f"{part}." for part in path[:-1])
        return SettingError.unknown(name, [prefix + setting for setting in _closest_first(path[-1], names)])
    if first["type"] == "missing":
        return SettingError.missing(name, _MISSING[path[-1]])
    if first["type"].startswith("model_") and path[0] in _CONTENT:
        allowed = _CONTENT[path[0]] if len(path) > 1 else "a table"
        return SettingError.not_allowed(name, quotable(first["input"]), allowed)
    return SettingError.not_allowed(name, quotable(first["input"]), _allowed(first))


def quotable(value: object) -> object:
    """Return a value, or a description of it, whose repr fits into a sentence.

    Long texts are cut. Tables, lists, dates and very large numbers are described.
    """
    if isinstance(value, str):
        return shorten(value, _LONGEST_SHOWN)
    if isinstance(value, int) and abs(value) > _LARGEST_SHOWN:
        return _Description("a very large number")
    if value is None or isinstance(value, int | float):
        return value
    if isinstance(value, Table):
        return _Description("a table")
    return _Description("a list" if isinstance(value, list | tuple) else f"a {type(value).__name__}")


def short(name: str) -> str:
    """Return a name for a message: on one line, and cut after 60 characters."""
    return display(name, _LONGEST_SHOWN)


def _allowed(details: ErrorDetails) -> str:
    if details["type"] == "too_long":
        return f"at most {details['ctx']['max_length']:,} entries"
    return _ALLOWED.get(details["type"], details["msg"].removeprefix("Input should be "))


def _closest_first(misspelled: str, names: Sequence[str]) -> list[str]:
    """Sort names by similarity to a misspelled one, because the message shows only the first few."""
    start = misspelled[:_LONGEST_SHOWN].lower()
    return sorted(names, key=lambda name: SequenceMatcher(a=start, b=name).ratio(), reverse=True)
