"""Requests and answers of the service as JSON. Answers about open sessions are in `core.live.answers`."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator, TypeAdapter, ValidationError
from pydantic.json_schema import WithJsonSchema

from core.live.events import Estimate, Event
from core.live.own_values import OwnValue
from core.live.rules import MAX_RULES, Rule, Rules
from core.own_columns import Kind, Level

MAX_BATCH = 1_000
"""Maximum number of events in one request."""
_MAX_ID = 256
"""Characters of an id."""
_MAX_OWN = 100
"""Maximum number of names in `own`."""
_MAX_NUMBER = 1e15
"""Largest number in `own`. Above it, floats have no exact cents."""
_FIRST_SECOND, _LAST_SECOND = 946_684_800, 4_102_444_800
"""2000 and 2100: an earlier or later time is in another unit, such as milliseconds."""
_Id = Annotated[str, Field(min_length=1, max_length=_MAX_ID)]
_OptionalId = Annotated[str, Field(max_length=_MAX_ID)]


def _epoch_seconds(time: object) -> object:
    """Turn a text in ISO 8601 with an offset into epoch seconds."""
    if not isinstance(time, str):
        return time
    moment = datetime.fromisoformat(time)
    if moment.tzinfo is None:
        raise ValueError("a time needs an offset, such as 2025-06-02T12:00:00+00:00")
    return math.floor(moment.timestamp())


def _upper(text: object) -> object:
    return text.upper() if isinstance(text, str) else text


def _own_value(value: object) -> OwnValue:
    if isinstance(value, str) and len(value) <= _MAX_ID:
        return value
    if value is None or isinstance(value, bool) or (isinstance(value, (int, float)) and abs(value) <= _MAX_NUMBER):
        return value
    raise ValueError(
        f"a value is a number up to {_MAX_NUMBER:.0e}, a text of at most {_MAX_ID} characters, true, false or null"
    )


_OwnValue = Annotated[
    OwnValue,
    PlainValidator(_own_value),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "maxLength": _MAX_ID},
                {"type": "number", "minimum": -_MAX_NUMBER, "maximum": _MAX_NUMBER},
                {"type": "boolean"},
                {"type": "null"},
            ]
        }
    ),
]


class SessionEvent(BaseModel):
    """An event of a session."""

    model_config = ConfigDict(extra="forbid", strict=True)

    product: _OptionalId = ""
    category: _OptionalId = ""
    type: Annotated[Literal["VIEW", "ADD_CART", "REMOVE_CART", "BUY"], BeforeValidator(_upper)]
    time: Annotated[int, BeforeValidator(_epoch_seconds), Field(ge=_FIRST_SECOND, le=_LAST_SECOND)]
    id: _OptionalId = ""
    own: Annotated[dict[_OptionalId, _OwnValue], Field(max_length=_MAX_OWN)] = {}

    def event_of(self, session: str, user: str) -> Event:
        """Return the event. In a log without users, each session is its own user."""
        return Event(session, user or session, self.product, self.category, self.type, self.time, self.id, self.own)


class SessionName(BaseModel):
    """The ids of a session and its user."""

    session: _Id
    user: _OptionalId = ""


class EventMessage(SessionEvent, SessionName):  # the fields of the last base come first, also in errors
    """An event of an open session."""

    def event(self) -> Event:
        """Return the event."""
        return self.event_of(self.session, self.user)


class RulesMessage(BaseModel):
    """The rules that label open sessions."""

    model_config = ConfigDict(extra="forbid", strict=True)

    rules: Annotated[list[Rule], Field(max_length=MAX_RULES)]


class WholeSession(SessionName):
    """A session with all of its events, to be predicted without being counted."""

    model_config = ConfigDict(extra="forbid", strict=True)

    events: Annotated[list[SessionEvent], Field(min_length=1, max_length=MAX_BATCH)]


class ScoreMessage(BaseModel):
    """Sessions to be predicted."""

    model_config = ConfigDict(extra="forbid", strict=True)

    sessions: Annotated[list[WholeSession], Field(max_length=MAX_BATCH)]


class RunMessage(BaseModel):
    """The run whose model predicts the sessions."""

    model_config = ConfigDict(extra="forbid", strict=True)

    run: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$")]


class OwnColumnMessage(BaseModel):
    """An extra column of the model. Events may have its value under its name in `own`; see `core.own_columns`."""

    name: str
    level: Level
    kind: Kind


class ServedRunMessage(BaseModel):
    """The run whose model predicts the sessions, and the extra columns that it uses."""

    run: str
    own: list[OwnColumnMessage]


class MismatchMessage(BaseModel):
    """A prefix whose live and batch results differ; see `core.live.parity.Mismatch`."""

    session: str
    user: str
    events_seen: int
    live_value: float
    batch_value: float
    columns: list[str]


class ParityMessage(BaseModel):
    """The latest comparison of live with batch results."""

    sessions: int
    prefixes: int
    mismatches: int
    examples: list[MismatchMessage]


def estimate_record(session: str, user: str, estimate: Estimate, rules: Rules) -> dict[str, Any]:
    """Return the content of an `EstimateMessage`. An infinite end becomes null when it is written as JSON."""
    reasons = [{"group": group, "effect": effect} for group, effect in estimate.reasons]
    return {
        "session": session,
        "user": user,
        **vars(estimate),
        "reasons": reasons,
        "labels": rules.labels(estimate),
    }


_ONE, _BATCH = TypeAdapter(EventMessage), TypeAdapter(Annotated[list[EventMessage], Field(max_length=MAX_BATCH)])
_RULES, _SCORE, _RUN = TypeAdapter(RulesMessage), TypeAdapter(ScoreMessage), TypeAdapter(RunMessage)
_Message = TypeVar("_Message")


def read_events(body: bytes) -> list[Event]:
    """Return the events of a request: one JSON object, or an array of at most MAX_BATCH of them.

    Raises:
        ValueError: the body is not valid JSON of this form. The message is one sentence for the client.
    """
    if body.lstrip()[:1] == b"[":
        return [message.event() for message in _validated(_BATCH, body)]
    return [_validated(_ONE, body).event()]


def read_sessions(body: bytes) -> list[list[Event]]:
    """Return the events of each session of a request.

    Raises:
        ValueError: the body is not valid JSON of this form, or has more than MAX_BATCH events. The message is one
            sentence for the client.
    """
    sessions = _validated(_SCORE, body).sessions
    if sum(len(each.events) for each in sessions) > MAX_BATCH:
        raise ValueError(f"the sessions have more than {MAX_BATCH:,} events together")
    return [[event.event_of(each.session, each.user) for event in each.events] for each in sessions]


def read_run(body: bytes) -> str:
    """Return the run that a request names.

    Raises:
        ValueError: the body is not valid JSON of this form. The message is one sentence for the client.
    """
    return _validated(_RUN, body).run


def read_rules(body: bytes) -> Rules:
    """Return the rules of a request.

    Raises:
        ValueError: the body is not valid JSON of this form. The message is one sentence for the client.
        SettingError: the rules contradict each other.
    """
    return Rules(_validated(_RULES, body).rules)


def _validated(adapter: TypeAdapter[_Message], body: bytes) -> _Message:
    try:
        return adapter.validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ValueError(f"{place}: {first['msg']}" if place else first["msg"]) from None
