"""A log as sorted arrays, in which `history_lookup` finds what was seen of a user, product or category.

All events of a key (a user, product or category) in time order are a run of one sorted array of whole numbers that hold
key, time and type.

The arrays are of the whole log; what is asked of them may be of some of its units at a time (`UnitArrays`), so that a
log whose feature table does not fit into memory can be gone through in parts.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from threading import RLock
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from core.features.packed_numbers import (
    TYPE_BITS,
    Numbers,
    Small,
    counts_before,
    dense_ranks,
    run_edges,
    run_starts,
    shifted,
)
from core.features.visits import VISIT, VISIT_START
from core.schema import CATEGORY, PRODUCT, TIME, TYPE, UNIT, USER

_MOST_BITS = 63


class Own(NamedTuple):
    """One element a (unit, value of a key), by unit: the unit's row in the units, the value's rank, events by type."""

    row: Small
    of: Small
    counts: Small


class Stream(NamedTuple):
    """All events of the log by key and time.

    Attributes:
        events: key, time and type of each in one number, sorted.
        edges: where the run of each key begins, and after the last key where it ends.
        summed: (events + 1, types): how many events of each type stand before a place.
        meetings: when each user (of a user: each session) first met a value of the key: key and time, sorted.
        met_edges: the edges of the meetings.
    """

    events: Numbers
    edges: Numbers
    summed: Small
    meetings: Numbers
    met_edges: Numbers


@dataclass(frozen=True, eq=False)
class EventArrays:
    """The events of a log, and the units they belong to, as arrays; times count from the log's first event.

    `events` and `units` are sorted by unit.
    """

    events: pl.DataFrame
    units: pl.DataFrame
    began: int
    _keys: dict[str, Small] = field(default_factory=dict)
    _streams: dict[str, Stream] = field(default_factory=dict)
    _met: dict[str, Numbers] = field(default_factory=dict)
    _halves_own: dict[str, Numbers] = field(default_factory=dict)
    _locks: dict[str, RLock] = field(default_factory=lambda: {key: RLock() for key in (USER, PRODUCT, CATEGORY)})

    @cached_property
    def starts(self) -> Numbers:
        """When each unit's visit began."""
        return self.units.get_column(VISIT_START).to_numpy() - self.began

    @cached_property
    def visits(self) -> Small:
        """Each unit's visit, as the row of the visit's first unit in the units."""
        return self._row_of(self.units.get_column(VISIT))

    def _row_of(self, units: pl.Series) -> Small:
        """Where these units stand in the units."""
        known = self.units.get_column(UNIT).to_numpy()
        if known[0] == 0 and known[-1] == len(known) - 1:  # as ingestion numbers them
            return units.to_numpy().astype(np.int32)
        return np.searchsorted(known, units.to_numpy()).astype(np.int32)

    @cached_property
    def other_halves(self) -> Small:
        """The row of the visit's other unit, -1 for a visit of one."""
        later = np.flatnonzero(self.visits != np.arange(len(self.visits)))
        others = np.full(len(self.visits), -1, np.int32)
        others[later] = self.visits[later]
        others[self.visits[later]] = later
        return others

    @property
    def times(self) -> Numbers:
        """When each event was; made anew each time, as it is only needed while streams are made."""
        return self.events.get_column(TIME).to_numpy() - self.began

    @cached_property
    def time_bits(self) -> int:
        """Bits that times and starts take."""
        return int(max(self.times.max(), self.starts.max())).bit_length()

    @cached_property
    def rows(self) -> Small:
        """Each event's unit, as its row in the units."""
        return self._row_of(self.events.get_column(UNIT))

    @cached_property
    def types(self) -> NDArray[np.int8]:
        """Each event's type."""
        return self.events.get_column(TYPE).to_numpy().astype(np.int8)

    @cached_property
    def users(self) -> Small:
        """Each unit's user, as a rank."""
        return dense_ranks(self.units.get_column(USER))

    def keys(self, key: str) -> Small:
        """Each event's user, product or category, as a rank."""
        with self._locks[key]:  # several groups may be at work, and ask for the same
            if key not in self._keys:
                self._keys[key] = self.users[self.rows] if key == USER else dense_ranks(self.events.get_column(key))
            return self._keys[key]

    def stream(self, key: str) -> Stream:
        """The events by key and time.

        Raises:
            OverflowError: key and time take more than 63 bits: a log of more than 10 billion events.
        """
        with self._locks[key]:
            if key not in self._streams:
                self._streams[key] = self._stream(key)
            return self._streams[key]

    def visits_met(self, key: str) -> Numbers:
        """User and value of the key in one number, one for each visit of the user that has the value; sorted."""
        with self._locks[key]:
            if key not in self._met:
                self._met[key] = self._visits_met(key)
            return self._met[key]

    def halves_own(self, key: str) -> Numbers:
        """Unit, value of the key and type in one number, one for each event of the units that have another half."""
        with self._locks[key]:
            if key not in self._halves_own:
                chosen = np.flatnonzero(self.other_halves[self.rows] >= 0)
                keys, bits = self.keys(key), int(self.keys(key).max()).bit_length()
                pairs = shifted(self.rows[chosen], bits) | keys[chosen]
                self._halves_own[key] = np.sort((pairs << TYPE_BITS) | self.types[chosen])
            return self._halves_own[key]

    def _stream(self, key: str) -> Stream:
        keys, bits = self.keys(key), self.time_bits
        key_bits = int(keys.max()).bit_length()
        if key_bits + TYPE_BITS + bits > _MOST_BITS:
            raise OverflowError(f"keys of {key_bits} bits and times of {bits}")
        values = int(keys.max()) + 1
        packed = shifted(keys, bits)
        packed |= self.times
        packed <<= TYPE_BITS
        packed |= self.types
        packed.sort()
        meetings = _first_meetings(self, key, keys)
        edges = run_edges(packed, values, bits + TYPE_BITS)
        return Stream(packed, edges, counts_before(packed), meetings, run_edges(meetings, values, bits))

    def _visits_met(self, key: str) -> Numbers:
        keys = self.keys(key)
        bits = int(keys.max()).bit_length()
        pairs = shifted(self.visits[self.rows], bits)
        pairs |= keys
        pairs.sort()
        pairs = pairs[run_starts(pairs)]
        met = shifted(self.users[pairs >> bits], bits)
        met |= pairs & ((1 << bits) - 1)
        met.sort()
        return met


