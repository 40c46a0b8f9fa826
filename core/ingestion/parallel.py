"""Map a function over items on all cores, in bounded memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from typing import TypeVar

from core.base.cores import available_cores
from core.base.thread_pool import GeneratorPool

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def map_in_order(
    work: Callable[[_Item], _Result], items: Iterable[_Item], *, per_core: int = 1, ahead: int = 0
) -> Iterator[_Result]:
    """Apply `work` to each item on a pool of threads and yield the results in the order of the items.

    At most `cores * per_core + ahead` items and results are in memory at a time.

    Args:
        work: called once per item, on any thread.
        items: read only as far ahead as needed.
        per_core: items in progress per core. More than one helps if the work is many small calls into Polars.
        ahead: finished results that may wait for the caller.

    Raises:
        Exception: the first exception of `work`. Items that have not started are cancelled.

    >>> list(map_in_order(abs, [-2, 1, -3]))
    [2, 1, 3]
    """
    workers = available_cores() * per_core
    waiting: deque[Future[_Result]] = deque()
    with GeneratorPool(workers) as pool:
        for item in items:
            waiting.append(pool.submit(work, item))
            if len(waiting) >= workers + ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
