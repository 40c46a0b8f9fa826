"""Find the columns of a mapping in the header of a file."""

from __future__ import annotations

from collections.abc import Sequence

from core.errors import InputError
from core.ingestion.mapping import Mapping
from core.ingestion.mapping.refusals import short
from core.ingestion.sources.csv_text import SEPARATORS
from core.ingestion.sources.tables import ColumnPositions, Table


def plain(name: str) -> str:
    """Return a column name without surrounding blanks and byte order mark."""
    return name.strip().lstrip("\ufeff").strip()


def pick(table: Table, mapping: Mapping, required: Sequence[str], optional: Sequence[str] = ()) -> ColumnPositions:
    """Return the position of each column; names match exactly, or else regardless of case.

    Optional columns that the table lacks are left out.

    Raises:
        InputError: a required column is missing, or a column occurs more than once.
    """
    header = [plain(name) for name in table.columns]
    names = {role: str(getattr(mapping.columns, role)) for role in (*required, *optional)}
    matches = {role: _positions(header, name) for role, name in names.items()}
    missing = [names[role] for role in required if not matches[role]]
    if missing:
        if mapping.separator is not None and len(header) == 1:
            for separator, separator_name in SEPARATORS.items():
                if separator in header[0]:
                    raise InputError.other_separator(table.name, separator_name)
        nested = [short(plain(name)) for name in table.nested]
        raise InputError.missing_columns(table.name, missing, [short(name) for name in header], nested)
    for role, positions in matches.items():
        if len(positions) > 1:
            raise InputError.duplicate_column(table.name, names[role])
    return {role: positions[0] for role, positions in matches.items() if positions}


def _positions(header: Sequence[str], column: str) -> list[int]:
    exact = [position for position, name in enumerate(header) if name == plain(column)]
    folded = plain(column).casefold()
    return exact or [position for position, name in enumerate(header) if name.casefold() == folded]