@dataclass(frozen=True, eq=False)
class UnitArrays:
    """Some units of a log, and their events: what features are asked for at a time.

    Attributes:
        units: rows of the log's units, rising.
        events: rows of the log's events, rising.
        of: each event's unit, as its place among these units.
        height: how many units there are.
    """

    log: EventArrays
    units: slice | NDArray[np.int64]
    events: slice | NDArray[np.int64]
    of: Small
    height: int
    _own: dict[str, Own] = field(default_factory=dict)
    _lock: RLock = field(default_factory=RLock)

    @classmethod
    def side_by_side(cls, log: EventArrays, first: int, last: int) -> UnitArrays:
        """The units whose rows are `first` to before `last`."""
        events = slice(*map(int, np.searchsorted(log.rows, [first, last])))
        return cls(log, slice(first, last), events, log.rows[events] - np.int32(first), last - first)

    @classmethod
    def here_and_there(cls, log: EventArrays, units: NDArray[np.int64]) -> UnitArrays:
        """The units in these rows, which rise."""
        begins = np.searchsorted(log.rows, units)
        counts = np.searchsorted(log.rows, units, "right") - begins
        of = np.repeat(np.arange(len(units), dtype=np.int32), counts)
        within = np.arange(len(of)) - np.repeat(np.cumsum(counts) - counts, counts)
        return cls(log, units, begins[of] + within, of, len(units))

    @property
    def frame(self) -> pl.DataFrame:
        """The units."""
        return self.log.units[self.units]

    def own(self, key: str) -> Own:
        """What each unit did to each value of a key that it has.

        Raises:
            OverflowError: key and unit take more than 63 bits.
        """
        with self._lock:
            if key not in self._own:
                self._own[key] = self._count_own(key)
            return self._own[key]

    def _count_own(self, key: str) -> Own:
        keys = self.log.keys(key)[self.events]
        bits = int(keys.max()).bit_length()
        if bits + TYPE_BITS + self.height.bit_length() > _MOST_BITS:
            raise OverflowError(f"{self.height:,} units with keys of {bits} bits")
        packed = shifted(self.of, bits + TYPE_BITS) | shifted(keys, TYPE_BITS)
        packed |= self.log.types[self.events]
        packed.sort()
        begins = np.flatnonzero(run_starts(packed >> TYPE_BITS))
        pairs, summed = packed[begins] >> TYPE_BITS, counts_before(packed)
        counts: Small = summed[np.append(begins[1:], len(packed))] - summed[begins]
        return Own((pairs >> bits).astype(np.int32), (pairs & ((1 << bits) - 1)).astype(np.int32), counts)


def _first_meetings(log: EventArrays, key: str, keys: Small) -> Numbers:
    """When each user (of a user: each session) first met a value of the key: key and time in one number, sorted."""
    bits = log.time_bits
    if key == USER:
        visits = np.flatnonzero(log.visits == np.arange(len(log.visits)))
        return np.sort(shifted(log.users[visits], bits) | log.starts[visits])
    users = log.users[log.rows]
    user_bits, key_bits = int(users.max()).bit_length(), int(keys.max()).bit_length()
    # where key, user and time take more than 63 bits, the keys are gone through in parts that share their leading bits
    inner = max(min(key_bits, _MOST_BITS - user_bits - bits), 0)
    parts = []
    for part in range((int(keys.max()) >> inner) + 1):
        chosen = slice(None) if inner == key_bits else np.flatnonzero(keys >> inner == part)
        met = shifted(keys[chosen] & ((1 << inner) - 1), user_bits)
        met |= users[chosen]
        met <<= bits
        met |= log.times[chosen]
        met.sort()
        first = met[run_starts(met >> bits)]
        times = first & ((1 << bits) - 1)
        first >>= user_bits + bits
        first |= part << inner
        first <<= bits
        first |= times
        first.sort()
        parts.append(first)
    return np.concatenate(parts) if len(parts) > 1 else parts[0]
