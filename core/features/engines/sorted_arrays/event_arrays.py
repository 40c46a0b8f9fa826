"""The events of a whole log as sorted arrays of packed numbers.

A key is the column user, product or category; its values are replaced by their ranks. All events on one value of a key
are a run of neighbouring numbers, in time order.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from threading import RLock
from typing import NamedTuple, TypeVar, cast

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
_Array = TypeVar("_Array")


class KeyStream(NamedTuple):
    """All events of the log, sorted by the value of a key and by time.

    Attributes:
        events: value, time and type of each event in one number, sorted.
        edges: start of each value's run in `events`, and the end of the last run.
        type_counts: (events + 1, types): how many events of each type precede a position.
        meetings: value and time of each user's first event on the value, in one number, sorted. For users: the start of
            each of their visits.
        meeting_edges: start of each value's run in `meetings`, and the end of the last run.
    """

    events: Int64s
    edges: Int64s
    type_counts: Int32s
    meetings: Int64s
    meeting_edges: Int64s


@dataclass(frozen=True, eq=False)
class EventArrays:
    """A log as arrays, which are computed when first used. Times count from the log's first event.

    Several feature groups use the arrays at the same time; a lock per key lets each array be computed only once.

    Attributes:
        events: the events, sorted by unit.
        units: the units with VISIT and VISIT_START, sorted by unit.
        first_second: epoch seconds of the log's first event.
    """

    events: pl.DataFrame
    units: pl.DataFrame
    first_second: int
    _cache: dict[tuple[str, str], object] = field(default_factory=dict)
    _locks: dict[str, RLock] = field(default_factory=lambda: {key: RLock() for key in (USER, PRODUCT, CATEGORY)})

    # --- arrays by unit -----------------------------------------------------------------------------------------------
    @cached_property
    def starts(self) -> Int64s:
        """Start time of each unit's visit."""
        return self.units.get_column(VISIT_START).to_numpy() - self.first_second

    @cached_property
    def visits(self) -> Int32s:
        """Visit of each unit, as the row of the visit's first unit."""
        return self._unit_rows(self.units.get_column(VISIT))

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
        """Time of each event. Not cached: needed only while streams are built."""
        return self.events.get_column(TIME).to_numpy() - self.first_second

    @cached_property
    def unit_rows(self) -> Int32s:
        """Unit of each event, as its row in `units`."""
        return self._unit_rows(self.events.get_column(UNIT))

    @cached_property
    def types(self) -> NDArray[np.int8]:
        """Type of each event."""
        return self.events.get_column(TYPE).to_numpy().astype(np.int8)

    @cached_property
    def time_bits(self) -> int:
        """Number of bits for times and starts."""
        return int(max(self.times.max(), self.starts.max())).bit_length()

    # --- arrays by key ------------------------------------------------------------------------------------------------
    def values(self, key: str) -> Int32s:
        """Return each event's user, product or category, as a rank."""
        return self._cached(
            "values",
            key,
            lambda: self.users[self.unit_rows] if key == USER else dense_ranks(self.events.get_column(key)),
        )

    def value_bits(self, key: str) -> int:
        """Return the number of bits for the ranks of a key."""
        return int(self.values(key).max()).bit_length()

    def stream(self, key: str) -> KeyStream:
        """Return the events sorted by a key and time.

        Raises:
            OverflowError: value, time and type take more than 63 bits: a log of more than 10 billion events.
        """
        return self._cached("stream", key, lambda: self._stream(key))

    def user_visits(self, key: str) -> Int64s:
        """Return user and value in one number for each visit of the user that has the value; sorted."""
        return self._cached("user_visits", key, lambda: self._user_visits(key))

    def split_visit_events(self, key: str) -> Int64s:
        """Return unit, value and type in one number for each event of a visit with two units; sorted."""
        return self._cached("split_visit_events", key, lambda: self._split_visit_events(key))

    def _stream(self, key: str) -> KeyStream:
        values, bits, value_bits = self.values(key), self.time_bits, self.value_bits(key)
        if value_bits + TYPE_BITS + bits > MOST_BITS:
            raise OverflowError(f"keys of {value_bits} bits and times of {bits}")
        n_values = int(values.max()) + 1
        packed = shifted(values, bits)
        packed |= self.times
        packed <<= TYPE_BITS
        packed |= self.types
        packed.sort()
        meetings = _visit_starts(self) if key == USER else _first_meetings(self, key)
        edges = run_edges(packed, n_values, bits + TYPE_BITS)
        return KeyStream(packed, edges, type_counts_before(packed), meetings, run_edges(meetings, n_values, bits))

    def _user_visits(self, key: str) -> Int64s:
        bits = self.value_bits(key)
        visits = shifted(self.visits[self.unit_rows], bits)
        visits |= self.values(key)
        visits.sort()
        visits = visits[run_starts(visits)]
        users = shifted(self.users[visits >> bits], bits)
        users |= lower(visits, bits)
        users.sort()
        return users

    def _split_visit_events(self, key: str) -> Int64s:
        rows = np.flatnonzero(self.other_units[self.unit_rows] >= 0)
        pairs = shifted(self.unit_rows[rows], self.value_bits(key)) | self.values(key)[rows]
        return np.sort((pairs << TYPE_BITS) | self.types[rows])

    def _unit_rows(self, units: pl.Series) -> Int32s:
        """Return the rows of these units in `units`."""
        all_units = self.units.get_column(UNIT).to_numpy()
        if all_units[0] == 0 and all_units[-1] == len(all_units) - 1:  # as ingestion numbers them
            return units.to_numpy().astype(np.int32)
        return np.searchsorted(all_units, units.to_numpy()).astype(np.int32)

    def _cached(self, name: str, key: str, compute: Callable[[], _Array]) -> _Array:
        with self._locks[key]:
            if (name, key) not in self._cache:
                self._cache[name, key] = compute()
            return cast(_Array, self._cache[name, key])


def _visit_starts(log: EventArrays) -> Int64s:
    """Return user and start of each visit in one number, sorted."""
    visits = np.flatnonzero(log.visits == np.arange(len(log.visits)))
    return np.sort(shifted(log.users[visits], log.time_bits) | log.starts[visits])


def _first_meetings(log: EventArrays, key: str) -> Int64s:
    """Return value and time of each user's first event on the value in one number, sorted."""
    values, users, bits = log.values(key), log.users[log.unit_rows], log.time_bits
    user_bits, value_bits = int(users.max()).bit_length(), log.value_bits(key)
    # If value, user and time take more than 63 bits, values with the same leading bits are sorted at a time.
    inner_bits = max(min(value_bits, MOST_BITS - user_bits - bits), 0)
    parts = []
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
        parts.append(first)
    return np.concatenate(parts) if len(parts) > 1 else parts[0]
