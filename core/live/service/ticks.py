"""Counts the events of all waiting requests together, with one transaction and one evaluation of the models.

While the events of some requests are counted, others arrive. They wait for the next tick, so the busier a service is,
the more requests share the cost of a tick. A request that comes alone does not wait.
"""

from __future__ import annotations

import asyncio
from collections import deque

from core.live.events import Estimate
from core.live.service.estimate_table import Key
from core.live.service.sessions import Arrival, LimitError, SessionService

_MAX_EVENTS = 256
"""Events of a tick, unless its first request has more: about 80 ms, during which no other request is answered."""
_Answer = asyncio.Future[dict[Key, Estimate]]


class Ticks:
    """The requests that wait for a service."""

    def __init__(self, service: SessionService) -> None:
        self._service = service
        self._waiting: deque[tuple[Arrival, _Answer]] = deque()

    async def receive(self, arrival: Arrival) -> dict[Key, Estimate]:
        """Return the estimates of the sessions of a request, once its events are stored.

        Raises:
            LimitError: none of the events was stored.
            sqlite3.Error: the events could not be stored.
        """
        loop = asyncio.get_running_loop()
        answer: _Answer = loop.create_future()
        if not self._waiting:
            loop.call_soon(self._tick)
        self._waiting.append((arrival, answer))
        return await answer

    def _tick(self) -> None:
        taken: list[tuple[Arrival, _Answer]] = []
        n_events = 0
        while self._waiting and (not taken or n_events + len(self._waiting[0][0].events) <= _MAX_EVENTS):
            taken.append(self._waiting.popleft())
            n_events += len(taken[-1][0].events)
        if self._waiting:
            asyncio.get_running_loop().call_soon(self._tick)
        try:
            answers = self._service.receive_all([arrival for arrival, _ in taken])
        except Exception as error:  # noqa: BLE001 (raised by each of the requests, which would wait forever)
            self._fail([answer for _, answer in taken], error)
            return
        for (_, future), answer in zip(taken, answers, strict=True):
            if future.done():  # the client has gone
                continue
            if isinstance(answer, LimitError):
                future.set_exception(answer)
            else:
                future.set_result(answer)

    @staticmethod
    def _fail(answers: list[_Answer], error: Exception) -> None:
        for answer in answers:
            if not answer.done():
                answer.set_exception(error)
