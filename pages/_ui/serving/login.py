"""Log in with a token: the page that asks for it, and the cookie of a visitor who is logged in."""

from __future__ import annotations

import asyncio
import hmac
import re
import time
from html import escape
from urllib.parse import parse_qs, quote

from starlette.requests import ClientDisconnect, HTTPConnection, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from core.errors import AccessError
from pages._ui.serving.plain_page import plain_page

COOKIE = "svs_login"
_VALID_SECONDS = 12 * 3600
_SECONDS_PER_WRONG_TRY = 1.0
_MAX_WAITING = 10
"""Attempts that wait for their turn. More are refused."""
_MAX_BYTES = 4096
_TIME = re.compile(r"[0-9]{1,12}")
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
}
_STYLE = """
main { max-width: 22rem; margin: 15vh auto 0; padding: 0 1rem; }
input, button { display: block; box-sizing: border-box; width: 100%; margin: .4rem 0 1rem; padding: .6rem; }
input, button { font: inherit; }
"""
_FORM = """<h1>Session Value Studio</h1>
<form method="post">
<label for="token">Token</label>
<input id="token" name="token" type="password" autocomplete="current-password" required autofocus>
<button>Log in</button>
<p role="alert">{message}</p>
</form>"""


class Login:
    """The log-in. Attempts are answered one after the other, and a wrong one takes a second, so guessing is slow."""

    def __init__(self, token: str) -> None:
        self._token = token.encode("utf-8", "surrogateescape")
        self._turn = asyncio.Lock()
        self._n_waiting = 0

    def is_logged_in(self, connection: HTTPConnection) -> bool:
        """Return whether the request has the cookie of a log-in that has not expired."""
        expires, _, _ = connection.cookies.get(COOKIE, "").partition(".")
        if _TIME.fullmatch(expires) is None or int(expires) < time.time():
            return False
        return hmac.compare_digest(connection.cookies[COOKIE].encode(), self._cookie(expires).encode())

    def page(self, message: str = "", status: int = 401) -> Response:
        """Return the page that asks for the token."""
        page = plain_page("Log in", _FORM.format(message=escape(message)), _STYLE)
        return HTMLResponse(page, status, _HEADERS)

    async def attempt(self, request: Request) -> Response:
        """Check the token in a form; return a redirect to the requested page with the cookie, or the page again."""
        token = await _token_in(request)  # before its turn, because a slow sender must not keep others waiting
        if self._n_waiting >= _MAX_WAITING:
            return self.page(str(AccessError.too_many_tries(_MAX_WAITING)), 429)
        self._n_waiting += 1
        try:
            async with self._turn:
                if not hmac.compare_digest(token, self._token):
                    await asyncio.sleep(_SECONDS_PER_WRONG_TRY)
                    return self.page(str(AccessError.wrong_token()))
        finally:
            self._n_waiting -= 1
        response = RedirectResponse(_requested(request), 303, {"Cache-Control": "no-store"})
        is_encrypted = "https" in (request.url.scheme, request.headers.get("origin", "").partition(":")[0])
        expires = str(int(time.time()) + _VALID_SECONDS)
        response.set_cookie(COOKIE, self._cookie(expires), secure=is_encrypted, httponly=True, samesite="lax")
        return response

    def _cookie(self, expires: str) -> str:
        """Return the cookie's value. It has no secret, so the server stores none; another token makes it invalid."""
        return f"{expires}.{hmac.digest(self._token, f'{COOKIE} {expires}'.encode(), 'sha256').hex()}"


async def _token_in(request: Request) -> bytes:
    """Return the token in the form; empty if there is none."""
    body = b""
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > _MAX_BYTES:
                return b""
        fields = parse_qs(body.decode("utf-8", "replace"), max_num_fields=10)
    except (ClientDisconnect, ValueError):  # too many fields
        return b""
    return fields.get("token", [""])[0].strip().encode()


def _requested(request: Request) -> str:
    """Return the path and query of the request.

    The path begins with one slash only: browsers take what follows two slashes as the name of another host.
    """
    query = request.scope["query_string"].decode("latin-1")
    return "/" + quote(request.scope["path"].lstrip("/\\")) + (f"?{query}" if query else "")
