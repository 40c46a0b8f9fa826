"""The HTTP interface of the service.

| request | answer |
|---|---|
| `POST /v1/events` | counts one event or an array of events; the estimates of their sessions |
| `GET /v1/sessions` | the forecast of all open sessions, and those with the highest value |
| `GET /v1/sessions/{id}` | the estimates of a session, one per user |
| `DELETE /v1/sessions/{id}` | closes a session |
| `POST /v1/score` | the estimates of whole sessions, which are not counted |
| `GET`, `PUT /v1/rules` | the rules that label sessions; replaces them |
| `GET`, `POST /v1/parity` | the latest comparison of live with batch results; compares again |
| `GET`, `POST /v1/run` | the run whose model predicts the sessions; changes it |
| `GET /health`, `GET /ready` | whether the process runs |
| `GET /metrics` | counts in the format of Prometheus |
| `GET /openapi.json` | this interface in OpenAPI |

Add `?reasons=1` to the requests about events and about one session for reasons. An error is `{"error": one sentence}`.
"""

from __future__ import annotations

import hmac
import sqlite3
from collections import Counter
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from core.errors import RunError
from core.live.service.handlers import Handlers, RefusedRequest, metrics_text, refusal, too_fast
from core.live.service.messages import MAX_BATCH
from core.live.service.parity_check import ParityCheck
from core.live.service.rate_limit import DEFAULT_RATE, RateLimit
from core.live.service.run_change import RunChange
from core.live.service.served_model import ServedModel
from core.live.service.sessions import SessionService

LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})
_OPEN_PATHS = frozenset({"/health", "/ready"})
_Handler = Callable[[Request], Awaitable[Response]]
Load = Callable[[str], ServedModel]


def application(
    service: SessionService,
    *,
    token: str = "",
    rate: float = DEFAULT_RATE,
    load: Load | None = None,
) -> Starlette:
    """Return the service as an ASGI application.

    Args:
        service: the open sessions.
        token: what requests must have as bearer token; empty for none, which only localhost may use.
        rate: events a second that each client address may send; 0 for no limit.
        load: loads the model of a run by its id, to change the run; None if it cannot be changed.
    """
    gate = _Gate(token, rate)
    change = RunChange(service, load or _no_other_run)
    handlers = Handlers(service, change, ParityCheck(service), gate.seconds_to_wait)

    async def metrics(_: Request) -> Response:
        return metrics_text([*handlers.metric_lines(), *gate.metric_lines()])

    routes = [
        ("/v1/events", "POST", handlers.post_events),
        ("/v1/sessions", "GET", handlers.list_sessions),
        ("/v1/sessions/{session:path}", "GET", handlers.get_session),
        ("/v1/sessions/{session:path}", "DELETE", handlers.delete_session),
        ("/v1/score", "POST", handlers.score),
        ("/v1/rules", "GET", handlers.get_rules),
        ("/v1/rules", "PUT", handlers.put_rules),
        ("/v1/parity", "GET", handlers.get_parity),
        ("/v1/parity", "POST", handlers.post_parity),
        ("/v1/run", "GET", handlers.get_run),
        ("/v1/run", "POST", handlers.post_run),
        ("/health", "GET", handlers.health),
        ("/ready", "GET", handlers.health),
        ("/metrics", "GET", metrics),
        ("/openapi.json", "GET", handlers.openapi),
    ]
    return Starlette(
        routes=[Route(path, gate.guarded(path, handler), methods=[method]) for path, method, handler in routes],
        exception_handlers={HTTPException: _no_such_path},
    )


class _Gate:
    """Refuses requests without access or above the limit, and counts answers for /metrics."""

    def __init__(self, token: str, rate: float) -> None:
        self._token, self._limit = token, RateLimit(rate, MAX_BATCH)
        self._answers: Counter[tuple[str, int]] = Counter()

    def guarded(self, path: str, handler: _Handler) -> _Handler:
        """Wrap a handler: refuse requests without access, turn its errors into messages, and count the answers.

        Args:
            path: path of the handler. Answers are counted by path and status.
        """

        async def guarded(request: Request) -> Response:
            response = self._refusal(request)
            try:
                if response is None:
                    response = await handler(request)
            except RefusedRequest as error:
                response = refusal(error.status, str(error))
            except sqlite3.Error as error:
                response = refusal(503, f"The events could not be stored ({error}). Try again later.")
            self._answers[path, response.status_code] += 1
            return response

        return guarded

    def seconds_to_wait(self, request: Request, events: int) -> int:
        """Return the seconds that a client must wait before it may send this number of events."""
        return self._limit.seconds_to_wait(request.client.host if request.client else "", events)

    def metric_lines(self) -> list[str]:
        """Return the lines of /metrics about answers."""
        lines = [
            f'svs_requests_total{{path="{path}",status="{status}"}} {count}'
            for (path, status), count in sorted(self._answers.items())
        ]
        return ["# TYPE svs_requests_total counter", *lines]

    def _refusal(self, request: Request) -> Response | None:
        if request.url.path in _OPEN_PATHS:
            return None
        if seconds := self.seconds_to_wait(request, 1):
            return too_fast(seconds)
        headers = request.headers
        if not self._token:
            # The name of a page elsewhere may be re-pointed to this machine (DNS rebinding), and any page may send
            # requests to localhost, with its own address as their origin.
            origin = headers.get("origin")
            is_local = _is_local(f"//{headers.get('host', '')}") and (origin is None or _is_local(origin))
            return None if is_local else refusal(403, "Without a token, the service answers only to localhost.")
        scheme, _, token = headers.get("authorization", "").partition(" ")
        is_right = hmac.compare_digest(token.encode(), self._token.encode())
        if scheme.lower() == "bearer" and is_right:
            return None
        return refusal(401, "Send the token of the service in the header Authorization: Bearer TOKEN.")


def _is_local(url: str) -> bool:
    try:
        return urlsplit(url).hostname in LOCAL_HOSTS
    except ValueError:
        return False


async def _no_such_path(_: Request, error: Exception) -> Response:
    """Answer a request that no route takes."""
    if not isinstance(error, HTTPException):
        raise error
    sentence = "This path takes other methods." if error.status_code == 405 else "The service has no such path."
    response = refusal(error.status_code, f"{sentence} All are described at /openapi.json.")
    response.headers.update(error.headers or {})
    return response


def _no_other_run(name: str) -> ServedModel:
    raise RunError.unknown("run", name, [])
