"""What happened on a user, product or category before a moment, counted for one value at a time.

The events of the model's history are looked up in the same sorted arrays as in batches (core.features.engines). Events
that arrive later are kept in separate lists.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from core.features.engines.sorted_arrays.event_arrays import EventArrays
from core.features.engines.sorted_arrays.packed_numbers import TYPE_BITS, run_starts, shifted
from core.features.session_log import WEEK
from core.schema import EVENT_TYPES, USER

_N_TYPES = len(EVENT_TYPES)


class Counts(NamedTuple):
    """Events on a value before a moment.

    Attributes:
        by_type: number of events of each type.
        distinct: number of users with an event on the value; for a user, number of visits.
        recent: number of events in the last week before the moment.
        last_seen: epoch seconds of the latest event; None without one.
    """

    by_type: tuple[int, ...]
    distinct: int
    recent: int
    last_seen: int | None


@dataclass
class _Added:
    """Events on a value that are not in the model's history: sorted times by type, and sorted first times by user."""

    times: tuple[list[int], ...] = field(default_factory=lambda: tuple([] for _ in EVENT_TYPES))
    firsts: list[int] = field(default_factory=list)


class Past:
    """The past of all values of a key: user, product or category."""

    def __init__(self, log: EventArrays, key: str) -> None:
        stream = log.stream(key)
        codes = log.units.get_column(USER) if key == USER else log.events.get_column(key)
        self._rank = {code: rank for rank, code in enumerate(codes.unique().sort().to_list())}
        self._stream, self._bits, self._first_second = stream, log.time_bits, log.first_second
        self._edges, self._first_edges = stream.edges.tolist(), stream.first_event_edges.tolist()
        self._is_user = key == USER
        self._pairs = np.empty(0, np.int64) if self._is_user else _value_users(log, key)
        self._users = {code: rank for rank, code in enumerate(log.units.get_column(USER).unique().sort().to_list())}
        self._user_bits = max(len(self._users), 1).bit_length()
        self._added: dict[int, _Added] = {}
        self._first_by_user: dict[tuple[int, int], int] = {}

    def before(self, code: int, moment: int) -> Counts:
        """Count the events on a value before a moment, in epoch seconds."""
        by_type, distinct, recent, last_seen = self._stored(code, moment)
        added = self._added.get(code)
        if added is not None:
            for event_type, times in enumerate(added.times):
                until = bisect_left(times, moment)
                by_type[event_type] += until
                recent += until - bisect_left(times, moment - WEEK, 0, until)
                if until and (last_seen is None or times[until - 1] > last_seen):
                    last_seen = times[until - 1]
            distinct += bisect_left(added.firsts, moment)
        return Counts(tuple(by_type), distinct, recent, last_seen)

    def add(self, code: int, user: int, time: int, event_type: int) -> None:
        """Add an event on a value. For a user, `add_visit` adds the visits."""
        added = self._added.setdefault(code, _Added())
        insort(added.times[event_type], time)
        if self._is_user or self._has_pair(code, user):
            return
        first = self._first_by_user.get((code, user))
        if first is not None and first <= time:
            return
        if first is not None:
            del added.firsts[bisect_left(added.firsts, first)]
        insort(added.firsts, time)
        self._first_by_user[code, user] = time

    def add_visit(self, user: int, start: int, previous_start: int | None) -> None:
        """Add a visit of a user, or move its start to an earlier time."""
        firsts = self._added.setdefault(user, _Added()).firsts
        if previous_start is not None:
            del firsts[bisect_left(firsts, previous_start)]
        insort(firsts, start)

    def span(self, code: int, moment: int) -> tuple[int, int]:
        """Return where the events on a value before a moment begin and end among the sorted events of the log."""
        rank = self._rank.get(code)
        return (0, 0) if rank is None else self._span(rank, moment)

    def _stored(self, code: int, moment: int) -> tuple[list[int], int, int, int | None]:
        rank = self._rank.get(code)
        if rank is None:
            return [0] * _N_TYPES, 0, 0, None
        stream, bits = self._stream, self._bits
        begin, until = self._span(rank, moment)
        seconds = min(max(moment - self._first_second, 0), 1 << bits)
        recent_from = min(max(moment - WEEK - self._first_second, 0), 1 << bits)
        recent = (
            until - begin - int(stream.events[begin:until].searchsorted(((rank << bits) + recent_from) << TYPE_BITS))
        )
        first_begin, first_end = self._first_edges[rank], self._first_edges[rank + 1]
        distinct = int(stream.first_events[first_begin:first_end].searchsorted((rank << bits) + seconds))
        by_type: list[int] = (stream.type_counts[until] - stream.type_counts[begin]).tolist()
        if until == begin:
            return by_type, distinct, recent, None
        latest = (int(stream.events[until - 1]) >> TYPE_BITS) & ((1 << bits) - 1)
        return by_type, distinct, recent, latest + self._first_second

    def _span(self, rank: int, moment: int) -> tuple[int, int]:
        begin, end = self._edges[rank], self._edges[rank + 1]
        seconds = min(max(moment - self._first_second, 0), 1 << self._bits)
        packed = ((rank << self._bits) + seconds) << TYPE_BITS
        return begin, begin + int(self._stream.events[begin:end].searchsorted(packed))

    def _has_pair(self, code: int, user: int) -> bool:
        """Return whether a user has an event on a value in the model's history."""
        rank, user_rank = self._rank.get(code), self._users.get(user)
        if rank is None or user_rank is None:
            return False
        packed = (rank << self._user_bits) | user_rank
        place = int(self._pairs.searchsorted(packed))
        return place < len(self._pairs) and int(self._pairs[place]) == packed


def _value_users(log: EventArrays, key: str) -> NDArray[np.int64]:
    """Return value and user of each pair in the log, packed and sorted."""
    bits = max(int(log.users.max()) + 1, 1).bit_length()
    pairs = shifted(log.values(key), bits) | log.users[log.unit_rows]
    pairs.sort()
    return pairs[run_starts(pairs)]
