"""Errors about who may open the dashboard."""

from __future__ import annotations

from core.errors.base import StudioError


class AccessError(StudioError):
    """A request that the dashboard does not answer."""

    code = "access_error"

    @classmethod
    def unknown_host(cls, host: str) -> AccessError:
        problem = f"The dashboard does not answer at the address {host}."
        remedy = f"If this address is yours, start the dashboard with SVS_ALLOWED_HOSTS={host}."
        return cls(problem, remedy, code="unknown_host", actual=host)

    @classmethod
    def unreadable_host(cls) -> AccessError:
        problem = "The request does not name the dashboard's address: its Host header is missing or not valid."
        remedy = "Open the address that was shown when the dashboard was started."
        return cls(problem, remedy, code="unreadable_host", allowed="a host with an optional port")

    @classmethod
    def foreign_origin(cls, host: str) -> AccessError:
        problem = f"A page of another address sent a request to {host}. Only the dashboard's own pages may do this."
        remedy = "Behind a reverse proxy, let the proxy pass on the Host header with its port."
        return cls(problem, remedy, code="foreign_origin", actual=host)

    @classmethod
    def not_logged_in(cls) -> AccessError:
        problem = "You are not logged in."
        remedy = "Reload the page and enter the token."
        return cls(problem, remedy, code="not_logged_in", allowed="the token in SVS_TOKEN")

    @classmethod
    def wrong_token(cls) -> AccessError:
        problem = "The token is wrong."
        remedy = "Copy the whole token and try again."
        return cls(problem, remedy, code="wrong_token", allowed="the token in SVS_TOKEN")

    @classmethod
    def too_many_tries(cls, limit: int) -> AccessError:
        problem = f"There are too many log-in attempts at the same time: {limit} are already waiting."
        remedy = "Wait a minute and try again."
        return cls(problem, remedy, code="too_many_tries", allowed=limit)

    @classmethod
    def no_guard(cls) -> AccessError:
        problem = "The dashboard was started without app.py, so it cannot ask for the token in SVS_TOKEN."
        remedy = "Start it with `python -m core ui` or `streamlit run app.py`."
        return cls(problem, remedy, code="no_guard", allowed="app.py")
