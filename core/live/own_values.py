"""Own columns of an event of an open session: their values as the caller sends them, and as the log stores them.

A value becomes what ingestion stores for such a cell (core.own_columns). Columns that the mapping takes from a table of
products or users are looked up in the table of the model, whatever the event says.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

from core.base.text import display
from core.ingestion.attributes import AttributeTable
from core.ingestion.mapping import Mapping as LogMapping
from core.ingestion.rows.own_cells import PLACEHOLDERS, own_cells
from core.ingestion.values.flags import FLAG_WORDS
from core.own_columns import LARGEST, LONGEST, Kind, OwnColumn
from core.schema import PRODUCT, USER

OwnValue = str | float | bool | None
"""Value of an own column as it is sent; None and "" are empty cells, like a missing name."""
Cell = str | float | bool | None
"""Cell as the log stores it; None if it is empty."""
Key = str | float
"""Cell as a number or text by which events are sorted; empty cells come first."""

_ALLOWED: Final[dict[Kind, str]] = {
    "number": "a number, such as 12.5",
    "money": "a number, such as 12.5",
    "category": "a text",
    "flag": "true or false",
    "time": "epoch seconds, a date, or a text in ISO 8601 with an offset",
}
_EMPTY: Final[dict[Kind, Key]] = {
    "number": -math.inf,
    "money": -math.inf,
    "category": "",
    "flag": -1,
    "time": -math.inf,
}
"""Sort key of an empty cell, which is lower than that of all others."""
_FIRST_SECOND, _LAST_SECOND = -2_208_988_800, 7_258_118_400
"""Years 1900 to 2200, as in event files."""
_BLANKS: Final = "\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))
"""White space of Unicode, which ingestion removes from both ends. `str.strip` also removes control characters."""
_DATE_LENGTH: Final = len("2025-06-19")


class OwnValues:
    """Reads the own columns of events.

    Args:
        columns: the own columns of a model. Cells and keys are in their order.
        mapping: the mapping of its log.
        tables: its tables of products and users.
    """

    def __init__(
        self, columns: Sequence[OwnColumn], mapping: LogMapping, tables: Iterable[AttributeTable] = ()
    ) -> None:
        self.columns = tuple(columns)
        of_tables = {name: table for table in tables for name in table.columns}
        self._sources = [_Source.of(of_tables.get(column.stored), mapping, column.stored) for column in columns]

    @property
    def of_events(self) -> tuple[OwnColumn, ...]:
        """The columns whose cells are those of the events."""
        return tuple(column for column, source in zip(self.columns, self._sources, strict=True) if source is None)

    @property
    def ids_of_tables(self) -> list[str]:
        """The ids by which cells are looked up in tables: product, user, both or none."""
        sources = [source for source in self._sources if source is not None]
        return [
            name for name, of_users in ((PRODUCT, False), (USER, True)) if any(s.of_users == of_users for s in sources)
        ]

    def cells(self, values: Mapping[str, OwnValue], product: str, user: str) -> tuple[Cell, ...]:
        """Return the cells of an event. A value of a wrong kind is an empty cell; see `check`.

        Args:
            values: name of an own column -> value. Names that are not those of the model's columns are ignored.
            product, user: ids of the event.
        """
        cells: list[Cell] = []
        for column, source in zip(self.columns, self._sources, strict=True):
            if source is not None:
                cells.append(source.cell(product, user))
                continue
            value = values.get(column.name)
            try:
                cells.append(None if value is None or value == "" else _READERS[column.kind](value))
            except ValueError:
                cells.append(None)
        return tuple(cells)

    def check(self, values: Mapping[str, OwnValue]) -> None:
        """Check that the values of an event are of the kinds of their columns.

        Raises:
            ValueError: one is not; the message is one sentence.
        """
        for column, source in zip(self.columns, self._sources, strict=True):
            value = values.get(column.name)
            if value is None or value == "" or source is not None:
                continue
            try:
                _READERS[column.kind](value)
            except ValueError:
                raise ValueError(
                    f"own.{column.name} is {display(str(value))}, but a column of the kind {column.kind} takes "
                    f"{_ALLOWED[column.kind]}"
                ) from None

    def keys(self, cells: Iterable[Cell]) -> tuple[Key, ...]:
        """Return cells as sort keys."""
        return tuple(
            _EMPTY[column.kind] if cell is None else cell for column, cell in zip(self.columns, cells, strict=True)
        )

    def stored(self, keys: Iterable[Key]) -> tuple[Cell, ...]:
        """Return the cells of sort keys."""
        return tuple(
            None if key == _EMPTY[column.kind] else key for column, key in zip(self.columns, keys, strict=True)
        )


class _Source:
    """A table from which the cells of a column are looked up by product or user."""

    def __init__(self, cells: dict[str, Cell], *, of_users: bool) -> None:
        self._cells, self.of_users = cells, of_users

    @classmethod
    def of(cls, table: AttributeTable | None, mapping: LogMapping, stored: str) -> _Source | None:
        """Return the source of a column; None if its cells are those of the events."""
        if table is None:
            return None
        parsed, _ = own_cells(table.rows.select(stored), mapping)
        (column,) = (each for each in parsed if each.name == stored)
        return cls(dict(zip(table.ids.to_list(), column.to_list(), strict=True)), of_users=table.name == "users")

    def cell(self, product: str, user: str) -> Cell:
        return self._cells.get(user if self.of_users else product)


def _number(value: OwnValue) -> Cell:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError
    return float(value) if abs(value) <= LARGEST else None  # also for NaN


def _category(value: OwnValue) -> Cell:
    return _text(value)[:LONGEST] or None


def _flag(value: OwnValue) -> Cell:
    word = _text(value).lower()
    if word not in FLAG_WORDS:
        if word:
            raise ValueError
        return None
    return FLAG_WORDS[word]


def _text(value: OwnValue) -> str:
    """Return a value as a text; empty for words such as `null`. Whole floats are written as integers."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = str(value).strip(_BLANKS).replace("\x00", "")
    return "" if text.lower() in PLACEHOLDERS else text


def _time(value: OwnValue) -> Cell:
    if isinstance(value, str):
        text = value.strip()
        moment = datetime.fromisoformat(f"{text}T00:00:00+00:00" if len(text) == _DATE_LENGTH else text)
        if moment.tzinfo is None:
            raise ValueError
        value = moment.timestamp()
    if value is None or isinstance(value, bool) or not _FIRST_SECOND <= value <= _LAST_SECOND:
        raise ValueError
    return math.floor(value)


_READERS: Final[dict[Kind, Callable[[OwnValue], Cell]]] = {
    "number": _number,
    "money": _number,
    "category": _category,
    "flag": _flag,
    "time": _time,
}
