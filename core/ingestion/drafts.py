"""A mapping in the making: what a log's first rows suggest, what a person chose, and the mappings that were saved."""

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
"""What people call reading a log in our own form."""
_LONGEST_NAME = 60  # characters of a file's name; file systems allow 255 bytes
_MOST_WORDS = 40
"""Event words offered for choice; a column with more of them is no column of event types."""


@dataclass(frozen=True)
class Draft:
    """What the first rows of a log suggest: settings for `Mapping.checked`, what a person must see to, and why."""

    settings: dict[str, Any]
    missing: tuple[str, ...]
    reasons: dict[str, str]


def fits(log: Peek, mapping: Mapping, *, with_value: bool = True) -> bool:
    """Whether the log has all columns that the mapping reads."""
    found = {plain(column).casefold() for column in log.columns}
    wanted = RowParser(mapping, with_value).columns
    return all(plain(str(getattr(mapping.columns, role))).casefold() in found for role in wanted)


def suggest(log: Peek) -> Draft:
    """Our own form where the log has it, else a guess."""
    if fits(log, Mapping()):
        return Draft({}, (), {})
    guess = log.guess()
    return Draft(guess.settings, guess.missing, guess.reasons)


def proposed(log: Peek, known: dict[str, Mapping]) -> str | None:
    """What to read the log with, by name: AS_IT_STANDS, or one of the known mappings that is what a guess gives.

    None: none of them will do; a person's own mapping, begun by `suggest`, is called for.
    """
    if fits(log, Mapping()):
        return AS_IT_STANDS
    guess = log.guess()
    digest = Mapping.checked(**guess.settings).digest
    return None if guess.missing else next((name for name, mapping in known.items() if mapping.digest == digest), None)


def event_words(log: Peek, column: str) -> list[str]:
    """The words of a column in the first rows, the most frequent first."""
    if column not in log.columns:
        return []
    place = log.columns.index(column)
    counted = Counter(row[place].strip() for row in log.rows)
    return [word for word, _ in counted.most_common(_MOST_WORDS) if word]


def known_mappings(workspace: Workspace) -> dict[str, Mapping]:
    """Name for people -> mapping: those that ship with the product, then those saved in the workspace."""
    known = {mapping.name: mapping for mapping in map(load_mapping, shipped_names())}
    for file in sorted(workspace.mappings.glob("*.toml")):
        with suppress(StudioError):  # a damaged file of a person's own does not hide the others
            mapping = load_mapping(file)
            known[mapping.name or file.stem] = mapping
    return known


def save_mapping(workspace: Workspace, mapping: Mapping) -> Path:
    """Keep a mapping in the workspace under its name; one of that name is replaced.

    Raises:
        SettingError: it has no name, or that of a mapping that ships with the product.
    """
    if not mapping.name:
        raise SettingError.missing("name", "what people call the log")
    if mapping.name in {load_mapping(name).name for name in shipped_names()}:
        raise SettingError.not_allowed("name", mapping.name, "a name that no mapping of the product has")
    plain_name = re.sub(r"[^\w.-]", "_", mapping.name)[:_LONGEST_NAME]
    file = workspace.mappings / f"{plain_name}.toml"
    write_text_atomically(file, mapping_text(mapping))
    return file
