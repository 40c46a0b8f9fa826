"""Compares live estimates of received sessions with those of the batch path of features and predictions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from core.features.columns import EVENT_ORDER, EVENTS_SEEN
from core.features.engines.polars_engine import PolarsEngine
from core.live.events import Event, EventCoder, with_cells
from core.live.scorer import LiveScorer
from core.live.session_features import LiveEvent
from core.model import SessionValueModel
from core.model.history import History, whole_history
from core.model.rows import prefix_rows
from core.schema import (
    CATEGORY,
    PRODUCT,
    SESSION,
    START,
    TIME,
    TYPE,
    UNIT,
    USER,
    USER_SESSION,
)

TOLERANCE = 1e-6
"""Largest relative difference of equal predictions: libraries and live code add numbers in different orders."""
MAX_PREFIXES = 500
"""Prefixes of one comparison. Each takes a millisecond of the service's time."""
MAX_EXAMPLES = 10
_RANK = "_rank"
FIRST_CODE = 1 << 62
"""First code of received sessions, which get consecutive codes. Codes of the history are hashes, so a collision is
unlikely."""


class Case(NamedTuple):
    """A session that is compared.

    Attributes:
        events: its events in the order in which prefixes take them.
        rows: (events, columns by fit) feature row of each prefix, computed by the batch path.
        value, p_buy: (events,) its batch predictions.
    """

    events: Sequence[Event]
    rows: NDArray[np.float64]
    value: NDArray[np.float64]
    p_buy: NDArray[np.float64]


class Mismatch(NamedTuple):
    """A prefix whose live and batch results differ. `columns` names the features that do."""

    session: str
    user: str
    events_seen: int
    live_value: float
    batch_value: float
    columns: tuple[str, ...]


@dataclass
class Segment:
    """Events of a session and user from its first event until it was closed.

    Attributes:
        code: code of the session.
        user: code of the user.
        is_known: whether the model's history has the session. Such sessions are not compared.
        rows: its events in order of arrival, as the model sees them.
        texts: row -> the first event with these codes.
    """

    code: int
    user: int
    is_known: bool
    rows: list[LiveEvent] = field(default_factory=list)
    texts: dict[LiveEvent, Event] = field(default_factory=dict)


def batch_cases(
    model: SessionValueModel, received: Iterable[tuple[Event, bool]], max_prefixes: int = MAX_PREFIXES
) -> list[Case]:
    """Return the batch results of the latest sessions among the received ones.

    Args:
        received: every event that the service counted, in order, and whether it is the close of its session.
    """
    coder = EventCoder.of(model)
    segments = _segments(model, coder, received)
    chosen = _latest(segments, max_prefixes)
    if not chosen:
        return []
    history, first_unit = _advanced(model.history, coder, segments), model.history.units.height
    events_of = _ordered(model, coder, history, [first_unit + number for number in chosen])
    lengths = [len(segments[number].rows) for number in chosen]
    prefixes = pl.DataFrame(
        {
            UNIT: np.repeat([first_unit + number for number in chosen], lengths),
            EVENTS_SEEN: np.concatenate([np.arange(1, length + 1) for length in lengths]),
        }
    )
    rows = prefix_rows(whole_history(history), model.spec, model.fitted.catalogue, prefixes)
    n_features = rows.X.shape[1]
    learned = [matrix[:, n_features:] for _, matrix, _, _ in model.fitted.matrices(rows, model.spec.fits_for_test)]
    seen_by_model = np.hstack([rows.X, *learned])
    value, p_buy = model.fitted.predict(rows).stack, model.fitted.purchase_probability(rows)
    cases, ends = [], np.cumsum(lengths)
    for number, begin, end in zip(chosen, ends - lengths, ends, strict=True):
        texts = segments[number].texts
        events = [texts[row] for row in events_of[first_unit + number]]
        cases.append(Case(events, seen_by_model[begin:end], value[begin:end], p_buy[begin:end]))
    return cases


def _latest(segments: Sequence[Segment], max_prefixes: int) -> list[int]:
    """Return the positions of the last sessions that the model does not know, with so many events together."""
    chosen: list[int] = []
    n_prefixes = 0
    for number in reversed(range(len(segments))):
        if segments[number].is_known:
            continue
        n_prefixes += len(segments[number].rows)
        if n_prefixes > max_prefixes:
            break
        chosen.append(number)
    return sorted(chosen)


