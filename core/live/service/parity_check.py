"""Compares recent sessions of a service with the batch path, while it answers requests."""

from __future__ import annotations

import asyncio
from typing import Any

from core.live.parity import MAX_EXAMPLES, Mismatch, batch_cases, mismatches
from core.live.service.event_store import StoredEvent
from core.live.service.run_change import BusyError
from core.live.service.sessions import LimitError, SessionService

_MAX_STORED = 500_000
"""Stored events with which the batch path is computed; they take about 300 MB."""
_AT_ONCE = 500


class ParityCheck:
    """Compares the sessions of a service, one comparison at a time.

    Attributes:
        latest: the latest result, as a `ParityMessage`; None before the first one.
    """

    def __init__(self, service: SessionService) -> None:
        self._service = service
        self._is_busy = False
        self.latest: dict[str, Any] | None = None

    async def run(self) -> dict[str, Any]:
        """Compare the latest sessions that the store has, and return the result.

        Raises:
            BusyError: another comparison is under way.
            LimitError: the store has too many events.
        """
        if self._is_busy:
            raise BusyError("Another comparison is under way. Its result is at GET /v1/parity in a moment.")
        self._is_busy = True
        try:
            self.latest = await self._compared()
        finally:
            self._is_busy = False
        return self.latest

    async def _compared(self) -> dict[str, Any]:
        served, stored = self._service.served, await self._stored()
        received = [(each.event, each.is_close) for each in stored]
        cases = await asyncio.to_thread(batch_cases, served.model, received)
        different: list[Mismatch] = []
        for case in cases:
            different += mismatches(served.scorer, case)
            await asyncio.sleep(0)  # other requests take their turn
        return {
            "sessions": len(cases),
            "prefixes": sum(len(case.events) for case in cases),
            "mismatches": len(different),
            "examples": [each._asdict() for each in different[:MAX_EXAMPLES]],
        }

    async def _stored(self) -> list[StoredEvent]:
        stored: list[StoredEvent] = []
        while part := list(self._service.store.replay(stored[-1].number if stored else 0, _AT_ONCE)):
            stored += part
            if len(stored) > _MAX_STORED:
                raise LimitError(f"The service has more than {_MAX_STORED:,} stored events, too many to compare.")
            await asyncio.sleep(0)
        return [each for each in stored if each.is_history or each.is_close]
