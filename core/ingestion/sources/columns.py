"""Find the columns of a mapping in the header of a file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from core.errors import InputError
from core.ingestion.mapping import Mapping
from core.ingestion.mapping.refusals import short
from core.ingestion.sources.csv_text import SEPARATORS
from core.ingestion.sources.tables import ColumnPositions, Table


def plain(name: str) -> str:
    """Return a column name without surrounding blanks and byte order mark."""
    return name.strip().lstrip("\ufeff").strip()


def pick(table: Table, mapping: Mapping, wanted: Iterable[str], optional: Iterable[str] = ()) -> ColumnPositions:
    """Return the position of each wanted column; names match exactly, or else regardless of case.

    Optional columns that the table lacks are left out.

    Raises:
        InputError: a wanted column is missing or occurs more than once.
    """
    header = [plain(name) for name in table.columns]
    names = {role: str(getattr(mapping.columns, role)) for role in wanted}
    names |= {role: name for role in optional if _places(header, name := str(getattr(mapping.columns, role)))}
    places = {role: _places(header, column) for role, column in names.items()}
    missing = [names[role] for role, where in places.items() if not where]
    if missing:
        if mapping.separator is not None:
            _explain_one_column(table.name, header)
        raise InputError.missing_columns(table.name, missing, [short(name) for name in header])
    for role, where in places.items():
        if len(where) > 1:
            raise InputError.column_twice(table.name, names[role])
    return {role: where[0] for role, where in places.items()}


def _places(header: Sequence[str], column: str) -> list[int]:
    exact = [place for place, name in enumerate(header) if name == plain(column)]
    return exact or [place for place, name in enumerate(header) if name.casefold() == plain(column).casefold()]


def _explain_one_column(name: str, header: Sequence[str]) -> None:
    """Refuse a header that has one column because the mapping names the wrong separator."""
    if len(header) == 1:
        for mark, word in SEPARATORS.items():
            if mark in header[0]:
                raise InputError.other_separator(name, word)
