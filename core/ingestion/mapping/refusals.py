"""Turns what pydantic finds wrong with a mapping into the one sentence that people read."""

from __future__ import annotations

from collections.abc import Mapping as Table
from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import TYPE_CHECKING

from core.errors import SettingError

if TYPE_CHECKING:
    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

_LONGEST_SHOWN = 60  # characters of what was found: enough to know it again, and the sentence stays one
_LARGEST_SHOWN = 10**15  # Python refuses to write out numbers of very many digits
_ALLOWED = {
    "string_type": "text",
    "float_type": "a number",
    "finite_number": "a finite number",
    "dict_type": "a table with the log's words and our types",
    "model_type": "a table with our columns and the log's",
    "model_attributes_type": "a table with our columns and the log's",
    "tuple_type": "a list of words",
    "too_short": "at least one word",
}
"""pydantic's codes, and what is allowed in words; the other codes' messages read well as they are."""


class _Kind:
    """Stands for a value that is not spelled out; shown without quotation marks."""

    def __init__(self, words: str) -> None:
        self.words = words

    def __repr__(self) -> str:
        return self.words


def refusal(error: ValidationError, fields: Sequence[str], nested: Table[str, Sequence[str]]) -> SettingError:
    """One sentence on the first thing wrong; a name that nobody knows comes first, for it explains the rest.

    `fields` are the settings there are, `nested` those of the settings that are tables.
    """
    first = min(error.errors(include_url=False), key=lambda found: found["type"] != "extra_forbidden")
    path = [str(part) for part in first["loc"] if part != "[key]" and not isinstance(part, int)]
    name = ".".join(short(part) for part in path)
    if first["type"] == "extra_forbidden":
        known = nested.get(path[0], fields) if len(path) > 1 else fields
        prefix = "".join(f"{part}." for part in path[:-1])
        return SettingError.unknown(name, [prefix + one for one in _closest_first(path[-1], known)])
    return SettingError.not_allowed(name, shown(first["input"]), _allowed(first))


def shown(found: object) -> object:
    """What was found, in a form that a sentence can hold: long texts cut, tables, lists and times named only."""
    if isinstance(found, str):
        return found if len(found) <= _LONGEST_SHOWN else f"{found[:_LONGEST_SHOWN]}…"
    if isinstance(found, int) and abs(found) > _LARGEST_SHOWN:
        return _Kind("a very large number")
    if found is None or isinstance(found, int | float):
        return found
    if isinstance(found, Table):
        return _Kind("a table")
    return _Kind("a list" if isinstance(found, list | tuple) else f"a {type(found).__name__}")


def _allowed(found: ErrorDetails) -> str:
    if found["type"] == "too_long":
        return f"at most {found['ctx']['max_length']:,} words"
    return _ALLOWED.get(found["type"], found["msg"].removeprefix("Input should be "))


def short(name: str) -> str:
    """A name that somebody made up, on one line and cut where it is long."""
    plain = name if name.isprintable() else ascii(name)[1:-1]
    return plain if len(plain) <= _LONGEST_SHOWN else f"{plain[:_LONGEST_SHOWN]}…"


def _closest_first(name: str, known: Sequence[str]) -> list[str]:
    """The sentence shows the first few only: the one that was meant is to be among them."""
    spelled = name[:_LONGEST_SHOWN].lower()
    return sorted(known, key=lambda one: SequenceMatcher(a=spelled, b=one).ratio(), reverse=True)
