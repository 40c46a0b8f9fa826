"""Predicts open sessions after each event.

The state of a session consists of its events, their recovered prices, and the history before it began. No data frame is
built. Batch and live values of the same events are equal (tests/test_live_parity.py).

- An event that arrives late is put in its place by time. The estimate depends on the events, not on their order of
  arrival. If it is earlier than all others, the session begins earlier, and its history is looked up again.
- An event whose id the session has already is ignored. If the mapping of the run removes duplicates, a repeated row is
  ignored, too, whatever its id, because the model was trained without repetitions.
- New users, products and categories have no history. The price of a new product is that of its category, and the price
  of a new category that of its event type.
- Each event is part of the history of the sessions that begin after it, whether or not its own session has ended.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from copy import copy
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from core.errors import RunError
from core.features.learned.price_features import SUM_FEATURES
from core.live import session_features
from core.live.events import Estimate, Event, EventCoder
from core.live.history import item_features, user_features
from core.live.own_features import own_features
from core.live.predictor import Predictor
from core.live.reasons import Explainer, Reasons
from core.live.session import KEYS, BeforeSession, KnownPast, OpenSession
from core.model import SessionValueModel, load_model
from core.model.history import History
from core.own_columns import OwnColumn
from core.schema import BUY, EVENT_CODE, PRODUCT, USER

_SECURED = SUM_FEATURES[EVENT_CODE[BUY]].name


class PreparedSessions(NamedTuple):
    """Feature rows of some sessions: the arguments of `Predictor.predict`, and number of events and seconds of each."""

    X: NDArray[np.float64]
    learned: NDArray[np.float64]
    n_sessions: NDArray[np.float64]
    lengths: list[tuple[int, int]]


class LiveScorer:
    """Predicts open sessions with the model of a run.

    Args:
        model: a model of a run with the purpose live.
        learns_history: whether events become history of later sessions. Set it to False to replay sessions of the
            history, because the history already has their events.

    Attributes:
        coder: turns events into what the model sees.
    """

    def __init__(self, model: SessionValueModel, *, learns_history: bool = True) -> None:
        if model.fitted.buy is None:
            raise RunError.not_live()
        self._spec, self._learns_history = model.spec, learns_history
        self._keeps_duplicates = model.mapping.duplicates != "remove"
        self.coder = EventCoder.of(model)
        self._past = KnownPast.of(model)
        self._predictor = Predictor(model.fitted, len(model.spec.features))
        self._explainer = Explainer(model, self._predictor.value)
        self._secured = model.fitted.names.index(_SECURED) - len(model.spec.features)
        self._groups = {group.name for group in model.spec.groups}
        self._sessions: dict[tuple[str, str], OpenSession] = {}

    def replace_history(self, history: History) -> None:
        """Replace the events that are known of the time before sessions begin.

        This is faster than to observe the events of closed sessions one after the other, with the same result.

        Args:
            history: that of the model, with further units.

        Raises:
            ValueError: events were observed already.
        """
        if self._sessions:
            raise ValueError("the history of open sessions cannot be replaced")
        self._past = self._past.with_history(history, self._spec.own)

    @classmethod
    def load(cls, run: Path | str, *, learns_history: bool = True) -> LiveScorer:
        """Load the model of a run; `run` is the folder of the run or of the model.

        Raises:
            RunError: there is no usable model, or it is not one for open sessions.
        """
        return cls(load_model(run), learns_history=learns_history)

    def with_own_sessions(self) -> LiveScorer:
        """Return a scorer of the same model without open sessions. It shares the memory of the model.

        Raises:
            ValueError: the scorer learns history, so its sessions would be history of the sessions of the other scorer.
        """
        if self._learns_history:
            raise ValueError("a scorer that learns from events cannot share its history")
        scorer = copy(self)
        scorer._sessions = {}
        return scorer

    @property
    def n_sessions(self) -> int:
        """Number of open sessions."""
        return len(self._sessions)

    @property
    def own_columns(self) -> tuple[OwnColumn, ...]:
        """The own columns that events may have. The model looks up those of its tables of products and users."""
        return self.coder.own.of_events

    def update(self, event: Event, *, reasons: bool = False) -> Estimate:
        """Count an event, and return the estimate of its session.

        If several users share a session id, each has an estimate of their own. Their sum is that of the session.

        Args:
            reasons: whether to explain the change of the value since the last explanation. This takes longer.

        Raises:
            ValueError: a value of an own column is of a wrong kind; the event is not counted.
        """
        self.check(event)
        return self.estimate_of(self.observe(event), reasons=reasons)

    def check(self, event: Event) -> None:
        """Check that the values of own columns are of the kinds of their columns.

        Raises:
            ValueError: one is not; the message is one sentence.
        """
        if event.own:
            self.coder.own.check(event.own)

    def observe(self, event: Event, *, is_history: bool = True) -> OpenSession:
        """Count an event without an estimate, and return the state of its session.

        A value of an own column that is of a wrong kind is an empty cell; see `check`.

        Args:
            is_history: whether it becomes history of later sessions, if the scorer learns history.
        """
        session_key = (event.session, event.user)
        session = self._sessions.get(session_key)
        if session is None:
            codes = self.coder.codes.train_session(event.session), self.coder.codes.of(USER, event.user)
            session = self._sessions[session_key] = OpenSession(*codes)
        if not (event.id and event.id in session.event_ids):
            self._add(session, event, learns_history=self._learns_history and is_history)
        return session

    def state(self, session: str, user: str) -> OpenSession | None:
        """Return the state of an open session; None if it is not open."""
        return self._sessions.get((session, user))

    def estimate(self, session: str, user: str, *, reasons: bool = False) -> Estimate | None:
        """Return the estimate of an open session; None if it is not open."""
        state = self._sessions.get((session, user))
        return None if state is None else self.estimate_of(state, reasons=reasons)

    def explained(self, session: str, user: str, estimate: Estimate) -> Estimate:
        """Return the latest estimate of an open session with reasons.

        Raises:
            KeyError: the session is not open.
        """
        return replace(estimate, reasons=self._reasons(self._sessions[session, user]))

    def close(self, session: str, user: str) -> bool:
        """Forget a session, whose events stay history; return whether it was open."""
        return self._sessions.pop((session, user), None) is not None

    def uncounted(self, events: Iterable[Event]) -> Iterator[OpenSession]:
        """Yield the state of a session after each of its events, without counting them.

        The history is the current one, so it includes all events counted so far.
        """
        session = None
        for event in events:
            if session is None:
                session = OpenSession(
                    self.coder.codes.train_session(event.session), self.coder.codes.of(USER, event.user)
                )
            self._add(session, event, learns_history=False)
            yield session

    def scores(self, sessions: Iterable[Sequence[Event]]) -> list[Estimate]:
        """Return the estimates of sessions, each with at least one event, without counting them."""
        return self.estimates_of([deque(self.uncounted(events), maxlen=1)[0] for events in sessions])

    @property
    def column_names(self) -> list[str]:
        """Name of each column that the model sees: the features, then the learned columns of each fit."""
        return [*self._spec.features, *self._spec.learned * len(self._spec.fits_for_test)]

    def features(self, session: str, user: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the feature row of an open session: its features, and its learned columns by fit.

        Raises:
            KeyError: the session is not open.
        """
        return self.features_of(self._sessions[session, user])

    def _add(self, session: OpenSession, event: Event, *, learns_history: bool) -> None:
        coded = self.coder.coded(event)
        if event.id:
            session.event_ids.add(event.id)
        if not self._keeps_duplicates and session.has(coded):
            return
        session.insert(coded, self._past.learned.price(coded))
        previous = None if session.before is None else session.before.start
        if session.before is None or coded.time < session.before.start:
            session.before = self._past.begin(session)
        else:
            self._past.look_up(session.before, coded)
        if learns_history:
            self._past.add(session, coded, previous)

    def features_of(self, session: OpenSession) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the features of a state, and its learned columns by fit."""
        before, events = _begun(session), [event for event, _ in session.events]
        values = session_features.activity(events, len(before.items[PRODUCT]))
        values |= session_features.times(events)
        values |= session_features.content(events)
        values |= user_features(before.user_counts, before.weeks, before.visit_start)
        for key in KEYS:
            values |= item_features(key, list(before.items[key].values()), before.visit_start)
        if self._spec.own:
            values |= own_features(self._spec.own, events) | self._past.own.features(before.own, events)
        if "sequence" in self._groups:
            values |= session_features.sequence(events)
        if "context" in self._groups:
            values |= self._past.minutes.features(before.start)
        columns = self._past.learned.columns(session.events, before.user_value)
        return np.array([values[name] for name in self._spec.features], dtype=np.float64), columns

    def estimate_of(self, session: OpenSession, *, reasons: bool = False) -> Estimate:
        """Return the estimate of a state."""
        (estimate,) = self.estimates_of([session])
        return replace(estimate, reasons=self._reasons(session)) if reasons else estimate

    def estimates_of(self, sessions: Sequence[OpenSession]) -> list[Estimate]:
        """Return the estimates of states, without reasons. Many at once take less time than one after the other."""
        return self.predicted(self.prepared(sessions))

    def prepared(self, sessions: Sequence[OpenSession]) -> PreparedSessions:
        """Return the feature rows of some states. Later events do not change them."""
        rows = [self.features_of(session) for session in sessions]
        ends = [(session.events[0][0].time, session.events[-1][0].time) for session in sessions]
        return PreparedSessions(
            np.array([X for X, _ in rows]),
            np.array([learned for _, learned in rows]),
            np.array([float(_begun(session).user_value.n_sessions) for session in sessions]),
            [(len(session.events), last - first) for session, (first, last) in zip(sessions, ends, strict=True)],
        )

    def predicted(self, prepared: PreparedSessions) -> list[Estimate]:
        """Return the estimates of prepared states. Another thread may call it while events are counted."""
        if not prepared.lengths:
            return []
        predictions = self._predictor.predict(prepared.X, prepared.learned, prepared.n_sessions)
        all_secured = np.maximum(prepared.learned[:, :, self._secured].mean(axis=1), 0.0).tolist()
        return [
            Estimate(*prediction, secured, max(prediction.value - secured, 0.0), *lengths)
            for prediction, secured, lengths in zip(predictions, all_secured, prepared.lengths, strict=True)
        ]

    def _reasons(self, session: OpenSession) -> Reasons:
        X, learned = self.features_of(session)
        row = np.concatenate([X, learned.ravel()])
        before = self._explainer.typical if session.explained is None else session.explained
        session.explained = row
        return self._explainer.reasons(before, row)


def _begun(session: OpenSession) -> BeforeSession:
    if session.before is None:
        raise ValueError("the session has no event")
    return session.before
