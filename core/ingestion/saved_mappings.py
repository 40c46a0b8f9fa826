"""The mappings that a workspace can read logs with: the shipped ones, and those that people saved in it."""

from __future__ import annotations

import re
from contextlib import suppress
from itertools import chain, count
from pathlib import Path

from core.base.files import write_text_atomically
from core.base.workspace import Workspace
from core.errors import SettingError, StudioError
from core.ingestion.mapping import Mapping, load_mapping, mapping_text, shipped_names

_MAX_NAME_LENGTH = 40
"""Characters of a file name; file systems allow 255 bytes, and a letter has up to four."""


def known_mappings(workspace: Workspace) -> dict[str, Mapping]:
    """Return name -> mapping: the shipped ones, then those saved in the workspace."""
    mappings = {mapping.name: mapping for mapping in map(load_mapping, shipped_names())}
    for file in sorted(workspace.mappings.glob("*.toml")):
        with suppress(StudioError):  # a damaged file must not hide the others
            mapping = load_mapping(file)
            mappings[mapping.name or file.stem] = mapping
    return mappings


def save_mapping(workspace: Workspace, mapping: Mapping) -> Path:
    """Save a mapping in the workspace under its name, replacing an older one of that name. Return its file.

    Raises:
        SettingError: the mapping has no name, or that of a shipped mapping.
    """
    if not mapping.name:
        raise SettingError.missing("name", "a name for the log")
    if mapping.name in {load_mapping(name).name for name in shipped_names()}:
        raise SettingError.not_allowed("name", mapping.name, "a name that no included mapping has")
    file = _file_of(workspace, mapping.name)
    write_text_atomically(file, mapping_text(mapping))
    return file


def _file_of(workspace: Workspace, name: str) -> Path:
    """Return the file of the saved mapping with a name, or a new path if there is none.

    Names that differ only in signs, or after their beginning, would lead to one path. A later one gets a number.
    """
    for file in sorted(workspace.mappings.glob("*.toml")):
        with suppress(StudioError):
            if load_mapping(file).name == name:
                return file
    stem = re.sub(r"[^\w.-]", "_", name)[:_MAX_NAME_LENGTH]
    paths = (workspace.mappings / f"{stem}{number}.toml" for number in chain([""], map("_{}".format, count(2))))
    return next(path for path in paths if not path.exists())
