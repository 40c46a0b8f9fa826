"""Handlers of the service, one per request."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from core.errors import StudioError
from core.live.events import Estimate, Event
from core.live.service.estimate_table import Key
from core.live.service.messages import estimate_record, read_events, read_rules, read_run, read_sessions
from core.live.service.openapi import description
from core.live.service.overview import MAX_LISTED, RANKINGS, overview
from core.live.service.parity_check import ParityCheck
from core.live.service.run_change import BusyError, RunChange
from core.live.service.sessions import Arrival, LimitError, SessionService
from core.live.service.ticks import Ticks

MAX_BODY = 1 << 20
"""1 MB. A thousand events have about 150 kB."""
_LISTED = 50
"""Sessions that are listed if the request does not say how many."""
_MAX_DIGITS = 9
_AT_ONCE = 50
"""Sessions that are valued before other requests take their turn: about 20 ms."""
SecondsToWait = Callable[[Request, int], int]
"""Function (request, number of events) -> seconds until the client may send that many; 0 if it may send them now."""


class RefusedRequest(Exception):
    """A request that is answered with an error: its status, and one sentence."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


class Handlers:
    """The handlers of all requests, and the counts of events that /metrics shows.

    Args:
        service: the service.
        change: changes its run.
        parity: compares its sessions with the batch path.
        seconds_to_wait: the limit of events.

    Attributes:
        events: number of events that were counted.
        seconds: sum of the seconds from the receipt of each of their requests to its estimates.
    """

    def __init__(
        self, service: SessionService, change: RunChange, parity: ParityCheck, seconds_to_wait: SecondsToWait
    ) -> None:
        self._service = service
        self._change = change
        self._parity = parity
        self._seconds_to_wait = seconds_to_wait
        self._ticks = Ticks(service)
        self.events = 0
        self.seconds = 0.0

    async def post_events(self, request: Request) -> Response:
        """Count events."""
        body = await _body(request)
        began = time.perf_counter()
        with _refusing_bodies("is neither an event nor an array of events"):
            events = read_events(body)
            self._check_own(events)
        if len(events) > 1 and (seconds := self._seconds_to_wait(request, len(events) - 1)):
            return too_fast(seconds)
        try:
            estimates = await self._ticks.receive(Arrival(events, reasons=_wants_reasons(request)))
        except LimitError as error:
            return refusal(429, str(error))
        self.events += len(events)
        self.seconds += time.perf_counter() - began
        return self._estimates(estimates)

    async def score(self, request: Request) -> Response:
        """Predict sessions from all of their events, without counting them."""
        body = await _body(request)
        with _refusing_bodies("has no list of sessions"):
            sessions = read_sessions(body)
            for session in sessions:
                self._check_own(session)
        n_events = sum(map(len, sessions))
        if n_events > 1 and (seconds := self._seconds_to_wait(request, n_events - 1)):
            return too_fast(seconds)
        scorer = self._service.served.scorer
        records: list[dict[str, Any]] = []
        for first in range(0, len(sessions), _AT_ONCE):
            part = sessions[first : first + _AT_ONCE]
            estimates = scorer.scores(part)
            keys = [(events[0].session, events[0].user) for events in part]
            records += [self._record(key, estimate) for key, estimate in zip(keys, estimates, strict=True)]
            await asyncio.sleep(0)
        return answer({"estimates": records})

    async def list_sessions(self, request: Request) -> Response:
        """Return the forecast of all open sessions, and the highest of them."""
        limit = _limit(request)
        by = request.query_params.get("by", "value")
        if limit is None:
            return refusal(422, f"limit is not a whole number from 0 to {MAX_LISTED:,}.")
        if by not in RANKINGS:
            return refusal(422, f"by is not one of {', '.join(RANKINGS)}.")
        missing = self._service.unestimated()
        for first in range(0, len(missing), _AT_ONCE):
            self._service.estimate(missing[first : first + _AT_ONCE])
            await asyncio.sleep(0)
        service = self._service
        content = overview(service.table, service.now(), service.rules, service.served.spread, limit=limit, by=by)
        return answer(content)

    async def get_session(self, request: Request) -> Response:
        """Return the estimates of a session."""
        estimates = self._service.estimates(request.path_params["session"], reasons=_wants_reasons(request))
        return self._estimates(estimates) if estimates else refusal(404, "The session is not open.")

    async def delete_session(self, request: Request) -> Response:
        """Close a session."""
        is_closed = self._service.close(request.path_params["session"])
        return Response(status_code=204) if is_closed else refusal(404, "The session is not open.")

    async def get_rules(self, _: Request) -> Response:
        """Return the rules."""
        return answer({"rules": self._service.rules.records()})

    async def put_rules(self, request: Request) -> Response:
        """Replace the rules."""
        body = await _body(request)
        with _refusing_bodies("has no list of rules"):
            rules = read_rules(body)
        self._service.change_rules(rules)
        return await self.get_rules(request)

    async def get_parity(self, _: Request) -> Response:
        """Return the result of the latest comparison."""
        latest = self._parity.latest
        return refusal(404, "Nothing was compared yet. Send POST /v1/parity.") if latest is None else answer(latest)

    async def post_parity(self, _: Request) -> Response:
        """Compare recent sessions with the batch path."""
        try:
            return answer(await self._parity.run())
        except (BusyError, LimitError) as error:
            return refusal(409, str(error))

    async def get_run(self, _: Request) -> Response:
        """Return the run whose model predicts the sessions, and the extra columns that it uses."""
        served = self._service.served
        own = [{"name": each.name, "level": each.level, "kind": each.kind} for each in served.scorer.own_columns]
        return answer({"run": served.name, "own": own})

    async def post_run(self, request: Request) -> Response:
        """Change the run."""
        body = await _body(request)
        try:
            with _refusing_bodies("names no run"):
                await self._change.change(read_run(body))
        except BusyError as error:
            return refusal(409, str(error))
        return await self.get_run(request)

    async def health(self, _: Request) -> Response:
        """Answer; the model is loaded before the first request."""
        return answer({"status": "ok"})

    async def openapi(self, _: Request) -> Response:
        """Return the description of the interface."""
        return answer(description())

    def metric_lines(self) -> list[str]:
        """Return the lines of /metrics about events and sessions."""
        self._service.expire()
        return [
            "# TYPE svs_open_sessions gauge",
            f"svs_open_sessions {self._service.n_open}",
            "# TYPE svs_events_total counter",
            f"svs_events_total {self.events}",
            "# TYPE svs_event_seconds_total counter",
            f"svs_event_seconds_total {self.seconds:.6f}",
        ]

    def _check_own(self, events: Sequence[Event]) -> None:
        """Check the values of own columns; see `LiveScorer.check`."""
        for number, event in enumerate(events):
            try:
                self._service.served.scorer.check(event)
            except ValueError as error:
                raise ValueError(f"{number}.{error}" if len(events) > 1 else str(error)) from None

    def _estimates(self, estimates: dict[Key, Estimate]) -> Response:
        return answer({"estimates": [self._record(key, estimate) for key, estimate in estimates.items()]})

    def _record(self, key: Key, estimate: Estimate) -> dict[str, Any]:
        return estimate_record(*key, estimate, self._service.rules)


