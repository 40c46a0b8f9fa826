"""The HTTP interface of the service.

| request | answer |
|---|---|
| `POST /v1/events` | counts one event or an array of events; the estimates of their sessions |
| `GET /v1/sessions` | the forecast of all open sessions, and those with the highest value |
| `GET /v1/sessions/{id}` | the estimates of a session, one per user |
| `DELETE /v1/sessions/{id}` | closes a session |
| `GET`, `PUT /v1/rules` | the rules that label sessions; replaces them |
| `GET /health`, `GET /ready` | whether the process runs |
| `GET /metrics` | counts in the format of Prometheus |
| `GET /openapi.json` | this interface in OpenAPI |

Add `?reasons=1` to the requests about events and about one session for reasons. An error is `{"error": one sentence}`.
"""

from __future__ import annotations

import hmac
import sqlite3
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from core.errors import SettingError
from core.live.events import Estimate
from core.live.forecast import Spread
from core.live.service.messages import EstimateMessage, read_events, read_rules
from core.live.service.openapi import description
from core.live.service.overview import MAX_LISTED, RANKINGS, overview
from core.live.service.sessions import Key, LimitError, SessionService

MAX_BODY = 1 << 20
"""1 MB. A thousand events have about 150 kB."""
_LISTED, _DIGITS = 50, 9
LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})
_OPEN_PATHS = frozenset({"/health", "/ready"})
_Handler = Callable[[Request], Awaitable[Response]]


class _Requests:
    """The handlers, and the counts that /metrics shows."""

    def __init__(self, service: SessionService, token: str, spread: Spread | None) -> None:
        self._service, self._token, self._spread = service, token, spread
        self._answers: Counter[tuple[str, int]] = Counter()
        self._events, self._seconds = 0, 0.0

    def route(self, path: str, handler: _Handler, method: str) -> Route:
        """Return a route whose handler is guarded and counted."""

        async def answer(request: Request) -> Response:
            refusal = self._refusal(request)
            try:
                response = await handler(request) if refusal is None else refusal
            except sqlite3.Error as error:
                response = _error(503, f"The events could not be stored ({error}). Try again later.")
            self._answers[path, response.status_code] += 1
            return response

        return Route(path, answer, methods=[method])

    async def post_events(self, request: Request) -> Response:
        """Count events."""
        body = await _body(request)
        if body is None:
            return _too_large()
        began = time.perf_counter()
        try:
            events = read_events(body)
            estimates = self._service.receive(events, reasons=_wants_reasons(request))
        except ValueError as error:
            return _error(422, f"The body is no event and no array of events ({error}).")
        except LimitError as error:
            return _error(429, str(error))
        self._events += len(events)
        self._seconds += time.perf_counter() - began
        return self._estimates(estimates)

    async def list_sessions(self, request: Request) -> Response:
        """Return the forecast of all open sessions, and the highest of them."""
        limit, by = request.query_params.get("limit", str(_LISTED)), request.query_params.get("by", "value")
        if not (limit.isascii() and limit.isdigit() and len(limit) <= _DIGITS and 0 <= int(limit) <= MAX_LISTED):
            return _error(422, f"limit is not a whole number from 0 to {MAX_LISTED:,}.")
        if by not in RANKINGS:
            return _error(422, f"by is not one of {', '.join(RANKINGS)}.")
        answer = overview(self._service.open_sessions(), self._service.rules, self._spread, int(limit), by)
        return JSONResponse(answer.model_dump())

    async def get_session(self, request: Request) -> Response:
        """Return the estimates of a session."""
        estimates = self._service.estimates(request.path_params["session"], reasons=_wants_reasons(request))
        return self._estimates(estimates) if estimates else _error(404, "The session is not open.")

    async def delete_session(self, request: Request) -> Response:
        """Close a session."""
        is_closed = self._service.close(request.path_params["session"])
        return Response(status_code=204) if is_closed else _error(404, "The session is not open.")

    async def get_rules(self, _: Request) -> Response:
        """Return the rules."""
        return JSONResponse({"rules": self._service.rules.records()})

    async def put_rules(self, request: Request) -> Response:
        """Replace the rules."""
        body = await _body(request)
        if body is None:
            return _too_large()
        try:
            rules = read_rules(body)
        except ValueError as error:
            return _error(422, f"The body has no list of rules ({error}).")
        except SettingError as error:
            return _error(422, error.problem)
        self._service.change_rules(rules)
        return await self.get_rules(request)

    async def health(self, _: Request) -> Response:
        """Answer; the model is loaded before the first request."""
        return JSONResponse({"status": "ok"})

    async def metrics(self, _: Request) -> Response:
        """Return counts in the text format of Prometheus."""
        self._service.expire()
        lines = [
            "# TYPE svs_open_sessions gauge",
            f"svs_open_sessions {self._service.n_open}",
            "# TYPE svs_events_total counter",
            f"svs_events_total {self._events}",
            "# TYPE svs_event_seconds_total counter",
            f"svs_event_seconds_total {self._seconds:.6f}",
            "# TYPE svs_requests_total counter",
        ]
        for (path, status), count in sorted(self._answers.items()):
            lines.append(f'svs_requests_total{{path="{path}",status="{status}"}} {count}')
        return PlainTextResponse("\n".join(lines) + "\n")

    async def openapi(self, _: Request) -> Response:
        """Return the description of the interface."""
        return JSONResponse(description())

    def _estimates(self, estimates: dict[Key, Estimate]) -> Response:
        rules = self._service.rules
        messages = [EstimateMessage.of(*key, estimate, rules).model_dump() for key, estimate in estimates.items()]
        return JSONResponse({"estimates": messages})

    def _refusal(self, request: Request) -> Response | None:
        if request.url.path in _OPEN_PATHS:
            return None
        if not self._token:
            # The name of a page elsewhere may be re-pointed to this machine (DNS rebinding), and any page may send
            # requests to localhost, with its own address as their origin.
            origin = request.headers.get("origin")
            is_local = _is_local(f"//{request.headers.get('host', '')}") and (origin is None or _is_local(origin))
            return None if is_local else _error(403, "Without a token, the service answers only to localhost.")
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        is_right = hmac.compare_digest(token.encode(), self._token.encode())
        if scheme.lower() == "bearer" and is_right:
            return None
        return _error(401, "Send the token of the service in the header Authorization: Bearer TOKEN.")


