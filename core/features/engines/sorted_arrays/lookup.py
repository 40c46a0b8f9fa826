"""Counts the events on the users, products and categories of units before a moment or in all other rows.

The number of events on a value before a moment is the distance between two positions in the log's sorted events: where
the run of the value begins, and where the moment would be inserted.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from core.features.engines.sorted_arrays.packed_numbers import TYPE_BITS, Int32s, Int64s, lower, shifted
from core.features.engines.sorted_arrays.unit_arrays import OwnCounts, UnitArrays
from core.schema import EVENT_TYPES, USER

Counts = NDArray[np.int32] | NDArray[np.int64]
_INT32_BITS = 31
_LOOKUPS_AT_ONCE = 1_024
"""So many sorted moments fall among some ten thousand events, which fit into the processor's cache."""


class HistoryCounts(NamedTuple):
    """What happened outside the visit: one element per (unit, value of a key in it), sorted by unit.

    Attributes:
        unit_row: the unit's row among the selected units.
        counts: number of events by type, before the visit's start or in all other rows, shape (pairs, types).
        distinct: number of users with an event on the value, or of the user's other visits, in the same rows.
        before: number of events of all types before the visit's start.
        recent: number of those in the last `recent_seconds` before the start.
        last: seconds from the log's first event to the latest event before the start; -1 without one.
    """

    unit_row: Int32s
    counts: Counts
    distinct: Counts
    before: Counts
    recent: Counts
    last: Counts


def look_up_history(selection: UnitArrays, key: str, recent_seconds: int, *, all_rows: bool) -> HistoryCounts:
    """Count the history of every value of a key in every selected unit.

    Args:
        selection: the units.
        key: the column user, product or category.
        recent_seconds: length of the period before the start that `recent` counts.
        all_rows: whether to count all rows outside the visit instead of those before its start.

    Raises:
        OverflowError: see `EventArrays.stream` and `UnitArrays.own_counts`.
    """
    log, bits = selection.log, selection.log.time_bits
    stream, own = log.stream(key), selection.own_counts(key)
    moments = shifted(own.value, bits) | log.starts[selection.units][own.unit_row]
    # Sorted by value and moment, neighbouring lookups read neighbouring memory.
    order = np.argsort(moments)
    moments, values = moments[order], own.value[order]

    begin, until = stream.edges[values], insertion_points(stream.events, moments << TYPE_BITS)
    recent_from = np.maximum(moments - recent_seconds, shifted(values, bits))
    first_until = stream.first_event_edges[values + 1] if all_rows else insertion_points(stream.first_events, moments)
    # Columns: counts by type, distinct, before, recent, last. In one matrix, they are reordered in one pass.
    results = np.empty((len(values), len(EVENT_TYPES) + 4), np.int32 if bits < _INT32_BITS else np.int64)
    counts, (distinct, before, recent, last) = results[:, :-4], results[:, -4:].T
    counts[:] = stream.type_counts[stream.edges[values + 1] if all_rows else until] - stream.type_counts[begin]
    distinct[:] = first_until - stream.first_event_edges[values]
    before[:] = until - begin
    recent[:] = until - insertion_points(stream.events, recent_from << TYPE_BITS)
    last[:] = lower(stream.events[np.maximum(until - 1, 0)] >> TYPE_BITS, bits)
    last[before == 0] = -1

    by_unit = np.empty_like(results)
    by_unit[order] = results
    counts, (distinct, before, recent, last) = by_unit[:, :-4], by_unit[:, -4:].T
    if all_rows:
        counts -= own.counts
        _subtract_other_units(counts, selection, key, own)
        distinct -= 1 if key == USER else _in_no_other_visit(selection, key, own)
    return HistoryCounts(own.unit_row, counts, distinct, before, recent, last)


def insertion_points(numbers: Int64s, queries: Int64s) -> Int64s:
    """Return `np.searchsorted(numbers, queries)` for sorted queries, in half the time for tens of millions of them.

    >>> insertion_points(np.array([10, 20, 30]), np.array([5, 20, 25])).tolist()
    [0, 1, 2]
    """
    cuts = np.append(np.searchsorted(numbers, queries[::_LOOKUPS_AT_ONCE]), len(numbers))
    points = np.empty(len(queries), np.int64)
    for first, (begin, end) in zip(range(0, len(queries), _LOOKUPS_AT_ONCE), pairwise(cuts), strict=True):
        chunk = slice(first, first + _LOOKUPS_AT_ONCE)
        points[chunk] = begin + np.searchsorted(numbers[begin:end], queries[chunk])
    return points


def _subtract_other_units(counts: Counts, selection: UnitArrays, key: str, own: OwnCounts) -> None:
    """Subtract the events of the visit's other unit from the counts, in place."""
    others = selection.log.other_units[selection.units][own.unit_row]
    rows = np.flatnonzero(others >= 0)
    if len(rows) == 0:
        return
    pairs = shifted(others[rows], selection.log.value_bits(key)) | own.value[rows]
    type_edges = (pairs << TYPE_BITS)[:, None] + np.arange(len(EVENT_TYPES) + 1)
    edges = np.searchsorted(selection.log.split_visit_events(key), type_edges)
    counts[rows] -= np.diff(edges, axis=1).astype(counts.dtype)


def _in_no_other_visit(selection: UnitArrays, key: str, own: OwnCounts) -> Int32s:
    """Return 1 for each pair whose user has the value in no other visit, else 0."""
    user_visits = selection.log.user_visits(key)
    pairs = shifted(selection.log.users[selection.units][own.unit_row], selection.log.value_bits(key)) | own.value
    n_visits = np.searchsorted(user_visits, pairs, "right") - np.searchsorted(user_visits, pairs)
    return np.asarray(n_visits == 1, dtype=np.int32)
