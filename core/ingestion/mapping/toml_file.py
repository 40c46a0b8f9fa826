"""Read mappings from TOML files, find shipped mappings by name, and write a mapping as commented TOML."""

from __future__ import annotations

import re
import textwrap
import tomllib
from pathlib import Path
from typing import Any, Final

import tomli_w

from core.base.text import listed
from core.errors import InputError, SettingError, SourceError
from core.ingestion.mapping.definition import Mapping
from core.ingestion.mapping.refusals import short

_SHIPPED: Final = Path(__file__).parent / "shipped"
_SUFFIX: Final = ".toml"
_MAX_BYTES: Final = 1_000_000
"""The longest valid mapping is smaller, so a larger file is something else."""
_NO_COLUMN: Final = ""
"""Means "the log has no such column" in `[columns]`, because TOML has no null."""
_LINE_LENGTH: Final = 100
"""Characters per line of a comment, which most editors show without wrapping."""
_TABLES: Final = ("columns", "event_words", "currency_rates", "own", "names", "tables")
"""Settings that are tables. They come last, because in TOML all keys after a table's name belong to the table."""
_WITH_ROWS: Final = ("own", "names")
"""Tables whose entries are one line each."""
_TITLE: Final = """\
# How to read the event log of a shop. Settings that are left out have their default.

"""


def shipped_names() -> tuple[str, ...]:
    """Return the names of the shipped mappings, in alphabetical order.

    >>> shipped_names()
    ('complete_journey', 'online_retail', 'rees46')
    """
    return tuple(sorted(path.stem for path in _SHIPPED.glob(f"*{_SUFFIX}")))


def load_mapping(path_or_name: str | Path) -> Mapping:
    """Read a mapping from a TOML file, or a shipped mapping by its name in any letter case.

    A shipped mapping takes precedence over a file of the same name. For the file, write `./rees46`.

    Raises:
        InputError: there is no such file or name, or the file is not TOML.
        SettingError: a setting is unknown, missing or not allowed. The message begins with the file's name.

    >>> load_mapping("rees46").columns.price
    'price'
    """
    name = str(path_or_name).strip().lower()
    if isinstance(path_or_name, str) and name in shipped_names():
        path = _SHIPPED / f"{name}{_SUFFIX}"
    else:
        path = Path(path_or_name)
        _require_file(path, path_or_name)
    return parse_mapping(_content(path), path.name)


def parse_mapping(content: bytes, name: str) -> Mapping:
    """Read a mapping from the content of a TOML file, which error messages call `name`.

    Raises:
        InputError: the content is not TOML.
        SettingError: a setting is unknown, missing or not allowed. The message begins with `name`.
    """
    settings = _table(content, name)
    columns = settings.get("columns")
    if isinstance(columns, dict):
        settings["columns"] = {role: None if column == _NO_COLUMN else column for role, column in columns.items()}
    try:
        return Mapping.checked(**settings)
    except SettingError as error:
        raise error.in_file(name) from error


def mapping_text(mapping: Mapping) -> str:
    """Return a mapping as TOML with a comment on each setting. Settings with their default are left out.

    `parse_mapping` of the text returns an equal mapping.

    >>> print(mapping_text(Mapping(decimal=",")))
    # How to read the event log of a shop. Settings that are left out have their default.
    <BLANKLINE>
    # Decimal mark of values, prices and quantities: "." or ",". If left out, it is ".", and a file with
    # ambiguous numbers is refused.
    decimal = ","
    <BLANKLINE>
    """
    settings = mapping.model_dump(exclude_defaults=True)
    excluded = dict.fromkeys(mapping.columns.excluded_roles())
    if excluded or "columns" in settings:
        columns = settings.get("columns", {}) | excluded
        settings["columns"] = {role: _NO_COLUMN if column is None else column for role, column in columns.items()}
    ordered = sorted(settings, key=lambda setting: setting in _TABLES)
    return _TITLE + "\n".join(_comment(setting) + _toml(setting, settings[setting]) for setting in ordered)


def _toml(setting: str, value: Any) -> str:  # noqa: ANN401 - any setting
    """Return a setting as TOML. An own column is one line, so that a mapping with many of them fits on a screen."""
    if setting not in _WITH_ROWS:
        return tomli_w.dumps({setting: value})
    return f"[{setting}]\n" + "".join(_row(name, column) for name, column in value.items())


def _row(name: str, column: Any) -> str:  # noqa: ANN401 - a text or a table
    """Return a setting as a line. A table that only has a column is written as the column's name."""
    if isinstance(column, str) or column.keys() == {"column"}:
        return tomli_w.dumps({name: column if isinstance(column, str) else column["column"]})
    return f"{name} = {{ {', '.join(tomli_w.dumps(column).splitlines())} }}\n"


def _comment(setting: str) -> str:
    description = Mapping.model_fields[setting].description or ""
    return "".join(f"# {line}\n" for line in textwrap.wrap(description, _LINE_LENGTH))


def _require_file(path: Path, path_or_name: str | Path) -> None:
    """Raise an InputError unless there is a file at the path."""
    if path_or_name == path.name or not path_or_name:  # without a folder, it may be meant as the name of a mapping
        names = listed(shipped_names(), conjunction="or")
        unknown = InputError(
            f"There is no mapping named {short(str(path_or_name))!r}.", f"Choose {names}, or name a TOML file."
        )
    else:
        unknown = SourceError.not_found(path)
    try:
        if path.is_file():
            return
        if path_or_name and path.exists():
            raise SourceError.cannot_open(path, "it is not a file")
    except OSError as error:  # the name is too long, or the folder is not readable
        raise unknown from error
    raise unknown if path.suffix.lower() != _SUFFIX else SourceError.not_found(path)


def _content(path: Path) -> bytes:
    """Read the file, but at most one byte more than allowed."""
    try:
        with path.open("rb") as file:
            return file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise SourceError.cannot_open(path, error.strerror or str(error)) from error


def _table(content: bytes, name: str) -> dict[str, Any]:
    if len(content) > _MAX_BYTES:
        raise _not_a_mapping(name, "it is larger than 1 MB", "Choose the mapping instead of the log.")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise _not_a_mapping(name, f"line {line:,} is not UTF-8", "Save it as UTF-8 and try again.") from error
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _not_a_mapping(name, _syntax_error(str(error), text), "Correct this line and try again.") from error
    except (ValueError, RecursionError) as error:  # a number with thousands of digits, or thousands of brackets
        raise _not_a_mapping(name, "it has too many brackets or digits", "Choose another file.") from error


def _syntax_error(message: str, text: str) -> str:
    """Return the line and the description of a syntax error.

    Before Python 3.14, tomllib reports the line only in its message, such as "Invalid value (at line 3, column 5)".
    """
    description = short(message.split(" (at ", maxsplit=1)[0])
    match = re.search(r"\(at line (\d+)", message)
    line = int(match.group(1)) if match else max(1, len(text.splitlines()))
    return f"line {line:,}: {description[:1].lower()}{description[1:]}"


def _not_a_mapping(name: str, finding: str, next_step: str) -> InputError:
    return InputError(f"{name} cannot be read as a mapping ({finding}). A mapping is a small TOML file.", next_step)
