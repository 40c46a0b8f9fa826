"""The events of a whole log as sorted arrays of packed numbers.

A key is the column user, product or category. Its values are replaced by their ranks. The events on one value of a key
are a run of neighbouring numbers, in time order.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from threading import RLock
from typing import Any, NamedTuple, TypeVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from core.features.columns import VISIT, VISIT_START
from core.features.engines.sorted_arrays.packed_numbers import (
    TYPE_BITS,
    Int32s,
    Int64s,
    dense_ranks,
    lower,
    run_edges,
    run_starts,
    shifted,
    type_counts_before,
)
from core.schema import CATEGORY, PRODUCT, TIME, TYPE, UNIT, USER

MOST_BITS = 63
"""Bits of a packed number; the sign bit stays free."""
_ARRIVAL_SEED = 0
_Arrays = TypeVar("_Arrays")
_Result = TypeVar("_Result")


class KeyStream(NamedTuple):
    """All events of the log, sorted by the value of a key and by time.

    Attributes:
        events: value, time and type of each event, packed and sorted.
        edges: start of each value's run in `events`, and the end of the last run.
        type_counts: number of events of each type before each position, shape (events + 1, types).
        first_events: value and time of each user's first event on the value, packed and sorted. For the key user: user
            and start of each visit.
        first_event_edges: start of each value's run in `first_events`, and the end of the last run.
    """

    events: Int64s
    edges: Int64s
    type_counts: Int32s
    first_events: Int64s
    first_event_edges: Int64s


class KeyCache:
    """Results of functions of a key. Feature groups share them; a lock per key lets each be computed only once."""

    def __init__(self) -> None:
        self._results: dict[tuple[Callable[..., object], str], Any] = {}
        self._locks = {key: RLock() for key in (USER, PRODUCT, CATEGORY)}

    def get(self, compute: Callable[[_Arrays, str], _Result], arrays: _Arrays, key: str) -> _Result:
        """Return `compute(arrays, key)`."""
        with self._locks[key]:
            if (compute, key) not in self._results:
                self._results[compute, key] = compute(arrays, key)
            result: _Result = self._results[compute, key]
            return result


@dataclass(frozen=True, eq=False)
class EventArrays:
    """A log as arrays, which are computed when first used. Times are seconds since the log's first event.

    Attributes:
        events: the events, sorted by unit.
        units: the units with VISIT and VISIT_START, sorted by unit.
        first_second: epoch seconds of the log's first event.
    """

    events: pl.DataFrame
    units: pl.DataFrame
    first_second: int
    _cache: KeyCache = field(default_factory=KeyCache)

    # --- arrays by unit -----------------------------------------------------------------------------------------------
    @cached_property
    def starts(self) -> Int64s:
        """Start time of each unit's visit."""
        return self.units.get_column(VISIT_START).to_numpy() - self.first_second

    @cached_property
    def visits(self) -> Int32s:
        """Visit of each unit, as the row of the visit's first unit."""
        return self._rows_of_units(self.units.get_column(VISIT))

    @cached_property
    def other_units(self) -> Int32s:
        """Row of the other unit of the same visit; -1 for a visit of one unit."""
        later = np.flatnonzero(self.visits != np.arange(len(self.visits)))
        others = np.full(len(self.visits), -1, np.int32)
        others[later] = self.visits[later]
        others[self.visits[later]] = later
        return others

    @cached_property
    def users(self) -> Int32s:
        """User of each unit, as a rank."""
        return dense_ranks(self.units.get_column(USER))

    # --- arrays by event ----------------------------------------------------------------------------------------------
    @property
    def times(self) -> Int64s:
        """Time of each event. Not cached, because it is only needed to build streams."""
        return self.events.get_column(TIME).to_numpy() - self.first_second

    @cached_property
    def unit_rows(self) -> Int32s:
        """Unit of each event, as its row in `units`."""
        return self._rows_of_units(self.events.get_column(UNIT))

    @cached_property
    def arrival_ranks(self) -> Int32s:
        """Position in which each event of a unit is taken to have arrived, from 0: by time, and at random in a second.

        The log sorts the events of a second by type and product. If prefixes followed that order, some products would
        be in nearly all prefixes of baskets whose events share the second. The random order depends only on the
        positions in the log.
        """
        rows = self.unit_rows
        order = np.lexsort((np.random.default_rng(_ARRIVAL_SEED).random(len(rows)), self.times, rows))
        ranks = np.empty(len(rows), np.int32)
        begins = np.flatnonzero(np.diff(rows, prepend=-1))
        ranks[order] = np.arange(len(rows)) - np.repeat(begins, np.diff(begins, append=len(rows)))
        return ranks

    @cached_property
    def types(self) -> NDArray[np.int8]:
        """Type of each event."""
        return self.events.get_column(TYPE).to_numpy().astype(np.int8)

    @cached_property
    def time_bits(self) -> int:
        """Number of bits of the largest time or start."""
        return int(max(self.times.max(), self.starts.max())).bit_length()

    # --- arrays by key ------------------------------------------------------------------------------------------------
    def values(self, key: str) -> Int32s:
        """Return each event's user, product or category, as a rank."""
        return self._cache.get(_values, self, key)

    def value_bits(self, key: str) -> int:
        """Return the number of bits of the largest rank of a key."""
        return int(self.values(key).max()).bit_length()

    def stream(self, key: str) -> KeyStream:
        """Return the events sorted by a key and time.

        Raises:
            OverflowError: an event's rank, time and type do not fit into 63 bits, as in a log of more than 10 billion
                events.
        """
        return self._cache.get(_stream, self, key)

    def user_visits(self, key: str) -> Int64s:
        """Return user and value of each pair of a visit and a value in it, packed and sorted."""
        return self._cache.get(_user_visits, self, key)

    def split_visit_events(self, key: str) -> Int64s:
        """Return unit, value and type of each event of a visit with two units, packed and sorted."""
        return self._cache.get(_split_visit_events, self, key)

    def cached(self, compute: Callable[[EventArrays, str], _Result], key: str) -> _Result:
        """Return `compute(self, key)`, computed only once."""
        return self._cache.get(compute, self, key)

    def _rows_of_units(self, numbers: pl.Series) -> Int32s:
        """Return the rows of `units` with these unit numbers."""
        all_units = self.units.get_column(UNIT).to_numpy()
        if all_units[0] == 0 and all_units[-1] == len(all_units) - 1:  # ingestion numbers units by row
            return numbers.to_numpy().astype(np.int32)
        return np.searchsorted(all_units, numbers.to_numpy()).astype(np.int32)


