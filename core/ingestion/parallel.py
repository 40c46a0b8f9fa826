"""Works on several things at once and gives the results in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from core.config import available_cores

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def map_in_order(
    work: Callable[[_Item], _Result], items: Iterable[_Item], *, per_core: int = 1, ahead: int = 0
) -> Iterator[_Result]:
    """Work on items side by side; results come in the order of the items.

    `per_core` items a core are in work, and `ahead` more wait to be taken, so that memory stays bounded. More than one
    a core pays for work of many small calls into Polars, where a thread often waits for another. The first failure
    ends it.
    """
    workers = available_cores() * per_core
    waiting: deque[Future[_Result]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        try:
            for item in items:
                waiting.append(pool.submit(work, item))
                if len(waiting) >= workers + ahead:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
