"""Changes the model of a service while it answers requests.

The new model is loaded in a thread, and counts the stored events there, some at a time. The last ones are counted
without a pause for other requests, so that no event is missing when the model takes over.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from core.live.service.event_store import StoredEvent
from core.live.service.served_model import ServedModel
from core.live.service.sessions import SessionService, replay_into

_AT_ONCE = 500
"""Stored events that are read at once, for which requests wait about 2 ms."""


class BusyError(Exception):
    """Another change is under way; the message is a sentence."""


class RunChange:
    """Changes the run of a service, one change at a time.

    Args:
        service: the service.
        load: loads the model of a run by its id.
    """

    def __init__(self, service: SessionService, load: Callable[[str], ServedModel]) -> None:
        self._service, self._load = service, load
        self._is_busy = False

    async def change(self, name: str) -> ServedModel:
        """Load the model of a run, and predict the open sessions with it from then on.

        Raises:
            BusyError: another change is under way.
            StudioError: the run cannot be used; the service keeps its model.
        """
        if self._is_busy:
            raise BusyError("Another run is being loaded. Try again when it predicts the sessions.")
        self._is_busy = True
        try:
            served = await asyncio.to_thread(self._load, name)
            known_until, last = served.history_end, 0
            while True:
                part = [_as_history(stored, known_until) for stored in self._service.store.replay(last, _AT_ONCE)]
                if len(part) < _AT_ONCE:
                    break
                last = part[-1].number
                await asyncio.to_thread(_count, served, part)
            _count(served, part)
            self._service.change_model(served)
        finally:
            self._is_busy = False
        return served


def _as_history(stored: StoredEvent, known_until: int) -> StoredEvent:
    """Return an event with `is_history` for the new model: whether it is later than the end of the model's history."""
    return stored._replace(is_history=stored.event.time > known_until)


def _count(served: ServedModel, events: Sequence[StoredEvent]) -> None:
    for stored in events:
        replay_into(served, stored)
