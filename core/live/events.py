"""Events and estimates of open sessions, as the caller sees them, and the codes of ids."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from core.live.own_features import millionths
from core.live.own_values import Cell, OwnValue, OwnValues
from core.live.session_features import LiveEvent
from core.model import SessionValueModel
from core.model.history import ID_COLUMNS, History
from core.model.model import used_mapping
from core.schema import CATEGORY, EVENT_CODE, PRODUCT, ROLE, SESSION, TRAIN_ROLE, UNKNOWN_ID, USER

_SEED = 0
"""Seed of the codes of new ids; that of ingestion, so that events of one second sort as in a batch."""
_MOST_NEW_CODES = 100_000
"""Codes of new ids that are remembered, because a hash by Polars takes 40 microseconds."""


@dataclass(frozen=True)
class Event:
    """An event of an open session.

    Attributes:
        session, user, product, category: ids; an empty product or category is unknown.
        type: VIEW, ADD_CART, REMOVE_CART or BUY.
        time: epoch seconds, UTC.
        id: id of the event; empty for none. An event with an id counts once, even if it is sent several times.
        own: name of an own column -> value: a number, a text, a truth value or a time (epoch seconds, or ISO 8601). A
            missing name or None is an empty cell. Names of columns that the model does not use are ignored.
    """

    session: str
    user: str
    product: str
    category: str
    type: str
    time: int
    id: str = ""
    own: Mapping[str, OwnValue] = field(default_factory=dict, hash=False)


@dataclass(frozen=True)
class Estimate:
    """Prediction for an open session.

    Attributes:
        value: predicted final value, in value units.
        low, high: ends of its 80% interval; `high` is infinite if too few similar sessions are known.
        low_95, high_95: ends of its 95% interval.
        p_buy: probability that the session has a purchase by its end.
        secured: value of the purchases so far at recovered prices.
        to_come: `value` minus `secured`, at least 0.
        events_seen: number of events that were counted.
        seconds: time from the first to the latest event.
        reasons: pairs (group of features, change of the value that it caused since the last explanation, in value
            units); see core.live.reasons. Empty unless requested.
    """

    value: float
    low: float
    high: float
    low_95: float
    high_95: float
    p_buy: float
    secured: float
    to_come: float
    events_seen: int
    seconds: int
    reasons: tuple[tuple[str, float], ...] = ()


class EventCoder:
    """Turns events into codes and cells, as a model sees them.

    Attributes:
        codes: codes of ids.
        own: reads own columns.
    """

    def __init__(self, codes: Codes, own: OwnValues) -> None:
        self.codes, self.own = codes, own

    @classmethod
    def of(cls, model: SessionValueModel) -> EventCoder:
        """Return the coder of a model."""
        mapping = used_mapping(model.mapping, model.spec)
        return cls(Codes(model.history), OwnValues(model.spec.own, mapping, model.tables))

    def coded(self, event: Event) -> LiveEvent:
        """Return an event as the model sees it."""
        product, category = self.codes.of(PRODUCT, event.product), self.codes.of(CATEGORY, event.category)
        kind = EVENT_CODE[event.type]
        if not self.own.columns:
            return LiveEvent(event.time, kind, product, (), category, ())
        cells = self.own.cells(event.own, event.product, event.user)
        return with_cells(self.own, cells, time=event.time, event_type=kind, product=product, category=category)


def with_cells(
    own: OwnValues, cells: Sequence[Cell], *, time: int, event_type: int, product: int, category: int
) -> LiveEvent:
    """Return an event with these cells of its own columns."""
    numbers = [millionths(column, cell, time) for column, cell in zip(own.columns, cells, strict=True)]
    return LiveEvent(time, event_type, product, own.keys(cells), category, tuple(numbers))


class Codes:
    """Codes of ids: those of the model's history, and new ones."""

    def __init__(self, history: History) -> None:
        train = history.units.filter(pl.col(ROLE) == TRAIN_ROLE).select(pl.col(SESSION).unique())
        sessions = history.ids[SESSION].join(train, on=SESSION, how="semi")
        self._sessions = dict(sessions.select(ID_COLUMNS[SESSION], SESSION).iter_rows())
        self._known: dict[str, dict[str, int]] = {
            column: dict(history.ids[column].select(ID_COLUMNS[column], column).iter_rows())
            for column in (USER, PRODUCT, CATEGORY)
        }
        self._new: dict[str, int] = {}

    def of(self, column: str, text: str) -> int:
        """Return the code of an id; `column` is that of the codes, such as "product"."""
        if not text and column != USER:
            text = UNKNOWN_ID
        code = self._known[column].get(text)
        return self._new_code(text) if code is None else code

    def of_all(self, column: str, texts: pl.Series) -> pl.Series:
        """Return the codes of many ids, as `of` does one at a time."""
        if column != USER:
            texts = texts.replace("", UNKNOWN_ID)
        unique, known = texts.unique(), self._known[column]
        new = unique.hash(_SEED).reinterpret(signed=True).to_list()
        codes = [known.get(text, code) for text, code in zip(unique.to_list(), new, strict=True)]
        return texts.replace_strict(unique, pl.Series(codes, dtype=pl.Int64))

    def train_session(self, text: str) -> int | None:
        """Return the code of a session of the train file; None for any other session."""
        return self._sessions.get(text)

    def _new_code(self, text: str) -> int:
        """Return the code that ingestion would give to a new id; codes sort the events of the same second."""
        if text not in self._new:
            if len(self._new) >= _MOST_NEW_CODES:
                self._new.clear()
            self._new[text] = int(pl.Series([text]).hash(_SEED).reinterpret(signed=True)[0])
        return self._new[text]
