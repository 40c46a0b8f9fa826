"""Find columns that repeat another column: with equal cells, with renamed cells, or with cells that it determines."""

from __future__ import annotations

from collections import Counter
from typing import Final

from core.ingestion.mapping.log_column import MIN_SHARE, LogColumn

_EQUAL: Final = 0.98
"""Share of rows on which two columns must say the same."""


def equals(column: LogColumn, other: LogColumn) -> bool:
    """Return whether two columns have the same cells on nearly all rows, not counting their most frequent cell."""
    if not _may_be_equal(column, other):
        return False
    pairs = zip(column.cells, other.cells, strict=True)
    n_different = sum(first != second for first, second in pairs)
    return n_different <= _tolerated(Counter(column.cells))


def _may_be_equal(column: LogColumn, other: LogColumn) -> bool:
    """Return whether two columns have about the same number of distinct values, without comparing rows."""
    fewer, more = sorted((len(column.distinct_values), len(other.distinct_values)))
    return fewer >= MIN_SHARE * more - 1


def renames(column: LogColumn, other: LogColumn) -> bool:
    """Return whether each value of one column belongs to one value of the other, on nearly all rows."""
    if not _may_be_equal(column, other):
        return False
    pairs = Counter(pair for pair in zip(column.cells, other.cells, strict=True) if all(pair))
    if pairs.total() < _EQUAL * len(column.values):
        return False
    return _determined(pairs) and _determined(Counter({(second, first): n for (first, second), n in pairs.items()}))


def follows(column: LogColumn, other: LogColumn) -> bool:
    """Return whether the other column determines the cells of a column, including which cells are empty."""
    return _determined(Counter(zip(other.cells, column.cells, strict=True)))


def _determined(pairs: Counter[tuple[str, str]]) -> bool:
    """Return whether the first item of a pair determines the second one on nearly all rows."""
    most: Counter[str] = Counter()
    seconds: Counter[str] = Counter()
    for (first, second), n_rows in pairs.items():
        most[first] = max(most[first], n_rows)
        seconds[second] += n_rows
    return pairs.total() - most.total() <= _tolerated(seconds)


def _tolerated(cells: Counter[str]) -> float:
    """Return the number of rows that may differ: a share of those without the most frequent cell.

    If nearly all rows have one cell, they show nothing.
    """
    return (1 - _EQUAL) * (cells.total() - max(cells.values(), default=0))
