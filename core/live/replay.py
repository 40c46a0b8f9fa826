"""Predicts sessions event by event, as if they were open: sessions of the test file, and hypothetical ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from threading import Lock
from typing import NamedTuple

import numpy as np
import polars as pl

from core.features.engines.polars_engine import PolarsEngine
from core.live.events import Estimate, Event
from core.live.forecast import Spread
from core.live.own_values import OwnValue
from core.live.scorer import LiveScorer
from core.live.shop_day import DayEvents, ShopDay
from core.model import SessionValueModel
from core.model.history import ID_COLUMNS
from core.schema import (
    CATEGORY,
    EVENT_TYPES,
    PRODUCT,
    ROLE,
    SECONDS_PER_DAY,
    SESSION,
    TEST_ROLE,
    TIME,
    TYPE,
    UNIT,
    UNKNOWN_ID,
    USER,
    VALUE,
)

MAX_EVENTS = 200
"""Events of a session that are replayed. With reasons, an event takes about ten milliseconds."""
_INTERESTING = 3
"""Random sessions have at least this many events, if there are any such sessions."""

_IDLE_SECONDS = 1_800
"""Time without an event after which a session has ended, unless the mapping of the run has another one."""
_INVENTED = "invented"
"""Session and user id of an invented session. They are new to the model, so the user has no history."""
_OF_EVENTS = ("event", "product")
"""Levels of own columns whose cells differ between the events of a session."""
_RANK = "_rank"
"""Order of arrival of the events of a session, the one in which the model was trained on them."""


class Click(NamedTuple):
    """A hypothetical event: its type, its product, and the seconds since the previous event (0 or more)."""

    type: str
    product: str
    seconds: int


@dataclass(frozen=True)
class Replay:
    """A session after each of its events.

    Attributes:
        steps: the events in order of time, and the estimate after each. The estimates have reasons.
        n_events: number of events of the session in the test file, of which the first MAX_EVENTS are replayed. With
            hypothetical events, the number of those before them, at least 1.
        n_users: number of users who share the session id. Only the first one is replayed.
        n_invented: number of hypothetical events at the end of the steps.
        amounts: name and label of each own column of amounts of money that differ between events.
    """

    steps: tuple[tuple[Event, Estimate], ...]
    n_events: int
    n_users: int
    n_invented: int = 0
    amounts: tuple[tuple[str, str], ...] = ()

    def amounts_of(self, event: Event) -> dict[str, float | None]:
        """Return label -> amount of an event; None for an empty cell."""
        cells = ((label, event.own.get(name)) for name, label in self.amounts)
        return {label: cell if isinstance(cell, (int, float)) else None for label, cell in cells}

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

    Attributes:
        model: the model.
        idle_seconds: time without an event after which a session has ended.

    Args:
        model: a model of a run with the purpose live.

    Raises:
        RunError: the model cannot value open sessions.
    """

    def __init__(self, model: SessionValueModel) -> None:
        self._scorer, self._lock = LiveScorer(model, learns_history=False), Lock()
        self.model, self._history = model, model.history
        minutes = model.mapping.session_gap_minutes
        self.idle_seconds = _IDLE_SECONDS if minutes is None else round(60 * minutes)
        events, units = model.history.as_log
        self._units = units.filter(pl.col(ROLE) == TEST_ROLE).select(UNIT, SESSION, USER)
        arrays = PolarsEngine(events.lazy(), units.lazy(), "as_of", model.spec.log_start).arrays
        ranked = arrays.events.with_columns(pl.Series(_RANK, arrays.arrival_ranks))
        self._events = ranked.join(self._units, on=UNIT, how="semi")

    def random_session(self, seed: int) -> str | None:
        """Return the id of a random session, if possible of at least three events; None if there is no session."""
        lengths = self._events.group_by(UNIT, maintain_order=True).len()
        long_sessions = lengths.filter(pl.col("len") >= _INTERESTING)
        units = lengths if long_sessions.is_empty() else long_sessions
        if units.is_empty():
            return None
        sampled_unit = self._units.join(units.sample(1, seed=seed), on=UNIT, how="semi")
        return str(sampled_unit.join(self._history.ids[SESSION], on=SESSION).item(0, ID_COLUMNS[SESSION]))

    def replay(self, session: str) -> Replay | None:
        """Predict a session after each of its events; None if the test file does not have the session."""
        units = self._units_of(session)
        if units.is_empty():
            return None
        rows = self._rows_of(units)
        steps = self._steps(self._as_events(rows.head(MAX_EVENTS)))
        return Replay(steps, rows.height, units.height, amounts=self._amounts)

    def invent(self, clicks: Sequence[Click], session: str = "", n_kept: int = 0) -> Replay | None:
        """Predict a session with hypothetical events after each event, at most MAX_EVENTS; None if there is no event.

        A hypothetical event has the own columns of the latest event on its product. Those of sessions and users are the
        ones of the session.

        Args:
            clicks: the hypothetical events, in order.
            session: session of the test file that begins like this. If there is none, the session is that of a new
                user, and it begins when the log ends.
            n_kept: number of events of that session that come before the hypothetical ones.
        """
        units = self._units_of(session)
        rows = self._rows_of(units).head(min(n_kept, MAX_EVENTS))
        events = self._as_events(rows)
        first, last = (events[0], events[-1].time) if events else (None, self._end)
        ids = (_INVENTED, _INVENTED) if first is None else (first.session, first.user)
        for number, click in enumerate(clicks):
            last += click.seconds
            category, own = self._products.get(click.product, ("", {}))
            own = {**self._of_session(first), **own}
            events.append(Event(*ids, click.product, category, click.type, last, f"{_INVENTED} {number}", own))
        if not events:
            return None
        steps = self._steps(events[:MAX_EVENTS])
        return Replay(steps, max(rows.height, 1), max(units.height, 1), len(steps) - rows.height, self._amounts)

    def days(self) -> list[tuple[int, int]]:
        """Return the start (epoch seconds, UTC) and the number of events of each day of the test file, in order."""
        day = (pl.col(TIME) // SECONDS_PER_DAY * SECONDS_PER_DAY).alias(TIME)
        return list(self._events.group_by(day).len().sort(TIME).iter_rows())

    def units_of_day(self, start: int) -> pl.Series:
        """Return the units that are open on a day of the test file, ascending; the day begins at `start`."""
        is_open = pl.col(TIME).is_between(start - self.idle_seconds, start + SECONDS_PER_DAY, closed="left")
        return self._events.filter(is_open).get_column(UNIT).unique().sort()

    def day(self, start: int, finals: pl.DataFrame, spread: Spread) -> ShopDay:
        """Return a day of the test file.

        Args:
            start: its start, in epoch seconds.
            finals: unit and value of the units of the day, ascending; see core.live.final_values.
            spread: statistics of train sessions that turn estimates into a total; see core.live.forecast.
        """
        units = finals.get_column(UNIT)
        rows = self._events.filter(pl.col(UNIT).is_in(units.implode())).sort(TIME, UNIT, _RANK)
        events = self._as_events(rows.join(self._units, on=UNIT, maintain_order="left"))
        numbers = units.search_sorted(rows.get_column(UNIT)).to_numpy().astype(np.int64)
        day = DayEvents(start, events, numbers, finals.get_column(VALUE).to_numpy())
        scorer = self._scorer.with_own_sessions()
        return ShopDay(day, scorer, self._lock, idle_seconds=self.idle_seconds, spread=spread)

    def products(self, n_products: int) -> list[str]:
        """Return the ids of the products with the most events, the most frequent first."""
        return list(self._products)[:n_products]

    @cached_property
    def _end(self) -> int:
        """The time of the last event that the model knows."""
        return int(self._history.events.get_column(TIME).max() or 0)  # type: ignore[arg-type]  # integers

    @cached_property
    def _products(self) -> dict[str, tuple[str, dict[str, OwnValue]]]:
        """Product id -> category id and own columns of its last event; the products with the most events come first."""
        own = [column for column in self.model.spec.own if column.level in _OF_EVENTS]
        cells = pl.col(CATEGORY, *(column.stored for column in own))
        # events of one second keep their order, so that all cells are those of the same event
        last = cells.sort_by(TIME, maintain_order=True).last()
        by_product = self._history.events.group_by(PRODUCT).agg(pl.len(), last)
        named = by_product.sort("len", PRODUCT, descending=[True, False])
        for code in (PRODUCT, CATEGORY):
            named = named.join(self._history.ids[code], on=code, maintain_order="left")
        rows = named.select(ID_COLUMNS[PRODUCT], ID_COLUMNS[CATEGORY], *(column.stored for column in own)).iter_rows()
        names = [column.name for column in own]
        return {
            product: (category, dict(zip(names, cells, strict=True)))
            for product, category, *cells in rows
            if product != UNKNOWN_ID
        }

    def _of_session(self, event: Event | None) -> dict[str, OwnValue]:
        """Return the own columns of an event that describe its session or user."""
        columns = [column.name for column in self.model.spec.own if column.level not in _OF_EVENTS]
        return {} if event is None else {name: event.own.get(name) for name in columns}

    @property
    def _amounts(self) -> tuple[tuple[str, str], ...]:
        columns = (each for each in self.model.spec.own if each.level in _OF_EVENTS and each.kind == "money")
        return tuple((column.name, column.label[:1].upper() + column.label[1:]) for column in columns)

    def _units_of(self, session: str) -> pl.DataFrame:
        code = self._history.ids[SESSION].filter(pl.col(ID_COLUMNS[SESSION]) == session).select(SESSION)
        return self._units.join(code, on=SESSION, how="semi").sort(UNIT)

    def _rows_of(self, units: pl.DataFrame) -> pl.DataFrame:
        """Return the events of the first of these units, in order of arrival."""
        return self._events.join(units.head(1), on=UNIT).sort(_RANK)

    def _steps(self, events: Sequence[Event]) -> tuple[tuple[Event, Estimate], ...]:
        session_key = events[0].session, events[0].user
        with self._lock:
            self._scorer.close(*session_key)
            steps = tuple((event, self._scorer.update(event, reasons=True)) for event in events)
            self._scorer.close(*session_key)
        return steps

    def _as_events(self, rows: pl.DataFrame) -> list[Event]:
        """Return rows of codes as events. Each has an id of its own, so equal events are not taken for repetitions."""
        for code, table in self._history.ids.items():
            rows = rows.join(table, on=code, maintain_order="left")
        names = [*(ID_COLUMNS[code] for code in (SESSION, USER, PRODUCT, CATEGORY)), TYPE, TIME]
        own = {column.name: column.stored for column in self.model.spec.own}
        events = []
        for number, row in enumerate(rows.select(*names, *own.values()).iter_rows()):
            session, user, product, category, event_type, time, *cells = row
            values = dict(zip(own, cells, strict=True))
            events.append(Event(session, user, product, category, EVENT_TYPES[event_type], time, str(number), values))
        return events
