"""Features of an open session's own columns, over its own events.

They are those of core.features.groups.own, computed in plain Python for one session. Cells are whole millionths, as in
batches, so sums are exact. tests/test_live_own.py compares the features with those of batches bit for bit.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from core.features.groups.own import MILLIONTHS_PER_SECOND, PER_SCALE, SCALE
from core.live.own_values import Cell
from core.live.session_features import LiveEvent
from core.own_columns import OwnColumn
from core.schema import ADD_CART, BUY, EVENT_CODE, EVENT_TYPES, REMOVE_CART, VIEW

_VIEW, _ADD, _REMOVE, _BUY = (EVENT_CODE[event_type] for event_type in (VIEW, ADD_CART, REMOVE_CART, BUY))
Features = dict[str, float]
"""Name of a feature -> its value; NaN where it is undefined."""


def millionths(column: OwnColumn, cell: Cell, time: int) -> int | None:
    """Return a cell as a number: millionths, of days for a time, 0 or 1 for a flag. None if empty or a category.

    Args:
        column: the own column.
        cell: as the log stores it.
        time: epoch seconds of the event.
    """
    if cell is None or isinstance(cell, str):
        return None
    if column.kind == "flag":
        return int(cell) * SCALE
    return rounded((time - cell) * MILLIONTHS_PER_SECOND if column.kind == "time" else cell * SCALE)


def rounded(number: float) -> int:
    """Round halves up, as in batches."""
    return math.floor(number + 0.5)


def own_features(columns: Sequence[OwnColumn], events: Sequence[LiveEvent]) -> Features:
    """Return the features of all own columns over the session's own events, which are in order."""
    features: Features = {}
    for index, column in enumerate(columns):
        counted = counted_events(column, events)
        if column.level in ("session", "user"):
            features |= _single_value(column, index, counted)
        elif column.kind == "category":
            categories = [category for event in counted if (category := event.own[index])]
            features |= _of_categories(column.stored, categories, len(counted))
        else:
            features |= _of_numbers(column, index, counted, events[-1])
    return features


def counted_events(column: OwnColumn, events: Sequence[LiveEvent]) -> Sequence[LiveEvent]:
    """Return the events whose cells of a column are used: all of them, unless purchases may not be used."""
    return events if column.with_purchases else [event for event in events if event.type != _BUY]


def _single_value(column: OwnColumn, index: int, counted: Sequence[LiveEvent]) -> Features:
    """Return the cell of a session or user, which is the same on all of its events; categories have no feature."""
    if column.kind == "category":
        return {}
    cells = [cell for event in counted if (cell := event.cells[index]) is not None]
    return {column.stored: max(cells) * PER_SCALE if cells else math.nan}


def _of_categories(name: str, categories: Sequence[object], n_counted: int) -> Features:
    counts = Counter(categories)
    return {
        f"{name}_filled": _ratio(len(categories), n_counted),
        f"{name}_distinct": len(counts),
        f"{name}_share_top": _ratio(max(counts.values(), default=0), len(categories)),
    }


def _of_numbers(column: OwnColumn, index: int, counted: Sequence[LiveEvent], last: LiveEvent) -> Features:
    name = column.stored
    filled = [(event.type, cell) for event in counted if (cell := event.cells[index]) is not None]
    cells = [cell for _, cell in filled]
    last_cell = last.cells[index] if column.with_purchases or last.type != _BUY else None
    mean = f"{name}_share" if column.kind == "flag" else f"{name}_mean"
    features = {
        f"{name}_filled": _ratio(len(cells), len(counted)),
        mean: _mean(cells),
        f"{name}_min": min(cells) * PER_SCALE if cells else math.nan,
        f"{name}_max": max(cells) * PER_SCALE if cells else math.nan,
        f"{name}_last": math.nan if last_cell is None else last_cell * PER_SCALE,
    }
    return features | _of_money(name, filled) if column.kind == "money" else features


def _of_money(name: str, filled: Sequence[tuple[int, int]]) -> Features:
    """Return the features of money by event type.

    Args:
        filled: pairs of event type and cell.
    """
    by_type: tuple[list[int], ...] = tuple([] for _ in EVENT_TYPES)
    for event_type, cell in filled:
        by_type[event_type].append(cell)
    added, removed = sum(by_type[_ADD]), sum(by_type[_REMOVE])
    return {
        f"{name}_viewed_mean": _mean(by_type[_VIEW]),
        f"{name}_added": added * PER_SCALE,
        f"{name}_in_cart": (added - removed) * PER_SCALE,
        f"{name}_bought": sum(by_type[_BUY]) * PER_SCALE,
    }


def _mean(cells: Sequence[int]) -> float:
    """Return the mean of cells in millionths as a number; NaN without a cell."""
    return average(sum(cells), len(cells)) * PER_SCALE if cells else math.nan


def average(total: int, count: int) -> float:
    """Divide as in batches, where both numbers become floats first."""
    return float(total) / float(count)


def _ratio(part: int, total: int) -> float:
    return part / total if total else math.nan
