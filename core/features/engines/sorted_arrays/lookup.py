"""Counts the events on the users, products and categories of units before a moment or in all other rows.

The number of events on a value before a moment is the distance between two positions in the log's sorted events: where
the run of the value begins, and where the moment would be inserted.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from core.features.engines.sorted_arrays.event_arrays import EventArrays
from core.features.engines.sorted_arrays.packed_numbers import TYPE_BITS, Int32s, Int64s, lower, shifted
from core.features.engines.sorted_arrays.unit_arrays import OwnCounts, UnitArrays
from core.schema import EVENT_TYPES, USER

Counts = NDArray[np.int32] | NDArray[np.int64]
_INT32_BITS = 31
_LOOKUPS_AT_ONCE = 1_024
"""So many sorted moments fall among some ten thousand events, which fit into the processor's cache."""
_TYPES = slice(len(EVENT_TYPES))
_DISTINCT, _BEFORE, _RECENT, _LAST_SEEN = range(len(EVENT_TYPES), len(EVENT_TYPES) + 4)
_N_COLUMNS = _LAST_SEEN + 1
"""Columns of the results: in one matrix, they are reordered in one pass."""


class HistoryCounts(NamedTuple):
    """What happened outside the visit: one element per (unit, value of a key in it), sorted by unit.

    Attributes:
        unit_row: the unit's row among the selected units.
        counts: number of events by type, before the visit's start or in all other rows, shape (pairs, types).
        distinct: number of users with an event on the value, or of the user's other visits, in the same rows.
        before: number of events of all types before the visit's start.
        recent: number of those in the last `recent_seconds` before the start.
        last_seen: seconds from the log's first event to the latest event before the start; -1 without one.
    """

    unit_row: Int32s
    counts: Counts
    distinct: Counts
    before: Counts
    recent: Counts
    last_seen: Counts


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
    log, own = selection.log, selection.own_counts(key)
    moments = shifted(own.value, log.time_bits) | log.starts[selection.units][own.unit_row]
    order = np.argsort(moments)
    sorted_results = _results_at(log, key, moments[order], recent_seconds, all_rows=all_rows)
    results = np.empty_like(sorted_results)
    results[order] = sorted_results
    if all_rows:
        results[:, _TYPES] -= own.counts
        _subtract_other_units(results[:, _TYPES], selection, key, own)
        results[:, _DISTINCT] -= 1 if key == USER else _in_no_other_visit(selection, key, own)
    columns = (results[:, column] for column in (_TYPES, _DISTINCT, _BEFORE, _RECENT, _LAST_SEEN))
    return HistoryCounts(own.unit_row, *columns)


def _results_at(log: EventArrays, key: str, moments: Int64s, recent_seconds: int, *, all_rows: bool) -> Counts:
    """Return a row of results for each moment. With `all_rows`, counts and `distinct` include the visit itself.

    Args:
        moments: `value | time`, sorted, so that neighbouring lookups read neighbouring memory.
    """
    stream, time_bits = log.stream(key), log.time_bits
    values = moments >> time_bits
    begin, until = stream.edges[values], insertion_points(stream.events, moments << TYPE_BITS)
    recent_from = np.maximum(moments - recent_seconds, values << time_bits)  # not in the run of the value before
    if all_rows:
        counted_until, first_until = stream.edges[values + 1], stream.first_event_edges[values + 1]
    else:
        counted_until, first_until = until, insertion_points(stream.first_events, moments)
    # Counts fit into 32 bits, because the number of a log's events does.
    results = np.empty((len(moments), _N_COLUMNS), np.int32 if time_bits < _INT32_BITS else np.int64)
    results[:, _TYPES] = stream.type_counts[counted_until] - stream.type_counts[begin]
    results[:, _DISTINCT] = first_until - stream.first_event_edges[values]
    results[:, _BEFORE] = until - begin
    results[:, _RECENT] = until - insertion_points(stream.events, recent_from << TYPE_BITS)
    results[:, _LAST_SEEN] = lower(stream.events[np.maximum(until - 1, 0)] >> TYPE_BITS, time_bits)
    results[until == begin, _LAST_SEEN] = -1
    return results


def insertion_points(numbers: Int64s, queries: Int64s) -> Int64s:
    """Return `np.searchsorted(numbers, queries)` in half the time for tens of millions of queries.

    Args:
        numbers: sorted numbers.
        queries: sorted, too; the result is wrong for others.

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
    user_visits, users = selection.log.user_visits(key), selection.log.users[selection.units][own.unit_row]
    pairs = shifted(users, selection.log.value_bits(key)) | own.value
    n_visits = np.searchsorted(user_visits, pairs, "right") - np.searchsorted(user_visits, pairs)
    return np.asarray(n_visits == 1, dtype=np.int32)
