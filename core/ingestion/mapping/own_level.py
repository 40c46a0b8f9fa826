"""Decide from cells what a column describes: its event, the session, the product or the user."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping as Table
from typing import Final

from core.ingestion.mapping.log_column import LogColumn
from core.ingestion.mapping.own_names import Hint
from core.own_columns import Level
from core.schema import PRODUCT_ID, USER_ID, USER_SESSION

_KEYS: Final[dict[Level, tuple[str, tuple[str, ...]]]] = {
    "product": (PRODUCT_ID, (USER_SESSION, USER_ID)),
    "user": (USER_ID, (USER_SESSION, PRODUCT_ID)),
    "session": (USER_SESSION, (PRODUCT_ID,)),
}
"""Level -> role of its ids, and roles in which its rows must differ to be evidence, the best first. Many rows of a
product in one session show nothing about the product, if the column describes the session."""
_MIN_EXPECTED: Final = 5.0
"""Ids that would have several cells if cells were drawn at random. With fewer, equal cells may be chance."""
_MAX_DIFFERENT: Final = 0.02
"""Share of ids that may have several cells, because real logs have a few odd rows."""
_MAX_DIFFERENT_HINTED: Final = 0.1
"""The same for a level that the column's name says."""


def level_of(column: LogColumn, assigned: Table[str, LogColumn], hint: Hint) -> Level:
    """Return the level of a column. The name decides unless the cells contradict it; without evidence, `event`."""
    shares = {level: _evidence(column, assigned, level) for level in _KEYS}
    if hint.level is not None and (hint.level == "event" or shares[hint.level][0] <= _MAX_DIFFERENT_HINTED):
        return hint.level
    return next(
        (
            level
            for level, (different, expected) in shares.items()
            if expected >= _MIN_EXPECTED and different <= _MAX_DIFFERENT
        ),
        "event",
    )


def _evidence(column: LogColumn, assigned: Table[str, LogColumn], level: Level) -> tuple[float, float]:
    """Return the share of repeated ids with different cells, and the expected number of those with random cells."""
    role, other_roles = _KEYS[level]
    keys = assigned.get(role)
    other = next((assigned[each] for each in other_roles if each in assigned), None)
    if keys is None:
        return 0.0, 0.0
    cells: dict[str, dict[str, str]] = defaultdict(dict)
    for row, (key, cell) in enumerate(zip(keys.cells, column.cells, strict=True)):
        if key and cell:
            cells[key].setdefault(str(row) if other is None else other.cells[row], cell)
    repeated = [list(found.values()) for found in cells.values() if len(found) > 1]
    if not repeated:
        return 0.0, 0.0
    counts = Counter(cell for found in cells.values() for cell in found.values())
    equal = sum((count / counts.total()) ** 2 for count in counts.values())
    expected = sum(1 - equal ** (len(found) - 1) for found in repeated)
    return sum(len(set(found)) > 1 for found in repeated) / len(repeated), expected
