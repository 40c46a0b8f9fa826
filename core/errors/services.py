"""Errors of a client of the service for open sessions."""

from __future__ import annotations

from core.errors.base import StudioError


class ServiceError(StudioError):
    """A service that cannot be reached, refuses the request or gives an answer that cannot be used."""

    code = "service_error"

    @classmethod
    def not_an_address(cls, address: str) -> ServiceError:
        problem = f"{address} is not the address of a service."
        remedy = "Enter an address such as http://127.0.0.1:8600."
        return cls(problem, remedy, code="not_a_service_address", actual=address)

    @classmethod
    def not_reachable(cls, address: str, reason: str) -> ServiceError:
        problem = f"No service answers at {address} ({reason})."
        remedy = "Start it with `svs serve --run RUN`, or correct the address."
        return cls(problem, remedy, code="service_not_reachable", actual=address)

    @classmethod
    def wrong_token(cls, address: str) -> ServiceError:
        problem = f"The service at {address} refused the token."
        remedy = "Enter the token with which it was started (SVS_TOKEN)."
        return cls(problem, remedy, code="service_token_refused", allowed="the token in SVS_TOKEN")

    @classmethod
    def unusable_answer(cls, address: str, reason: str) -> ServiceError:
        problem = f"The answer of {address} is not a list of open sessions: {reason}."
        remedy = "Check that `svs serve` of this version runs at this address."
        return cls(problem, remedy, code="service_answer_unusable", actual=reason)