def mismatches(scorer: LiveScorer, case: Case) -> Iterator[Mismatch]:
    """Yield the prefixes of a session whose live features are not those of the batch, or whose predictions differ."""
    for place, state in enumerate(scorer.uncounted(case.events)):
        X, learned = scorer.features_of(state)
        row, estimate = np.concatenate([X, learned.ravel()]), scorer.estimate_of(state)
        differs = ~((row == case.rows[place]) | (np.isnan(row) & np.isnan(case.rows[place])))
        pairs = ((estimate.value, case.value[place]), (estimate.p_buy, case.p_buy[place]))
        is_near = all(abs(live - batch) <= TOLERANCE * max(abs(batch), TOLERANCE) for live, batch in pairs)
        if differs.any() or not is_near:
            event, columns = case.events[place], tuple(scorer.column_names[i] for i in np.flatnonzero(differs))
            yield Mismatch(
                event.session,
                event.user,
                place + 1,
                estimate.value,
                float(case.value[place]),
                tuple(dict.fromkeys(columns)),
            )


def _segments(model: SessionValueModel, coder: EventCoder, received: Iterable[tuple[Event, bool]]) -> list[Segment]:
    """Return the sessions in the order of their latest events. A session that continues after it was closed is two."""
    codes, keeps_duplicates = coder.codes, model.mapping.duplicates != "remove"
    sessions_in_history = set(model.history.ids[SESSION].get_column(USER_SESSION).to_list())
    current: dict[tuple[str, str], Segment] = {}
    finished: list[Segment] = []
    n_segments = 0
    for event, is_close in received:
        session_key = (event.session, event.user)
        segment = current.pop(session_key, None)
        if is_close:
            finished.extend([segment] if segment else [])
            continue
        if segment is None:
            n_segments += 1
            train = codes.train_session(event.session)
            # a session that came back is another visit, so its code is its own
            code = FIRST_CODE + n_segments if train is None else train
            segment = Segment(code, codes.of(USER, event.user), event.session in sessions_in_history)
        row = coder.coded(event)
        if keeps_duplicates or row not in segment.texts:
            segment.rows.append(row)
            segment.texts.setdefault(row, event)
        current[session_key] = segment  # the latest one is the last
    return [*finished, *current.values()]


def _advanced(history: History, coder: EventCoder, segments: Sequence[Segment]) -> History:
    """Return the history with the received events."""
    rows = [
        (unit, row.time, row.type, row.product, row.category, *coder.own.stored(row.own))
        for unit, segment in enumerate(segments)
        for row in segment.rows
    ]
    own = [column.stored for column in coder.own.columns]
    schema = {name: history.events.schema[name] for name in (UNIT, TIME, TYPE, PRODUCT, CATEGORY, *own)}
    events = pl.DataFrame(rows, schema=schema, orient="row").sort(UNIT, *EVENT_ORDER, CATEGORY)
    starts = [min(row.time for row in segment.rows) for segment in segments]
    columns = {
        SESSION: [segment.code for segment in segments],
        USER: [segment.user for segment in segments],
        START: starts,
    }
    units = pl.DataFrame(columns, schema={name: history.units.schema[name] for name in columns})
    return history.with_units(units, events)


def _ordered(
    model: SessionValueModel, coder: EventCoder, history: History, units: Sequence[int]
) -> dict[int, list[LiveEvent]]:
    """Return the events of units in the order in which prefixes take them: those of one second in random order."""
    events, all_units = history.as_log
    arrays = PolarsEngine(events.lazy(), all_units.lazy(), "as_of", model.spec.log_start).arrays
    ranked = arrays.events.with_columns(pl.Series(_RANK, arrays.arrival_ranks))
    ranked = ranked.filter(pl.col(UNIT).is_in(units)).sort(UNIT, _RANK)
    ordered: dict[int, list[LiveEvent]] = {}
    columns = [UNIT, TIME, TYPE, PRODUCT, CATEGORY, *(column.stored for column in coder.own.columns)]
    for unit, time, kind, product, category, *cells in ranked.select(columns).iter_rows():
        row = with_cells(coder.own, cells, time=time, event_type=kind, product=product, category=category)
        ordered.setdefault(unit, []).append(row)
    return ordered
