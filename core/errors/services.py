"""Errors of the service for open sessions, as one who asks it sees them."""

from __future__ import annotations

from core.errors.base import StudioError


class ServiceError(StudioError):
    """A service that does not give the answer that was asked for."""

    code = "service_error"

    @classmethod
    def not_an_address(cls, address: str) -> ServiceError:
        return cls(
            f"{address} is not the address of a service.",
            "Enter an address such as http://127.0.0.1:8600.",
            code="not_a_service_address",
            actual=address,
        )

    @classmethod
    def not_reachable(cls, address: str, reason: str) -> ServiceError:
        return cls(
            f"No service answers at {address} ({reason}).",
            "Start it with `svs serve --run RUN`, or correct the address.",
            code="service_not_reachable",
            actual=address,
        )

    @classmethod
    def wrong_token(cls, address: str) -> ServiceError:
        return cls(
            f"The service at {address} refused the token.",
            "Enter the token with which it was started (SVS_TOKEN).",
            code="service_token_refused",
            allowed="the token in SVS_TOKEN",
        )

    @classmethod
    def unusable_answer(cls, address: str, reason: str) -> ServiceError:
        return cls(
            f"The answer of {address} is not a list of open sessions: {reason}.",
            "Check that the address is that of `svs serve` of this version.",
            code="service_answer_unusable",
            actual=reason,
        )
