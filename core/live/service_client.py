"""Asks a running service for its open sessions."""

from __future__ import annotations

import http.client
import time
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import urlsplit

from pydantic import ValidationError

from core.errors import ServiceError
from core.live.answers import OverviewMessage
from core.live.shop_day import OpenSessionRow, RankBy, ShopMoment

DEFAULT_ADDRESS = "http://127.0.0.1:8600"
"""Where `svs serve` listens by default."""
TIMEOUT_SECONDS = 2.0
_MAX_BYTES = 1 << 22
"""4 MB. A thousand sessions have about 300 kB."""


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """An answer that points elsewhere is an error: the address that a person entered is the only one that is asked."""

    def redirect_request(self, *_: Any) -> None:  # noqa: ANN401 (its arguments are not used)
        return None


_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirect)


def service_host(address: str) -> str:
    """Return the host in an address, such as http://127.0.0.1:8600.

    Raises:
        ServiceError: it is not an address of this form.
    """
    try:
        parts = urlsplit(address)
        is_valid = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
        has_more = parts.username or parts.password or parts.query or parts.fragment or parts.path not in ("", "/")
    except ValueError:
        is_valid, has_more = False, False
    if not is_valid or has_more or not address.isascii() or not address.isprintable() or " " in address:
        raise ServiceError.not_an_address(address)
    return parts.hostname or ""


def ask_service(address: str, token: str, *, by: RankBy, limit: int) -> ShopMoment:
    """Return the open sessions of a running service now.

    Args:
        address: such as http://127.0.0.1:8600.
        token: the token of the service; empty for none.

    Raises:
        ServiceError: the service is not reachable, refuses, or gives another answer.
    """
    service_host(address)
    url = f"{address.rstrip('/')}/v1/sessions?limit={limit}&by={by}"
    request = urllib.request.Request(url)  # noqa: S310 (service_host allows http and https only)
    if token:
        request.add_header("Authorization", f"Bearer {token.encode('ascii', 'replace').decode()}")
    try:
        with _OPENER.open(request, timeout=TIMEOUT_SECONDS) as answer:
            body = answer.read(_MAX_BYTES + 1)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code in (401, 403):
            raise ServiceError.wrong_token(address) from error
        raise ServiceError.unusable_answer(address, f"it has the status {error.code}") from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise ServiceError.not_reachable(address, getattr(reason, "strerror", None) or "no answer") from error
    if len(body) > _MAX_BYTES:
        raise ServiceError.unusable_answer(address, f"it has more than {_MAX_BYTES >> 20} MB")
    try:
        overview = OverviewMessage.model_validate_json(body)
    except ValidationError as error:
        raise ServiceError.unusable_answer(address, "it has other fields") from error
    rows = (OpenSessionRow(each.session, each.user, each.estimate(), each.idle) for each in overview.sessions[:limit])
    return ShopMoment(int(time.time()), overview.open, 0, overview.total(), None, tuple(rows))
