"""Open sessions of a service: their estimates, their expiry, and their limits."""

from __future__ import annotations

import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from core.live.events import Estimate, Event
from core.live.forecast import IDLE_SECONDS
from core.live.rules import Rules
from core.live.service.bulk_load import BulkLoad
from core.live.service.estimate_table import EstimateTable, Key
from core.live.service.event_store import EventStore, StoredEvent
from core.live.service.served_model import ServedModel

MAX_SESSIONS = 100_000
"""Default limit of open sessions."""
MAX_EVENTS = 10_000
"""Maximum number of events of a session. An estimate reads all of them, which takes 13 ms, and other requests wait."""
MAX_REASONS = 100
"""Maximum number of sessions with reasons in one request. Each takes about 10 ms."""
_AT_ONCE = 100_000
"""Stored events that are read at once when the service starts, which take about 30 MB."""


class LimitError(Exception):
    """A request exceeds a limit of the service; the message is a sentence."""


@dataclass(frozen=True)
class Arrival:
    """The events of a request, and whether their estimates need reasons."""

    events: Sequence[Event]
    reasons: bool = False

    @property
    def keys(self) -> dict[Key, int]:
        """The sessions of the events, with their numbers of events."""
        return Counter((event.session, event.user) for event in self.events)


class SessionService:
    """Predicts open sessions, and stores their events.

    Args:
        served: the model that predicts the sessions.
        store: stores the events. Those that it has are counted first.
        rules: label the sessions; None for the rules that the store has.
        idle_seconds: time without an event after which a session expires.
        max_sessions: limit of open sessions.
        clock: returns the current time in epoch seconds.

    Attributes:
        served: the model that predicts the sessions now.
        store: the store.
        table: the latest estimates. After a restart or a change of the model, some sessions are missing until they are
            estimated.
    """

    def __init__(
        self,
        served: ServedModel,
        store: EventStore,
        *,
        rules: Rules | None = None,
        idle_seconds: int = IDLE_SECONDS,
        max_sessions: int = MAX_SESSIONS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.served = served
        self.store = store
        self._clock = clock
        self._rules = store.rules() if rules is None else rules
        self._idle_seconds = idle_seconds
        self._max_sessions = max_sessions
        self._latest: OrderedDict[Key, int] = OrderedDict()
        """When the latest event of each open session was received, the earliest first."""
        self._users: dict[str, list[str]] = {}
        """Session id -> the users of its open sessions."""
        self._n_events: Counter[Key] = Counter()
        """Number of events of each open session."""
        self.table = EstimateTable()
        self._restore()
        self.expire()

    def _restore(self) -> None:
        """Count the events that the store has."""
        for stored in self._load_history():
            replay_into(self.served, stored)
            key = (stored.event.session, stored.event.user)
            if stored.is_close:
                self._forget(key)
            else:
                self._note_event(key, stored.received)

    def _load_history(self) -> Iterator[StoredEvent]:
        """Load the history of closed sessions, and return the events to replay."""
        load = BulkLoad(self.served, self.store.is_history)
        last = 0
        while (table := self.store.table(last, _AT_ONCE)).height:
            load.add(table)
            last = int(table.get_column("number")[-1])
        return self.store.replay_only(load.finish())

    @property
    def rules(self) -> Rules:
        """The rules that label the sessions."""
        return self._rules

    def change_rules(self, rules: Rules) -> None:
        """Replace the rules, also for the next start of the service if it is started without rules."""
        self.store.save_rules(rules)
        self._rules = rules

    def change_model(self, served: ServedModel) -> None:
        """Replace the model by another one that has counted all events of the store."""
        self.store.change_run(served.identity, served.history_end)
        self.served = served
        self.table = EstimateTable()

    def now(self) -> float:
        """Return the current time in epoch seconds."""
        return self._clock()

    @property
    def n_open(self) -> int:
        """Number of open sessions."""
        return len(self._latest)

    def receive(self, events: Sequence[Event], *, reasons: bool = False) -> dict[Key, Estimate]:
        """Store and count events, and return the estimates of their sessions; see `receive_all`.

        Raises:
            LimitError: none of the events was stored.
        """
        (answer,) = self.receive_all([Arrival(events, reasons)])
        if isinstance(answer, LimitError):
            raise answer
        return answer

    def receive_all(self, arrivals: Sequence[Arrival]) -> list[dict[Key, Estimate] | LimitError]:
        """Store and count the events of some requests, and return the estimates of their sessions for each request.

        Events with an id that the store has are not counted again. All events are stored in one transaction. A request
        gets an error, and none of its events is stored, if they would open more sessions than allowed, if a session
        would have too many events, or if reasons are wanted for too many sessions.

        Raises:
            sqlite3.Error: the events could not be stored.
        """
        self.expire()
        refusals = self._refusals(arrivals)
        accepted = [arrival for arrival, refusal in zip(arrivals, refusals, strict=True) if refusal is None]
        events = [event for arrival in accepted for event in arrival.events]
        now = int(self._clock())
        for event, is_new in zip(events, self.store.add(events, now), strict=True):
            if is_new:
                self.served.scorer.observe(event)
                self._note_event((event.session, event.user), now)
        estimates = self._estimate(dict.fromkeys(key for arrival in accepted for key in arrival.keys))
        return [
            refusal or self._with_reasons({key: estimates[key] for key in arrival.keys if key in estimates}, arrival)
            for arrival, refusal in zip(arrivals, refusals, strict=True)
        ]

    def estimates(self, session: str, *, reasons: bool = False) -> dict[Key, Estimate]:
        """Return the estimates of a session, one per user; empty if it is not open."""
        self.expire()
        estimates = self._estimate((session, user) for user in self._users.get(session, ()))
        return self._with_reasons(estimates, Arrival((), reasons))

    def unestimated(self) -> list[Key]:
        """Return the open sessions without a latest estimate, as after a restart."""
        self.expire()
        return [key for key in self._latest if key not in self.table]

    def estimate(self, keys: Iterable[Key]) -> None:
        """Compute the latest estimates of open sessions."""
        self._estimate(keys)

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

    def _refusals(self, arrivals: Sequence[Arrival]) -> list[LimitError | None]:
        """Return why requests are refused; None for those that are not. The events of a refused one are not added."""
        new_sessions: set[Key] = set()
        n_added: Counter[Key] = Counter()
        refusals: list[LimitError | None] = []
        for arrival in arrivals:
            refusal = self._refusal(arrival, new_sessions, n_added)
            if refusal is None:
                new_sessions.update(key for key in arrival.keys if key not in self._latest)
                n_added.update(arrival.keys)
            refusals.append(refusal)
        return refusals

    def _refusal(self, arrival: Arrival, new_sessions: set[Key], n_added: Counter[Key]) -> LimitError | None:
        """Return why a request is refused.

        Args:
            new_sessions: the sessions that the requests before it open.
            n_added: the numbers of events that they add to sessions.
        """
        keys = arrival.keys
        n_opened = sum(key not in self._latest and key not in new_sessions for key in keys)
        if len(self._latest) + len(new_sessions) + n_opened > self._max_sessions:
            return LimitError("Too many sessions are open. Try again when some have ended.")
        if any(self._n_events[key] + n_added[key] + n_new > MAX_EVENTS for key, n_new in keys.items()):
            return LimitError(
                f"A session has at most {MAX_EVENTS:,} events. Close it, or send its events with another id."
            )
        if arrival.reasons and len(keys) > MAX_REASONS:
            return LimitError(
                f"Reasons are given for at most {MAX_REASONS} sessions at once. Send fewer, or ask without."
            )
        return None

    def _estimate(self, keys: Iterable[Key]) -> dict[Key, Estimate]:
        """Compute and keep the latest estimates of those sessions that are open."""
        scorer = self.served.scorer
        states = {key: state for key in keys if (state := scorer.state(*key)) is not None}
        estimates = dict(zip(states, scorer.estimates_of(list(states.values())), strict=True))
        for key, estimate in estimates.items():
            self.table.set(key, estimate, self._latest[key])
        return estimates

    def _with_reasons(self, estimates: dict[Key, Estimate], arrival: Arrival) -> dict[Key, Estimate]:
        if not arrival.reasons:
            return estimates
        return {key: self.served.scorer.explained(*key, estimate) for key, estimate in estimates.items()}

    def _close(self, keys: Iterable[Key]) -> None:
        closed = list(keys)
        if closed:
            self.store.close_sessions(closed, int(self._clock()))
        for key in closed:
            self.served.scorer.close(*key)
            self._forget(key)

    def _note_event(self, key: Key, received: int) -> None:
        """Note an event of a session, which opens if it is not open. Events are noted in the order of `received`."""
        self._n_events[key] += 1
        if key not in self._latest:
            session, user = key
            self._users.setdefault(session, []).append(user)
        self._latest[key] = received
        self._latest.move_to_end(key)

    def _forget(self, key: Key) -> None:
        if self._latest.pop(key, None) is None:
            return
        del self._n_events[key]
        self.table.remove(key)
        session, user = key
        self._users[session].remove(user)
        if not self._users[session]:
            del self._users[session]


def replay_into(served: ServedModel, stored: StoredEvent) -> None:
    """Count a stored event with a model."""
    if stored.is_close:
        served.scorer.close(stored.event.session, stored.event.user)
    else:
        served.scorer.observe(stored.event, is_history=stored.is_history)
