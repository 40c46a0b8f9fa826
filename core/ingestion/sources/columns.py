"""Find the columns of a mapping in the header of a file."""

from __future__ import annotations

import re
from collections.abc import Container, Mapping, Sequence
from typing import Final

from core.base.text import fold_case
from core.errors import ColumnError
from core.ingestion.mapping import Mapping as LogMapping
from core.ingestion.mapping.refusals import short
from core.ingestion.sources.csv_text import SEPARATORS
from core.ingestion.sources.tables import ColumnPositions, Table

_TIME: Final = re.compile(
    r"\d{4}[-/.]\d\d?[-/.]\d\d?[ T]\d\d?:\d\d|\d\d?[-/.]\d\d?[-/.]\d{4} \d\d?:\d\d|^1\d{9}(\d{3}){0,3}$"
)
"""A date with a time of day, or an epoch time in seconds or smaller units."""
_NUMBER: Final = re.compile(r"[+-]?\d+([.,]\d+)?")


def plain(name: str) -> str:
    """Return a column name without surrounding blanks and byte order mark."""
    return name.strip().lstrip("\ufeff").strip()


def require_header(name: str, columns: Sequence[str]) -> None:
    """Check that the first line of a table has names instead of data.

    It has data if it has a time of day or an epoch time, or if all its cells are numbers.

    Raises:
        InputError: the first line is a row.
    """
    cells = [cell for cell in map(plain, columns) if cell]
    is_row = any(map(_TIME.search, cells)) or (len(cells) > 1 and all(map(_NUMBER.fullmatch, cells)))
    if is_row:
        raise ColumnError.no_header(name, [short(cell) for cell in cells])


def pick(table: Table, mapping: LogMapping, required: Sequence[str], optional: Sequence[str] = ()) -> ColumnPositions:
    """Return the position of each column of a mapping in a table of events; see `find_columns`.

    Optional columns that the table lacks are left out.
    """
    names = {role: mapping.column_of(role) for role in (*required, *optional)}
    return find_columns(table, names, optional, separator=mapping.separator)


def find_columns(
    table: Table, names: Mapping[str, str], optional: Container[str] = (), *, separator: str | None = None
) -> ColumnPositions:
    """Return the position of each column of a table; names match exactly, or else in any letter case.

    Args:
        names: key of the result -> name of the column.
        optional: keys of the columns that are left out if the table lacks them.
        separator: the separator that the mapping sets.

    Raises:
        InputError: a required column is missing, perhaps because there is no header, or a column occurs more than once.
    """
    header = [plain(name) for name in table.columns]
    matches = {role: _positions(header, name) for role, name in names.items()}
    missing = [name for role, name in names.items() if not matches[role] and role not in optional]
    if missing:
        if separator is not None and len(header) == 1:
            for other, separator_name in SEPARATORS.items():
                if other in header[0]:
                    raise ColumnError.other_separator(table.name, separator_name)
        require_header(table.name, header)
        nested = [short(plain(name)) for name in table.nested]
        raise ColumnError.missing_columns(table.name, missing, [short(name) for name in header], nested)
    for role, positions in matches.items():
        if len(positions) > 1:
            raise ColumnError.duplicate_column(table.name, names[role])
    return {role: positions[0] for role, positions in matches.items() if positions}


def _positions(header: Sequence[str], column: str) -> list[int]:
    exact = [position for position, name in enumerate(header) if name == plain(column)]
    folded = fold_case(plain(column))
    return exact or [position for position, name in enumerate(header) if fold_case(name) == folded]
