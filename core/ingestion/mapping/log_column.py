"""One column of a log as it is looked at for a guess: its name, its first cells, and what they seem to be."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import polars as pl

from core.ingestion.amounts import DecimalMarks, decimal_marks, parse_amounts
from core.ingestion.mapping.fields import LONGEST_TEXT

MOSTLY: Final = 0.9
"""Share of a column's cells that must look alike: logs have a few odd rows, and the others decide."""

_ROWS_LOOKED_AT: Final = 5_000
"""Enough for every event word that a tenth of a percent of the rows have, and read in a blink."""

_EMPTY: Final = frozenset({"", "na", "n/a", "nan", "null", "none", "<na>", "\\n"})
"""What programs write, in any letter case, where there is nothing (the last one is SQL's)."""

_SPELLED_OUT: Final = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"})


@dataclass(frozen=True)
class LogColumn:
    """A column's name, trimmed, and its cells, trimmed: one a row, "" where there is nothing."""

    name: str
    cells: tuple[str, ...]

    @cached_property
    def filled(self) -> tuple[str, ...]:
        """The cells that have something."""
        return tuple(cell for cell in self.cells if cell)

    @property
    def filled_share(self) -> float:
        """Share of the cells that have something; 1 where no rows were given, for then nothing speaks against it."""
        return len(self.filled) / len(self.cells) if self.cells else 1.0

    @cached_property
    def distinct(self) -> tuple[str, ...]:
        """The different cells that have something, in the order in which they come first."""
        return tuple(dict.fromkeys(self.filled))

    def decimal_mark(self) -> str | None:
        """The mark with which nearly all filled cells are numbers: "." or ","; None where they are not."""
        return next((mark for mark in (".", ",") if self.are_numbers(mark)), None)

    @cached_property
    def marks(self) -> DecimalMarks:
        """What the cells say about their decimal mark."""
        return decimal_marks(pl.Series(self.filled, dtype=pl.String))

    def are_numbers(self, decimal: str) -> bool:
        """Whether nearly all filled cells are numbers with this decimal mark; true where no rows were given."""
        numbers = parse_amounts(pl.Series(self.filled, dtype=pl.String), decimal)
        found = len(numbers) - numbers.null_count()
        return not self.cells or (found > 0 and found >= MOSTLY * len(self.filled))


def log_columns(header: Sequence[str], rows: Sequence[Sequence[str | None]]) -> list[LogColumn]:
    """The columns whose names a mapping can hold, each name once; rows may be longer or shorter than the header."""
    columns: dict[str, LogColumn] = {}
    looked_at = rows[:_ROWS_LOOKED_AT]
    for place, given in enumerate(header):
        name = given.strip().removeprefix("\ufeff").strip()
        if _can_be_named(name) and name.lower() not in columns:
            columns[name.lower()] = LogColumn(name, tuple(_cell(row, place) for row in looked_at))
    return list(columns.values())


def plain(text: str) -> str:
    """Letters and digits only, in lower case, so that all ways to write a name are one.

    >>> plain("User_ID"), plain("userId"), plain("Stück zahl")
    ('userid', 'userid', 'stueckzahl')
    """
    return re.sub(r"[^a-z0-9]", "", unicodedata.normalize("NFC", text).lower().translate(_SPELLED_OUT))


def can_be_written(text: str) -> bool:
    """Whether a file can hold the text; half a surrogate pair, as broken logs have them, it cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _can_be_named(name: str) -> bool:
    return bool(name) and len(name) <= LONGEST_TEXT and can_be_written(name)


def _cell(row: Sequence[str | None], place: int) -> str:
    cell = row[place] if place < len(row) else None
    text = "" if cell is None else str(cell).strip()
    return "" if text.lower() in _EMPTY else text