def answer(content: dict[str, Any]) -> Response:
    """Return an answer in JSON."""
    return Response(to_json(content, inf_nan_mode="null"), media_type="application/json")


def refusal(status: int, sentence: str) -> Response:
    """Return an answer with an error: `{"error": sentence}`."""
    return Response(to_json({"error": sentence}), status_code=status, media_type="application/json")


def too_fast(seconds: int) -> Response:
    """Return the error of a client that sends more than it may."""
    response = refusal(429, f"This address sends more events than allowed. Try again in {seconds} s.")
    response.headers["Retry-After"] = str(seconds)
    return response


def metrics_text(lines: list[str]) -> Response:
    """Return metrics in the text format of Prometheus."""
    return PlainTextResponse("\n".join(lines) + "\n")


@contextmanager
def _refusing_bodies(problem: str) -> Iterator[None]:
    """Raise a `RefusedRequest` if the block cannot use the body; `problem` follows "The body"."""
    try:
        yield
    except ValueError as error:
        raise RefusedRequest(422, f"The body {problem} ({error}).") from error
    except StudioError as error:
        raise RefusedRequest(422, error.problem) from error


async def _body(request: Request) -> bytes:
    """Return the body. At most the limit is read.

    Raises:
        RefusedRequest: the body is larger.
    """
    parts, size = [], 0
    async for part in request.stream():
        parts.append(part)
        size += len(part)
        if size > MAX_BODY:
            raise RefusedRequest(413, f"The body is larger than {MAX_BODY:,} bytes. Send less at once.")
    return b"".join(parts)


def _limit(request: Request) -> int | None:
    """Return how many sessions the request wants listed; None if it is not a whole number up to MAX_LISTED."""
    text = request.query_params.get("limit", str(_LISTED))
    is_number = text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS
    return int(text) if is_number and int(text) <= MAX_LISTED else None


def _wants_reasons(request: Request) -> bool:
    return request.query_params.get("reasons", "") in ("1", "true")
