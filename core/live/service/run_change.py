"""Changes the model of a service while it answers requests.

The new model is loaded in a thread, and counts the stored events there as in a start of the service (bulk_load.py). The
last ones are counted without a pause for other requests, so that no event is missing when the model takes over.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import polars as pl

from core.live.service.bulk_load import BulkLoad
from core.live.service.event_store import StoredEvent
from core.live.service.served_model import ServedModel
from core.live.service.sessions import SessionService, replay_into

_AT_ONCE = 500
"""Stored events that are read at once, for which requests wait about 2 ms."""
_TABLES_AT_ONCE = 200
"""Tables of stored events that are prepared at once."""


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
            last = await self._load_closed(served)
            while len(part := list(self._service.store.replay(last, _AT_ONCE))) == _AT_ONCE:
                last = part[-1].number
                await asyncio.to_thread(_count, served, part)
            _count(served, part)
            self._service.change_model(served)
        finally:
            self._is_busy = False
        return served

    async def _load_closed(self, served: ServedModel) -> int:
        """Count the events that the store has now, and return the number of the last one."""
        store, last = self._service.store, 0
        load = BulkLoad(served, pl.col("time") > served.history_end)
        tables: list[pl.DataFrame] = []
        is_last = False
        while not is_last:
            table = store.table(last, _AT_ONCE)
            tables.append(table)
            last = int(table.get_column("number").max() or last)  # type: ignore[arg-type]  # integers
            is_last = table.height < _AT_ONCE
            if is_last or len(tables) == _TABLES_AT_ONCE:
                await asyncio.to_thread(load.add, pl.concat(tables))
                tables = []
            await asyncio.sleep(0)
        numbers = await asyncio.to_thread(load.finish)
        for first in range(0, len(numbers), _AT_ONCE):
            await asyncio.to_thread(_count, served, list(store.replay_only(numbers[first : first + _AT_ONCE])))
        return last


def _count(served: ServedModel, events: Sequence[StoredEvent]) -> None:
    """Count stored events with another model, whose history is assumed to have those until its end."""
    known_until = served.history_end
    for stored in events:
        replay_into(served, stored._replace(is_history=stored.event.time > known_until))
