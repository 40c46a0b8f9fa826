"""A mapping as a TOML file: reads one that people wrote or that ships with us, and writes one that people can read."""

from __future__ import annotations

import re
import textwrap
import tomllib
from pathlib import Path
from typing import Any, Final

import tomli_w

from core.errors import InputError, SettingError, listed
from core.ingestion.mapping.definition import Mapping, guessed_roles
from core.ingestion.mapping.refusals import short

_SHIPPED: Final = Path(__file__).parent / "shipped"
_SUFFIX: Final = ".toml"
_LARGEST: Final = 1_000_000
"""Bytes: the longest mapping that the rules allow is smaller; what is larger is some other file."""

_NO_COLUMN: Final = ""
"""Stands in `[columns]` for "the log has no such column", for TOML has no null and no column has a blank name."""

_LINE_LENGTH: Final = 100  # of comments; longer lines are wrapped or cut off by the editors of many

_TABLES: Final = ("columns", "event_words", "currency_rates")
"""Settings that are tables; they stand last in a file, for TOML counts all that follows a table's name to the table."""

_TITLE: Final = """\
# How the rows of a shop's log become events. Settings that are not here have their defaults.

"""


def shipped_names() -> tuple[str, ...]:
    """Names of the mappings that ship with us, in alphabetical order.

    >>> shipped_names()
    ('complete_journey', 'online_retail', 'rees46')
    """
    return tuple(sorted(path.stem for path in _SHIPPED.glob(f"*{_SUFFIX}")))


def load_mapping(path_or_name: str | Path) -> Mapping:
    """Read a mapping from a TOML file, or take a shipped one by its name, in any letter case.

    A name that a shipped mapping has is that mapping; `./rees46` is a file.

    Raises:
        InputError: no such file or name, or a file that is no TOML.
        SettingError: a setting that is unknown or not allowed; the sentence begins with the file's name.

    >>> load_mapping("rees46").columns.price
    'price'
    """
    if isinstance(path_or_name, str) and path_or_name.strip().lower() in shipped_names():
        path = _SHIPPED / f"{path_or_name.strip().lower()}{_SUFFIX}"
    else:
        path = Path(path_or_name)
        _refuse_unless_file(path, path_or_name)
    return parse_mapping(_content(path), path.name)


def parse_mapping(content: bytes, name: str) -> Mapping:
    """Read a mapping from the content of a TOML file; `name` is what errors call it.

    Raises:
        InputError: the content is no TOML.
        SettingError: a setting that is unknown or not allowed; the sentence begins with `name`.
    """
    settings = _table(content, name)
    columns = settings.get("columns")
    if isinstance(columns, dict):
        settings["columns"] = {role: None if column == _NO_COLUMN else column for role, column in columns.items()}
    try:
        return Mapping.checked(**settings)
    except SettingError as error:
        raise SettingError(f"{name}: {error}") from error


def mapping_text(mapping: Mapping) -> str:
    """Write a mapping as TOML with a comment on each setting; what has its default is left out.

    Reading the text gives an equal mapping.

    >>> print(mapping_text(Mapping(decimal=",")))
    # How the rows of a shop's log become events. Settings that are not here have their defaults.
    <BLANKLINE>
    # Decimal mark of values, prices and quantities: "." or ",". Left out, it is ".", and a file whose
    # numbers read differently under each mark is refused.
    decimal = ","
    <BLANKLINE>
    """
    settings = mapping.model_dump(exclude_defaults=True)
    refused = {role: None for role in guessed_roles(mapping.columns) if getattr(mapping.columns, role) is None}
    if refused or "columns" in settings:
        named = settings.get("columns", {}) | refused
        settings["columns"] = {role: _NO_COLUMN if column is None else column for role, column in named.items()}
    ordered = sorted(settings, key=lambda setting: setting in _TABLES)
    return _TITLE + "\n".join(_comment(setting) + tomli_w.dumps({setting: settings[setting]}) for setting in ordered)


def _comment(setting: str) -> str:
    about = Mapping.model_fields[setting].description or ""
    return "".join(f"# {line}\n" for line in textwrap.wrap(about, _LINE_LENGTH))


def _refuse_unless_file(path: Path, given: str | Path) -> None:
    if given == path.name or not given:  # no folder before it: it may have been meant as a name
        unknown = InputError(
            f"There is no mapping named {short(str(given))!r}: known are {listed(shipped_names())}; "
            "name one of them, or give the path of a TOML file."
        )
    else:
        unknown = InputError.not_found(path)
    try:
        if path.is_file():
            return
        if given and path.exists():
            raise InputError.cannot_open(path, "it is no file")
    except OSError as error:  # a name too long, a folder that may not be looked into
        raise unknown from error
    raise unknown if path.suffix.lower() != _SUFFIX else InputError.not_found(path)


def _content(path: Path) -> bytes:
    """The file's bytes, at most one more than are allowed."""
    try:
        with path.open("rb") as file:
            return file.read(_LARGEST + 1)
    except OSError as error:
        raise InputError.cannot_open(path, error.strerror or str(error)) from error


def _table(content: bytes, name: str) -> dict[str, Any]:
    if len(content) > _LARGEST:
        raise _no_mapping(name, "it is larger than 1 MB", "give the mapping, not the log")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise _no_mapping(name, f"line {line:,} is not UTF-8", "save it as UTF-8 and try again") from error
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _no_mapping(name, _place(str(error), text), "correct it there and try again") from error
    except (ValueError, RecursionError) as error:  # numbers of very many digits; thousands of brackets
        raise _no_mapping(name, "it is nested or counts beyond all bounds", "give another file") from error


def _place(message: str, text: str) -> str:
    """Where TOML ends and what is wrong there, from a message such as "Invalid value (at line 3, column 5)"."""
    what = short(message.split(" (at ", maxsplit=1)[0])
    found = re.search(r"\(at line (\d+)", message)
    line = int(found.group(1)) if found else max(1, len(text.splitlines()))
    return f"line {line:,}: {what[:1].lower()}{what[1:]}"


def _no_mapping(name: str, found: str, next_step: str) -> InputError:
    return InputError(f"{name} cannot be read as a mapping ({found}): a mapping is a small TOML file; {next_step}.")
