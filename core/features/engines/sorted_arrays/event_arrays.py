"""The events of a whole log as sorted arrays of packed numbers.

Words: a *unit* is a session of one user in one file. A *visit* is the units of one session and user in both files, at
most two (core.features.visits). A *key* is the column user, product or category, and a *value* is one user, product or
category as its rank among those of the log. The events on a value are neighbours, in time order.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from threading import RLock
from typing import Any, NamedTuple, Self, TypeVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from core.features.columns import VISIT, VISIT_START
from core.features.engines.sorted_arrays.packed_numbers import (
    MOST_BITS,
    TYPE_BITS,
    Int32s,
    Int64s,
    dense_ranks,
    lower,
    require_bits,
    run_edges,
    run_starts,
    shifted,
    type_counts_before,
)
from core.schema import CATEGORY, PRODUCT, TIME, TYPE, UNIT, USER

_KEYS = (USER, PRODUCT, CATEGORY)
_ARRIVAL_SEED = 0
_MOST_EVENTS = 2**31 - 1
"""Rows and ranks are 32-bit integers, which halves the memory."""
_Result = TypeVar("_Result")


class KeyStream(NamedTuple):
    """All events of the log, sorted by the value of a key and by time. Layouts are those of `packed_numbers`.

    Attributes:
        events: `value | time | type` of each event, sorted.
        edges: start of each value's run in `events`, and the end of the last run.
        type_counts: number of events of each type before each position of `events`, shape (events + 1, types).
        first_events: `value | time` of each user's first event on the value, sorted. For the key user: `user | start`
            of each visit.
        first_event_edges: start of each value's run in `first_events`, and the end of the last run.
    """

    events: Int64s
    edges: Int64s
    type_counts: Int32s
    first_events: Int64s
    first_event_edges: Int64s


@dataclass(frozen=True, eq=False)
class SharedByKey:
    """Base of arrays with results that depend on a key. Feature groups in several threads share each result."""

    _results: dict[tuple[Callable[..., object], str], Any] = field(init=False, default_factory=dict)
    _locks: dict[str, RLock] = field(init=False, default_factory=lambda: {key: RLock() for key in _KEYS})

    def cached(self, compute: Callable[[Self, str], _Result], key: str) -> _Result:
        """Return `compute(self, key)`, computed only once."""
        with self._locks[key]:
            if (compute, key) not in self._results:
                self._results[compute, key] = compute(self, key)
            result: _Result = self._results[compute, key]
            return result


@dataclass(frozen=True, eq=False)
class EventArrays(SharedByKey):
    """A log as arrays, which are computed when first used. Times are seconds since the log's first event.

    Attributes:
        events: the events, sorted by unit; at least one. Each is of one of `units`.
        units: the units with VISIT and VISIT_START, sorted by unit.
        first_second: epoch seconds of the log's first event.

    Raises:
        OverflowError: the log has more than two billion events.
    """

    events: pl.DataFrame
    units: pl.DataFrame
    first_second: int

    def __post_init__(self) -> None:
        if self.events.height > _MOST_EVENTS:
            raise OverflowError(f"a log of {self.events.height:,} events needs the engine DuckDB or Spark")

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
        return self.cached(_values, key)

    def value_bits(self, key: str) -> int:
        """Return the number of bits of the largest rank of a key."""
        return int(self.values(key).max()).bit_length()

    def stream(self, key: str) -> KeyStream:
        """Return the events sorted by a key and time.

        Raises:
            OverflowError: value, time and type do not fit into a packed number.
        """
        return self.cached(_stream, key)

    def user_visits(self, key: str) -> Int64s:
        """Return `user | value` of each pair of a visit and a value in it, sorted."""
        return self.cached(_user_visits, key)

    def split_visit_events(self, key: str) -> Int64s:
        """Return `unit | value | type` of each event of a visit with two units, sorted.

        Raises:
            OverflowError: they do not fit into a packed number.
        """
        return self.cached(_split_visit_events, key)

    def _rows_of_units(self, numbers: pl.Series) -> Int32s:
        """Return the rows of `units` with these unit numbers."""
        all_units = self.units.get_column(UNIT).to_numpy()
        if all_units[0] == 0 and all_units[-1] == len(all_units) - 1:  # ingestion numbers units by row
            return numbers.to_numpy().astype(np.int32)
        return np.searchsorted(all_units, numbers.to_numpy()).astype(np.int32)


def _values(log: EventArrays, key: str) -> Int32s:
    return log.users[log.unit_rows] if key == USER else dense_ranks(log.events.get_column(key))


def _stream(log: EventArrays, key: str) -> KeyStream:
    values, time_bits = log.values(key), log.time_bits
    require_bits(value=log.value_bits(key), time=time_bits, type=TYPE_BITS)
    packed = shifted(values, time_bits)
    packed |= log.times
    packed <<= TYPE_BITS
    packed |= log.types
    packed.sort()
    first_events = _visit_starts(log) if key == USER else _first_events(log, key)
    n_values = int(values.max()) + 1
    return KeyStream(
        events=packed,
        edges=run_edges(packed, n_values, time_bits + TYPE_BITS),
        type_counts=type_counts_before(packed),
        first_events=first_events,
        first_event_edges=run_edges(first_events, n_values, time_bits),
    )


def _user_visits(log: EventArrays, key: str) -> Int64s:
    value_bits = log.value_bits(key)
    visit_values = shifted(log.visits[log.unit_rows], value_bits)
    visit_values |= log.values(key)
    visit_values.sort()
    visit_values = visit_values[run_starts(visit_values)]
    user_values = shifted(log.users[visit_values >> value_bits], value_bits)
    user_values |= lower(visit_values, value_bits)
    user_values.sort()
    return user_values


def _split_visit_events(log: EventArrays, key: str) -> Int64s:
    require_bits(unit=len(log.visits).bit_length(), value=log.value_bits(key), type=TYPE_BITS)
    rows = np.flatnonzero(log.other_units[log.unit_rows] >= 0)
    pairs = shifted(log.unit_rows[rows], log.value_bits(key)) | log.values(key)[rows]
    return np.sort((pairs << TYPE_BITS) | log.types[rows])


def _visit_starts(log: EventArrays) -> Int64s:
    """Return `user | start` of each visit, sorted."""
    visits = np.flatnonzero(log.visits == np.arange(len(log.visits)))
    return np.sort(shifted(log.users[visits], log.time_bits) | log.starts[visits])


def _first_events(log: EventArrays, key: str) -> Int64s:
    """Return `value | time` of each user's first event on the value, sorted.

    The first events are found by sorting `value | user | time`. In a log of hundreds of millions of events, these do
    not fit into a packed number. Then values with the same highest bits are a block, and each block is sorted alone,
    without these bits.
    """
    values, users, time_bits = log.values(key), log.users[log.unit_rows], log.time_bits
    user_bits = int(users.max()).bit_length()
    require_bits(user=user_bits, time=time_bits)
    low_bits = min(log.value_bits(key), MOST_BITS - user_bits - time_bits)
    n_blocks = (int(values.max()) >> low_bits) + 1
    blocks = []
    for block in range(n_blocks):
        rows = slice(None) if n_blocks == 1 else np.flatnonzero(values >> low_bits == block)
        packed = shifted(values[rows] & ((1 << low_bits) - 1), user_bits)
        packed |= users[rows]
        packed <<= time_bits
        packed |= log.times[rows]
        first_events = _first_of_each_user(packed, user_bits, time_bits)
        first_events |= block << (low_bits + time_bits)
        blocks.append(first_events)
    return np.concatenate(blocks) if n_blocks > 1 else blocks[0]


def _first_of_each_user(packed: Int64s, user_bits: int, time_bits: int) -> Int64s:
    """Return `value | time` of the first event of each value and user, sorted.

    Args:
        packed: `value | user | time` of each event; is sorted in place.
    """
    packed.sort()
    first_events = packed[run_starts(packed >> time_bits)]
    times = lower(first_events, time_bits)
    first_events >>= user_bits + time_bits
    first_events <<= time_bits
    first_events |= times
    first_events.sort()
    return first_events
