"""Decide from cells what a column describes: its event, the session, the product or the user."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping as Table
from itertools import chain
from typing import Final, NamedTuple

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


class _Evidence(NamedTuple):
    """What cells show about a level.

    Attributes:
        different: share of the ids with several rows whose cells differ; 0 without such ids.
        expected: number of these ids that would have different cells if cells were drawn at random.
    """

    different: float = 0.0
    expected: float = 0.0


def level_of(column: LogColumn, assigned: Table[str, LogColumn], hint: Hint) -> Level:
    """Return the level of a column. The name decides unless the cells contradict it; without evidence, `event`."""
    evidence = {level: _evidence(column, assigned, level) for level in _KEYS}
    if hint.level is not None and (hint.level == "event" or evidence[hint.level].different <= _MAX_DIFFERENT_HINTED):
        return hint.level
    shown = (
        level
        for level, found in evidence.items()
        if found.expected >= _MIN_EXPECTED and found.different <= _MAX_DIFFERENT
    )
    return next(shown, "event")


def _evidence(column: LogColumn, assigned: Table[str, LogColumn], level: Level) -> _Evidence:
    role, other_roles = _KEYS[level]
    keys = assigned.get(role)
    if keys is None:
        return _Evidence()
    other = next((assigned[each] for each in other_roles if each in assigned), None)
    first_cells: dict[str, dict[str, str]] = defaultdict(dict)  # id -> id of the other role, or row -> first cell
    for row, (key, cell) in enumerate(zip(keys.cells, column.cells, strict=True)):
        if key and cell:
            first_cells[key].setdefault(str(row) if other is None else other.cells[row], cell)
    cells_by_id = [list(cells.values()) for cells in first_cells.values()]
    repeated = [cells for cells in cells_by_id if len(cells) > 1]
    if not repeated:
        return _Evidence()
    counts = Counter(chain.from_iterable(cells_by_id))
    chance_of_equal = sum((count / counts.total()) ** 2 for count in counts.values())
    return _Evidence(
        different=sum(len(set(cells)) > 1 for cells in repeated) / len(repeated),
        expected=sum(1 - chance_of_equal ** (len(cells) - 1) for cells in repeated),
    )
