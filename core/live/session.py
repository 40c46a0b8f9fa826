"""The state of an open session: its events, and the history before it began."""

from __future__ import annotations

from bisect import insort
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from core.features.engines.polars_engine import PolarsEngine
from core.live.context import Minutes
from core.live.history import Item, Weeks
from core.live.known_sessions import TrainingVisits, ValuedPast
from core.live.learned import LearnedColumns, PricedItem
from core.live.own_history import OwnBefore, OwnHistory
from core.live.past import Counts, Past
from core.live.session_features import LiveEvent
from core.live.user_value import UserValue
from core.model import SessionValueModel
from core.model.history import History
from core.own_columns import OwnColumn
from core.schema import CATEGORY, PRODUCT, USER

KEYS = (PRODUCT, CATEGORY)


@dataclass(frozen=True, slots=True)
class BeforeSession:
    """History of a session's user, products and categories before it began.

    Attributes:
        start: epoch seconds of the session's first event.
        visit_start: the same; if the session is in the train file and starts earlier there, that start.
        items: measures of its products and categories, by key and code.
        own: what is known of its amounts of money.
    """

    start: int
    visit_start: int
    weeks: Weeks
    user_counts: Counts
    user_value: UserValue
    items: Mapping[str, dict[int, Item]]
    own: OwnBefore


@dataclass(slots=True)
class OpenSession:
    """An open session of one user.

    Attributes:
        code: code of the session id; None if the train file does not have the session.
        user: code of the user.
        events: pairs (event, prices) in order of time.
        event_ids: ids of the events.
        before: history before the session began; None until the first event.
        visit_start: start of the session in the history of later ones; None if it is not in it.
        explained: (features,) feature row of the last explanation; None before the first one.
    """

    code: int | None
    user: int
    events: list[tuple[LiveEvent, PricedItem]] = field(default_factory=list)
    event_ids: set[str] = field(default_factory=set)
    before: BeforeSession | None = None
    visit_start: int | None = None
    explained: NDArray[np.float64] | None = None

    def insert(self, event: LiveEvent, priced: PricedItem) -> None:
        """Insert an event in order of time."""
        insort(self.events, (event, priced), key=lambda pair: pair[0])

    def has(self, event: LiveEvent) -> bool:
        """Return whether the session already has an event equal to this one."""
        return any(event == other for other, _ in self.events)


@dataclass(frozen=True)
class KnownPast:
    """History of a model for open sessions.

    Attributes:
        counts: events on users, products and categories, by key.
        valued: values of the training sessions by user.
        visits: the sessions of the train file.
        learned: prices and statistics.
        own: cells of own columns.
        minutes: events of the shop by minute.
        first_second: epoch seconds of the log's first event.
    """

    counts: Mapping[str, Past]
    valued: ValuedPast
    visits: TrainingVisits
    learned: LearnedColumns
    own: OwnHistory
    minutes: Minutes
    first_second: int

    @classmethod
    def of(cls, model: SessionValueModel) -> KnownPast:
        """Return what a model knows."""
        spec, fitted = model.spec, model.fitted
        learned, visits = LearnedColumns(fitted, spec.own), TrainingVisits(model.history.units)
        counted = _counted(model.history, spec.own, spec.log_start)
        return cls(counted[0], ValuedPast(fitted), visits, learned, *counted[1:], spec.log_start)

    def with_history(self, history: History, own: Sequence[OwnColumn]) -> KnownPast:
        """Return the same with other events before open sessions. `own` are the own columns of the model."""
        counts, own_history, minutes = _counted(history, own, self.first_second)
        return replace(self, counts=counts, own=own_history, minutes=minutes)

    def begin(self, session: OpenSession) -> BeforeSession:
        """Return the history before a session, given its first event."""
        start = session.events[0][0].time
        in_train, itself = self.visits.find(session.code, session.user)
        visit_start = start if in_train is None else min(start, in_train)
        before = BeforeSession(
            start,
            visit_start,
            Weeks.until(visit_start, self.first_second),
            self.counts[USER].before(session.user, visit_start),
            self.learned.user_value(*self.valued.before(session.user, start, itself)),
            {key: {} for key in KEYS},
            self.own.before(session.user, visit_start),
        )
        for event, _ in session.events:
            self.look_up(before, event)
        return before

    def look_up(self, before: BeforeSession, event: LiveEvent) -> None:
        """Look up the product and the category of an event, unless they are known."""
        for key, value in ((PRODUCT, event.product), (CATEGORY, event.category)):
            items = before.items[key]
            if value not in items:
                items[value] = Item.of(self.counts[key].before(value, before.visit_start), before.weeks)
        self.own.look_up(before.own, event, before.visit_start)

    def add(self, session: OpenSession, event: LiveEvent, previous_start: int | None) -> None:
        """Add an event to the history of the sessions that begin after it.

        Args:
            session: its session, which has it.
            previous_start: when the session began without it, in epoch seconds; None if it is the first event.
        """
        for key, value in ((USER, session.user), (PRODUCT, event.product), (CATEGORY, event.category)):
            self.counts[key].add(value, session.user, event.time, event.type)
        self.own.add(session.user, event)
        self.minutes.add(event.time)
        start = event.time if previous_start is None else min(event.time, previous_start)
        # A session whose first events are in the model's history is a visit there.
        is_visit_of_model = previous_start is not None and session.visit_start is None
        if start != previous_start and not is_visit_of_model:
            self.counts[USER].add_visit(session.user, start, session.visit_start)
            session.visit_start = start


def _counted(
    history: History, own: Sequence[OwnColumn], first_second: int
) -> tuple[dict[str, Past], OwnHistory, Minutes]:
    events, units = history.as_log
    log = PolarsEngine(events.lazy(), units.lazy(), "as_of", first_second).arrays
    counts = {key: Past(log, key) for key in (USER, *KEYS)}
    return counts, OwnHistory(own, counts, log), Minutes(events, first_second)
