"""A column of a log as a guess sees it: its name, and its cells in the first rows."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import polars as pl

from core.base.text import fold_case
from core.ingestion.mapping.fields import is_allowed_text
from core.ingestion.values.amounts import DECIMAL_MARKS, DecimalEvidence, decimal_evidence, parse_amounts

MIN_SHARE: Final = 0.9
"""Share of cells that must agree. Real logs have a few odd rows, which must not decide a guess."""
_MAX_ROWS: Final = 5_000
"""Rows that a guess reads. An event type on 0.1% of the rows then occurs about five times."""
_EMPTY_CELLS: Final = frozenset({"", "na", "n/a", "nan", "null", "none", "<na>", "\\n"})
"""What programs write into an empty cell, in lower case. Backslash and n is the NULL of MySQL exports."""
_N_RECORDS: Final = 20
"""Cells that show the fields of records."""
_RECORD: Final = re.compile(r"\s*\[?\s*\{|\[\]$")
_FIELD: Final = re.compile(r"[\"']([^\W\d]\w*)[\"']\s*:")
"""Field of a record in JSON, or as Python, DuckDB and ClickHouse write it."""
_WORD_BOUNDARY: Final = re.compile(r"[\W_]+|(?<=[a-z])(?=[A-Z])")
_LETTERS: Final = str.maketrans({"ß": "ss", "ł": "l", "ø": "o", "æ": "ae", "œ": "oe"})
"""Letters without a decomposition into a plain letter and a mark, and their usual replacement."""


@dataclass(frozen=True)
class LogColumn:
    """Name and cells of a column, both without surrounding blanks. An empty cell is "".

    >>> column = LogColumn("price", ("12,50", "", "7,00", "12,50"))
    >>> column.fill_rate, column.distinct_values, column.decimal_mark()
    (0.75, ('12,50', '7,00'), ',')
    """

    name: str
    cells: tuple[str, ...]

    @cached_property
    def values(self) -> tuple[str, ...]:
        """The non-empty cells, in row order."""
        return tuple(cell for cell in self.cells if cell)

    @cached_property
    def distinct_values(self) -> tuple[str, ...]:
        """The distinct values, in order of first appearance."""
        return tuple(dict.fromkeys(self.values))

    @property
    def fill_rate(self) -> float:
        """Share of non-empty cells; 1 if there are no rows."""
        return len(self.values) / len(self.cells) if self.cells else 1.0

    def fill_rate_on(self, rows: Sequence[int]) -> float:
        """Return the share of non-empty cells on these rows; 1 if there are no rows."""
        return sum(bool(self.cells[row]) for row in rows) / len(rows) if rows else 1.0

    @cached_property
    def record_fields(self) -> tuple[str, ...]:
        """Names of the fields, if the cells are records or lists of records, such as JSON; otherwise empty."""
        examples = self.distinct_values[:_N_RECORDS]
        if not examples or not all(map(_RECORD.match, examples)):
            return ()
        return tuple(dict.fromkeys(field for cell in examples for field in _FIELD.findall(cell)))

    @cached_property
    def decimal_evidence(self) -> DecimalEvidence:
        """Values that show the decimal mark."""
        return decimal_evidence(self.series)

    def decimal_mark(self) -> str | None:
        """Return "." if the column is numeric with a decimal point, else "," if it is with a comma, else None."""
        return next((mark for mark in DECIMAL_MARKS if self.is_numeric(mark)), None)

    def is_numeric(self, decimal: str) -> bool:
        """Return whether nearly all values are numbers with this decimal mark; true if there are no rows."""
        if not self.cells:
            return True
        n_numbers = parse_amounts(self.series, decimal).count()
        return n_numbers > 0 and n_numbers >= MIN_SHARE * len(self.values)

    @property
    def series(self) -> pl.Series:
        """The values as a series."""
        return pl.Series(self.values, dtype=pl.String)


def read_columns(header: Sequence[str], rows: Sequence[Sequence[str | None]]) -> list[LogColumn]:
    """Return the columns of a log whose names a mapping can contain.

    Of columns whose names differ in letter case only, the first is returned. Rows may be shorter or longer than the
    header.

    >>> read_columns(["user", ""], [["u1", "x"], ["NULL"]])
    [LogColumn(name='user', cells=('u1', ''))]
    """
    columns: dict[str, LogColumn] = {}
    first_rows = rows[:_MAX_ROWS]
    for position, raw_name in enumerate(header):
        name = raw_name.strip().removeprefix("\ufeff").strip()
        if name and is_allowed_text(name) and fold_case(name) not in columns:
            columns[fold_case(name)] = LogColumn(name, tuple(_clean_cell(row, position) for row in first_rows))
    return list(columns.values())


def distinct_by_key(keys: LogColumn, column: LogColumn, rows: Iterable[int] | None = None) -> dict[str, set[str]]:
    """Return key -> distinct cells of the column in the rows with that key. Rows without a key are left out.

    >>> users = distinct_by_key(LogColumn("session", ("s1", "s1", "")), LogColumn("user", ("u1", "u2", "u3")))
    >>> {session: sorted(cells) for session, cells in users.items()}
    {'s1': ['u1', 'u2']}
    """
    cells: dict[str, set[str]] = defaultdict(set)
    for row in range(len(keys.cells)) if rows is None else rows:
        if keys.cells[row]:
            cells[keys.cells[row]].add(column.cells[row])
    return dict(cells)


def normalize(name: str) -> str:
    """Reduce a name to lower-case ASCII letters and digits, so that its spellings become equal.

    >>> normalize("User_ID"), normalize("userId"), normalize("Stück zahl"), normalize("ÜRÜN ADI")
    ('userid', 'userid', 'stuckzahl', 'urunadi')
    """
    decomposed = unicodedata.normalize("NFKD", fold_case(name).translate(_LETTERS))
    return re.sub(r"[^a-z0-9]", "", decomposed)


def name_words(name: str) -> list[str]:
    """Return the words of a name, normalized.

    >>> name_words("Billing Street"), name_words("items.itemBrand")
    (['billing', 'street'], ['items', 'item', 'brand'])
    """
    return [word for word in map(normalize, _WORD_BOUNDARY.split(name)) if word]


def _clean_cell(row: Sequence[str | None], position: int) -> str:
    cell = row[position] if position < len(row) else None
    text = "" if cell is None else str(cell).strip()
    return "" if text.lower() in _EMPTY_CELLS else text