def _is_local(url: str) -> bool:
    try:
        return urlsplit(url).hostname in LOCAL_HOSTS
    except ValueError:
        return False


def application(service: SessionService, token: str = "", spread: Spread | None = None) -> Starlette:
    """Return the service as an ASGI application.

    Args:
        token: what requests must have as bearer token; empty for none, which only localhost may use.
        spread: how the training sessions of the run ended; None for no forecast of all open sessions.
    """
    requests = _Requests(service, token, spread)
    return Starlette(
        routes=[
            requests.route("/v1/events", requests.post_events, "POST"),
            requests.route("/v1/sessions", requests.list_sessions, "GET"),
            requests.route("/v1/sessions/{session:path}", requests.get_session, "GET"),
            requests.route("/v1/sessions/{session:path}", requests.delete_session, "DELETE"),
            requests.route("/v1/rules", requests.get_rules, "GET"),
            requests.route("/v1/rules", requests.put_rules, "PUT"),
            requests.route("/health", requests.health, "GET"),
            requests.route("/ready", requests.health, "GET"),
            requests.route("/metrics", requests.metrics, "GET"),
            requests.route("/openapi.json", requests.openapi, "GET"),
        ]
    )


async def _body(request: Request) -> bytes | None:
    """Return the body; None if it is too large, of which no more than the limit is read."""
    parts, size = [], 0
    async for part in request.stream():
        parts.append(part)
        size += len(part)
        if size > MAX_BODY:
            return None
    return b"".join(parts)


def _wants_reasons(request: Request) -> bool:
    return request.query_params.get("reasons", "") in ("1", "true")


def _too_large() -> Response:
    return _error(413, f"The body is larger than {MAX_BODY:,} bytes. Send less at once.")


def _error(status: int, sentence: str) -> Response:
    return JSONResponse({"error": sentence}, status_code=status)
