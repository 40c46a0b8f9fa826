"""Draft a mapping for a log from its first rows, and manage the mappings saved in a workspace."""

from __future__ import annotations

import re
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.base.files import write_text_atomically
from core.base.workspace import Workspace
from core.errors import SettingError, StudioError
from core.ingestion.mapping import Mapping, load_mapping, mapping_text, shipped_names
from core.ingestion.preview import Peek
from core.ingestion.rows.row_parser import RowParser
from core.ingestion.sources.columns import plain

AS_IT_STANDS = "as it stands"
"""Choice for a log that already has the column names and event words of the schema."""
_LONGEST_NAME = 60
"""Characters of a file name; file systems allow 255 bytes."""
_MOST_WORDS = 40
"""Event words to choose from; a column with more of them does not contain event types."""


@dataclass(frozen=True)
class Draft:
    """Suggested settings for `Mapping.checked`, settings that a person must complete, and setting -> reason."""

    settings: dict[str, Any]
    missing: tuple[str, ...]
    reasons: dict[str, str]


def fits(log: Peek, mapping: Mapping, *, with_value: bool = True) -> bool:
    """Return whether the log has all columns that the mapping reads."""
    columns = {plain(column).casefold() for column in log.columns}
    roles = RowParser(mapping, with_value).columns
    return all(plain(str(getattr(mapping.columns, role))).casefold() in columns for role in roles)


def suggest(log: Peek) -> Draft:
    """Return an empty draft if the log fits the default mapping, else a guess."""
    if fits(log, Mapping()):
        return Draft({}, (), {})
    guess = log.guess()
    return Draft(guess.settings, guess.missing, guess.reasons)


def propose(log: Peek, mappings: dict[str, Mapping]) -> str | None:
    """Return the name of the mapping to read the log with: AS_IT_STANDS, or the mapping that equals a guess.

    None if no mapping does; then a person completes what `suggest` returns.
    """
    if fits(log, Mapping()):
        return AS_IT_STANDS
    guess = log.guess()
    digest = Mapping.checked(**guess.settings).digest
    return (
        None if guess.missing else next((name for name, mapping in mappings.items() if mapping.digest == digest), None)
    )


def event_words(log: Peek, column: str) -> list[str]:
    """Return the most frequent words of a column in the first rows, most frequent first."""
    if column not in log.columns:
        return []
    place = log.columns.index(column)
    counted = Counter(row[place].strip() for row in log.rows)
    return [word for word, _ in counted.most_common(_MOST_WORDS) if word]


def known_mappings(workspace: Workspace) -> dict[str, Mapping]:
    """Return name -> mapping: the shipped ones, then those saved in the workspace."""
    mappings = {mapping.name: mapping for mapping in map(load_mapping, shipped_names())}
    for file in sorted(workspace.mappings.glob("*.toml")):
        with suppress(StudioError):  # a damaged file must not hide the others
            mapping = load_mapping(file)
            mappings[mapping.name or file.stem] = mapping
    return mappings


def save_mapping(workspace: Workspace, mapping: Mapping) -> Path:
    """Save a mapping in the workspace under its name, replacing an older one of that name.

    Raises:
        SettingError: it has no name, or the name of a shipped mapping.
    """
    if not mapping.name:
        raise SettingError.missing("name", "what people call the log")
    if mapping.name in {load_mapping(name).name for name in shipped_names()}:
        raise SettingError.not_allowed("name", mapping.name, "a name that no mapping of the product has")
    plain_name = re.sub(r"[^\w.-]", "_", mapping.name)[:_LONGEST_NAME]
    file = workspace.mappings / f"{plain_name}.toml"
    write_text_atomically(file, mapping_text(mapping))
    return file
