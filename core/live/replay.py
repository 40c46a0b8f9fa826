"""Replays sessions of the test file event by event, as if they were open."""

from __future__ import annotations

from dataclasses import dataclass
from threading import Lock

import polars as pl

from core.features.engines.polars_engine import PolarsEngine
from core.live.events import Estimate, Event
from core.live.scorer import LiveScorer
from core.model import SessionValueModel
from core.model.history import ID_COLUMNS
from core.schema import CATEGORY, EVENT_TYPES, PRODUCT, ROLE, SESSION, TEST_ROLE, TIME, TYPE, UNIT, USER

MAX_EVENTS = 200
"""Events of a session that are replayed. With reasons, an event takes about ten milliseconds."""
_INTERESTING = 3
"""Random sessions have at least this many events, if there are any such sessions."""

_RANK = "_rank"
"""Order of arrival of the events of a session, the one in which the model was trained on them."""


@dataclass(frozen=True)
class Replay:
    """A session after each of its events.

    Attributes:
        steps: the events in order of time, and the estimate after each. The estimates have reasons.
        n_events: number of events of the session, of which the first MAX_EVENTS are replayed.
        n_users: number of users who share the session id. Only the first one is replayed.
    """

    steps: tuple[tuple[Event, Estimate], ...]
    n_events: int
    n_users: int

    def records(self) -> list[dict[str, object]]:
        """Return one record per step: events_seen, second (since the first event), the type and product of the event,
        and parts of the estimate.
        """
        start = self.steps[0][0].time
        return [
            {
                "events_seen": estimate.events_seen,
                "second": event.time - start,
                "event_type": event.type,
                "product_id": event.product,
                "value": estimate.value,
                "low": estimate.low,
                "high": estimate.high,
                "p_buy": estimate.p_buy,
                "secured": estimate.secured,
            }
            for event, estimate in self.steps
        ]


class Replayer:
    """Replays sessions of the test file of a run. Several threads may share it.

    Args:
        model: a model of a run with the purpose live.

    Raises:
        RunError: the model cannot value open sessions.
    """

    def __init__(self, model: SessionValueModel) -> None:
        self._scorer, self._lock = LiveScorer(model, learns_history=False), Lock()
        self._ids = model.history.ids
        events, units = model.history.as_log
        self._units = units.filter(pl.col(ROLE) == TEST_ROLE).select(UNIT, SESSION, USER)
        arrays = PolarsEngine(events.lazy(), units.lazy(), "as_of", model.spec.log_start).arrays
        ranked = arrays.events.with_columns(pl.Series(_RANK, arrays.arrival_ranks))
        self._events = ranked.join(self._units, on=UNIT, how="semi")

    def random_session(self, seed: int) -> str | None:
        """Return the id of a random session, if possible of at least three events; None if there is no session."""
        lengths = self._events.group_by(UNIT, maintain_order=True).len()
        long = lengths.filter(pl.col("len") >= _INTERESTING)
        units = lengths if long.is_empty() else long
        if units.is_empty():
            return None
        drawn = self._units.join(units.sample(1, seed=seed), on=UNIT, how="semi")
        return str(drawn.join(self._ids[SESSION], on=SESSION).item(0, ID_COLUMNS[SESSION]))

    def replay(self, session: str) -> Replay | None:
        """Value a session after each of its events; None if the test file has no such session."""
        code = self._ids[SESSION].filter(pl.col(ID_COLUMNS[SESSION]) == session).select(SESSION)
        units = self._units.join(code, on=SESSION, how="semi").sort(UNIT)
        if units.is_empty():
            return None
        rows = self._events.join(units.head(1), on=UNIT).sort(_RANK)
        events = self._as_events(rows.head(MAX_EVENTS))
        with self._lock:
            self._scorer.close(events[0].session, events[0].user)
            steps = tuple((event, self._scorer.update(event, reasons=True)) for event in events)
            self._scorer.close(events[0].session, events[0].user)
        return Replay(steps, rows.height, units.height)

    def _as_events(self, rows: pl.DataFrame) -> list[Event]:
        """Return rows of codes as events. Each has an id, so that events that look the same count as often as here."""
        for code, table in self._ids.items():
            rows = rows.join(table, on=code, maintain_order="left")
        names = [*(ID_COLUMNS[code] for code in (SESSION, USER, PRODUCT, CATEGORY)), TYPE, TIME]
        return [
            Event(session, user, product, category, EVENT_TYPES[event_type], time, id=str(number))
            for number, (session, user, product, category, event_type, time) in enumerate(
                rows.select(names).iter_rows()
            )
        ]
