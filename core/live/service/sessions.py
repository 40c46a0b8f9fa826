"""Open sessions of a service: their estimates, their expiry, and their limit."""

from __future__ import annotations

import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from core.live.events import Estimate, Event
from core.live.forecast import IDLE_SECONDS
from core.live.rules import Rules
from core.live.scorer import LiveScorer
from core.live.service.event_store import EventStore

Key = tuple[str, str]
"""Session id and user id."""
MAX_SESSIONS = 100_000
MAX_EVENTS = 10_000
"""Events of one session. An estimate reads all of them, which takes 13 ms for so many; other requests wait."""
MAX_REASONS = 100
"""Sessions that get reasons in one request, each of which takes about 10 ms."""


class LimitError(Exception):
    """A request exceeds a limit of the service; the message is a sentence."""


class OpenEstimate(NamedTuple):
    """An open session of a user, its latest estimate, and the seconds since its latest event was received."""

    key: Key
    estimate: Estimate
    idle: float


class SessionService:
    """Values open sessions, and stores their events.

    Args:
        scorer: values the sessions.
        store: stores the events. Those that it has are counted first.
        rules: label the sessions; None for the rules that the store has.
        idle_seconds: time without an event after which a session expires.
        max_sessions: limit of open sessions.
        clock: returns the current time in epoch seconds.
    """

    def __init__(
        self,
        scorer: LiveScorer,
        store: EventStore,
        *,
        rules: Rules | None = None,
        idle_seconds: int = IDLE_SECONDS,
        max_sessions: int = MAX_SESSIONS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._scorer, self._store, self._clock = scorer, store, clock
        self._rules = store.rules() if rules is None else rules
        self._idle_seconds, self._max_sessions = idle_seconds, max_sessions
        self._latest: OrderedDict[Key, int] = OrderedDict()
        """When the latest event of each open session was received, the earliest first."""
        self._users: dict[str, list[str]] = {}
        self._n_events: Counter[Key] = Counter()
        self._estimates: dict[Key, Estimate] = {}
        """The latest estimates, without reasons. After a restart, those of some sessions are not there yet."""
        for received, event, is_close in store.replay():
            if is_close:
                self._forget((event.session, event.user))
            else:
                self._count(event, received)
        self.expire()

    @property
    def rules(self) -> Rules:
        """The rules that label the sessions."""
        return self._rules

    def change_rules(self, rules: Rules) -> None:
        """Replace the rules, also for the next start without rules of its own."""
        self._store.save_rules(rules)
        self._rules = rules

    @property
    def n_open(self) -> int:
        """Number of open sessions."""
        return len(self._latest)

    def receive(self, events: Sequence[Event], *, reasons: bool = False) -> dict[Key, Estimate]:
        """Store and count events, and return the estimates of their sessions.

        Events with an id that the store has are not counted again.

        Raises:
            LimitError: the events would open more sessions than allowed, a session would have too many events, or
                reasons are wanted for too many sessions. None of the events was stored.
            sqlite3.Error: the events could not be stored.
        """
        self.expire()
        keys = Counter((event.session, event.user) for event in events)
        if len(self._latest) + sum(key not in self._latest for key in keys) > self._max_sessions:
            raise LimitError("Too many sessions are open. Try again when some have ended.")
        if any(self._n_events[key] + n_new > MAX_EVENTS for key, n_new in keys.items()):
            raise LimitError(
                f"A session has at most {MAX_EVENTS:,} events. Close it, or send its events with another id."
            )
        if reasons and len(keys) > MAX_REASONS:
            raise LimitError(
                f"Reasons are given for at most {MAX_REASONS} sessions at once. Send fewer, or ask without."
            )
        now = int(self._clock())
        for event, is_new in zip(events, self._store.add(events, now), strict=True):
            if is_new:
                self._count(event, now)
        return self._estimates_of(keys, reasons=reasons)

    def estimates(self, session: str, *, reasons: bool = False) -> dict[Key, Estimate]:
        """Return the estimates of a session, one per user; empty if it is not open."""
        self.expire()
        return self._estimates_of([(session, user) for user in self._users.get(session, ())], reasons=reasons)

    def open_sessions(self) -> Iterator[OpenEstimate]:
        """Yield the open sessions, those with the earliest latest event first. Takes longer after a restart."""
        self.expire()
        now = self._clock()
        for key, received in list(self._latest.items()):
            estimate = self._estimates.get(key) or self._estimates_of([key], reasons=False).get(key)
            if estimate is not None:
                yield OpenEstimate(key, estimate, max(now - received, 0.0))

    def close(self, session: str) -> bool:
        """Close a session, and return whether it was open. Its events stay history."""
        keys = [(session, user) for user in self._users.get(session, ())]
        self._close(keys)
        return bool(keys)

    def expire(self) -> None:
        """Close the sessions that have been idle for too long."""
        oldest = self._clock() - self._idle_seconds
        expired = []
        for key, received in self._latest.items():
            if received >= oldest:
                break
            expired.append(key)
        self._close(expired)

    def _estimates_of(self, keys: Iterable[Key], *, reasons: bool) -> dict[Key, Estimate]:
        estimates = {}
        for key in keys:
            estimate = self._scorer.estimate(*key, reasons=reasons)
            if estimate is not None:
                estimates[key] = estimate
                self._estimates[key] = replace(estimate, reasons=()) if reasons else estimate
        return estimates

    def _close(self, keys: Iterable[Key]) -> None:
        closed = list(keys)
        if closed:
            self._store.close_sessions(closed, int(self._clock()))
        for key in closed:
            self._forget(key)

    def _count(self, event: Event, received: int) -> None:
        key = (event.session, event.user)
        self._scorer.observe(event)
        self._n_events[key] += 1
        if key not in self._latest:
            self._users.setdefault(event.session, []).append(event.user)
        self._latest[key] = received
        self._latest.move_to_end(key)

    def _forget(self, key: Key) -> None:
        if self._latest.pop(key, None) is None:
            return
        del self._n_events[key]
        self._estimates.pop(key, None)
        session, user = key
        self._scorer.close(session, user)
        self._users[session].remove(user)
        if not self._users[session]:
            del self._users[session]
