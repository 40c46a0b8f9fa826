"""Check every HTTP request and WebSocket before Streamlit sees it: its Host, its Origin, and the log-in.

Without the check of the Host, a foreign page whose host name is changed to mean 127.0.0.1 (DNS rebinding) could use the
dashboard on behalf of the person who opened that page. Streamlit checks the Host of WebSockets only, and accepts pages
of every port of this machine.
"""

from __future__ import annotations

import logging

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection, Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from core.errors import AccessError
from pages._ui.serving.hosts import Address, AllowedHosts, is_own_origin, parse_address, plain_ip
from pages._ui.serving.login import Login
from pages._ui.serving.missing_page import missing_page
from pages._ui.serving.settings import ServerSettings

_HEALTH = "/_stcore/health"
_MAX_LOGGED = 100
_LOG = logging.getLogger(__name__)
_active: list[bool] = []


def is_active() -> bool:
    """Return whether this server checks every request."""
    return bool(_active)


def check(headers: Headers, server: Address, hosts: AllowedHosts) -> None:
    """Check the headers of a request. Headers that a proxy adds, such as X-Forwarded-Host, are not used.

    Args:
        headers: headers of the request.
        server: address at which the connection arrived.
        hosts: addresses at which the dashboard answers.

    Raises:
        AccessError: the request was sent to an address that is not allowed, or by a page of another address.
    """
    sent_to = headers.getlist("host")
    host = parse_address(sent_to[0]) if len(sent_to) == 1 else None
    if host is None:
        raise AccessError.unreadable_host()
    if not hosts.allow(host, server):
        raise AccessError.unknown_host(str(host))
    is_embedded = (
        headers.get("sec-fetch-site") in ("cross-site", "same-site") and headers.get("sec-fetch-mode") != "navigate"
    )
    if is_embedded or not all(is_own_origin(origin, host) for origin in headers.getlist("origin")):
        raise AccessError.foreign_origin(str(host))


class Guard:
    """ASGI middleware that answers a request itself if it is not allowed, needs a log-in, or leads nowhere."""

    def __init__(self, app: ASGIApp, settings: ServerSettings) -> None:
        self._app = app
        self._hosts = settings.hosts
        self._login = Login(settings.token) if settings.token else None
        self._base = settings.base
        self._logged: set[str] = set()
        _active.append(True)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = await self._answer(scope, receive) if scope["type"] in ("http", "websocket") else None
        await (answer or self._app)(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive) -> Response | None:
        """Return the answer to a request that Streamlit must not see; else None."""
        try:
            check(Headers(scope=scope), _server_of(scope), self._hosts)
        except AccessError as error:
            self._log(error)
            return _refusal(error)
        if self._login is None or self._login.is_logged_in(HTTPConnection(scope)):
            return missing_page(scope, self._base)
        if scope["type"] == "websocket":
            return _refusal(AccessError.not_logged_in())
        if scope["method"] == "POST":
            return await self._login.attempt(Request(scope, receive))
        return None if scope["path"].endswith(_HEALTH) else self._login.page()

    def _log(self, error: AccessError) -> None:
        """Log a refusal once, and not without limit, because anyone can cause one."""
        if str(error) not in self._logged and len(self._logged) < _MAX_LOGGED:
            self._logged.add(str(error))
            _LOG.warning("Refused a request. %s", error)


def _server_of(scope: Scope) -> Address:
    host, port = scope.get("server") or ("", None)
    return Address(plain_ip(host) or host, port)


def _refusal(error: AccessError) -> Response:
    return PlainTextResponse(f"{error}\n", 403, {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"})
