"""What happened on a user, product or category before a moment, counted for one value at a time.

The events of a log are looked up in the same sorted arrays as in batches (core.features.engines). Events that arrive
later are kept in separate lists.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from core.features.engines.sorted_arrays.event_arrays import EventArrays
from core.features.engines.sorted_arrays.packed_numbers import TYPE_BITS, shifted
from core.features.session_log import WEEK
from core.schema import EVENT_TYPES, TIME, USER

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
    """Events on a value that are not in the log.

    Attributes:
        times: sorted times by type.
        firsts: sorted first times by user.
        no_firsts: sorted times in the log that are no longer those of a user's first event.
    """

    times: tuple[list[int], ...] = field(default_factory=lambda: tuple([] for _ in EVENT_TYPES))
    firsts: list[int] = field(default_factory=list)
    no_firsts: list[int] = field(default_factory=list)


class Past:
    """The past of all values of a key: user, product or category."""

    def __init__(self, log: EventArrays, key: str) -> None:
        stream = log.stream(key)
        codes = log.units.get_column(USER) if key == USER else log.events.get_column(key)
        self._codes = _sorted_codes(codes)
        self._stream, self._bits, self._first_second = stream, log.time_bits, log.first_second
        self._is_user = key == USER
        self._pairs = None if self._is_user else _FirstTimes(log, key)
        self._users = self._codes if self._is_user else _sorted_codes(log.units.get_column(USER))
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
            distinct += bisect_left(added.firsts, moment) - bisect_left(added.no_firsts, moment)
        return Counts(tuple(by_type), distinct, recent, last_seen)

    def add(self, code: int, user: int, time: int, event_type: int) -> None:
        """Add an event on a value. For a user, `add_visit` adds the visits."""
        added = self._added.setdefault(code, _Added())
        insort(added.times[event_type], time)
        if self._pairs is None:
            return
        first = self._first_by_user.get((code, user))
        in_log = first is None
        if first is None:
            first = self._first_in_log(code, user)
        if first is not None and first <= time:
            return
        if first is not None and in_log:
            insort(added.no_firsts, first)
        elif first is not None:
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
        rank = _rank(self._codes, code)
        return (0, 0) if rank is None else self._span(rank, moment)

    def _stored(self, code: int, moment: int) -> tuple[list[int], int, int, int | None]:
        rank = _rank(self._codes, code)
        if rank is None:
            return [0] * _N_TYPES, 0, 0, None
        stream, bits = self._stream, self._bits
        begin, until = self._span(rank, moment)
        seconds = min(max(moment - self._first_second, 0), 1 << bits)
        recent_from = min(max(moment - WEEK - self._first_second, 0), 1 << bits)
        recent = (
            until - begin - int(stream.events[begin:until].searchsorted(((rank << bits) + recent_from) << TYPE_BITS))
        )
        first_begin, first_end = stream.first_event_edges[rank : rank + 2].tolist()
        distinct = int(stream.first_events[first_begin:first_end].searchsorted((rank << bits) + seconds))
        by_type: list[int] = (stream.type_counts[until] - stream.type_counts[begin]).tolist()
        if until == begin:
            return by_type, distinct, recent, None
        latest = (int(stream.events[until - 1]) >> TYPE_BITS) & ((1 << bits) - 1)
        return by_type, distinct, recent, latest + self._first_second

    def _span(self, rank: int, moment: int) -> tuple[int, int]:
        begin, end = self._stream.edges[rank : rank + 2].tolist()
        seconds = min(max(moment - self._first_second, 0), 1 << self._bits)
        packed = ((rank << self._bits) + seconds) << TYPE_BITS
        return begin, begin + int(self._stream.events[begin:end].searchsorted(packed))

    def _first_in_log(self, code: int, user: int) -> int | None:
        """Return the time of the first event of a user on a value in the log; None without one."""
        rank, user_rank = _rank(self._codes, code), _rank(self._users, user)
        if self._pairs is None or rank is None or user_rank is None:
            return None
        return self._pairs.of(rank, user_rank)


class _FirstTimes:
    """First event of each user on each value of a log; values and users are ranks."""

    def __init__(self, log: EventArrays, key: str) -> None:
        self._bits = max(int(log.users.max()), 1).bit_length()
        pairs = shifted(log.values(key), self._bits) | log.users[log.unit_rows]
        rows = pl.DataFrame({"pair": pairs, TIME: log.events.get_column(TIME)})
        firsts = rows.group_by("pair").agg(pl.col(TIME).min()).sort("pair")
        self._pairs, self._times = firsts.get_column("pair").to_numpy(), firsts.get_column(TIME).to_numpy()

    def of(self, value: int, user: int) -> int | None:
        """Return the epoch seconds of the first event; None without one."""
        place = _rank(self._pairs, (value << self._bits) | user)
        return None if place is None else int(self._times[place])


def _sorted_codes(codes: pl.Series) -> NDArray[np.int64]:
    """Return the distinct codes. An array takes a twentieth of the memory of a dictionary."""
    return codes.unique().sort().to_numpy()


def _rank(codes: NDArray[np.int64], code: int) -> int | None:
    """Return the position of a code among the sorted ones; None if it is not one of them."""
    rank = int(codes.searchsorted(code))
    return rank if rank < len(codes) and codes[rank] == code else None