def _values(log: EventArrays, key: str) -> Int32s:
    return log.users[log.unit_rows] if key == USER else dense_ranks(log.events.get_column(key))


def _stream(log: EventArrays, key: str) -> KeyStream:
    values, bits, value_bits = log.values(key), log.time_bits, log.value_bits(key)
    if value_bits + TYPE_BITS + bits > MOST_BITS:
        raise OverflowError(f"values of {value_bits} bits and times of {bits} bits do not fit into {MOST_BITS} bits")
    n_values = int(values.max()) + 1
    packed = shifted(values, bits)
    packed |= log.times
    packed <<= TYPE_BITS
    packed |= log.types
    packed.sort()
    first_events = _visit_starts(log) if key == USER else _first_events(log, key)
    edges, first_event_edges = run_edges(packed, n_values, bits + TYPE_BITS), run_edges(first_events, n_values, bits)
    return KeyStream(packed, edges, type_counts_before(packed), first_events, first_event_edges)


def _user_visits(log: EventArrays, key: str) -> Int64s:
    bits = log.value_bits(key)
    visits = shifted(log.visits[log.unit_rows], bits)
    visits |= log.values(key)
    visits.sort()
    visits = visits[run_starts(visits)]
    users = shifted(log.users[visits >> bits], bits)
    users |= lower(visits, bits)
    users.sort()
    return users


def _split_visit_events(log: EventArrays, key: str) -> Int64s:
    rows = np.flatnonzero(log.other_units[log.unit_rows] >= 0)
    pairs = shifted(log.unit_rows[rows], log.value_bits(key)) | log.values(key)[rows]
    return np.sort((pairs << TYPE_BITS) | log.types[rows])


def _visit_starts(log: EventArrays) -> Int64s:
    """Return user and start of each visit, packed and sorted."""
    visits = np.flatnonzero(log.visits == np.arange(len(log.visits)))
    return np.sort(shifted(log.users[visits], log.time_bits) | log.starts[visits])


def _first_events(log: EventArrays, key: str) -> Int64s:
    """Return value and time of each user's first event on the value, packed and sorted."""
    values, users, bits = log.values(key), log.users[log.unit_rows], log.time_bits
    user_bits, value_bits = int(users.max()).bit_length(), log.value_bits(key)
    # If value, user and time take more than 63 bits, each block of values with the same leading bits is sorted alone.
    inner_bits = max(min(value_bits, MOST_BITS - user_bits - bits), 0)
    blocks = []
    for leading in range((int(values.max()) >> inner_bits) + 1):
        rows = slice(None) if inner_bits == value_bits else np.flatnonzero(values >> inner_bits == leading)
        packed = shifted(values[rows] & ((1 << inner_bits) - 1), user_bits)
        packed |= users[rows]
        packed <<= bits
        packed |= log.times[rows]
        packed.sort()
        first = packed[run_starts(packed >> bits)]
        times = lower(first, bits)
        first >>= user_bits + bits
        first |= leading << inner_bits
        first <<= bits
        first |= times
        first.sort()
        blocks.append(first)
    return np.concatenate(blocks) if len(blocks) > 1 else blocks[0]
